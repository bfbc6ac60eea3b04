"""What travels between a study of scenarios and the process in which LoadGen asks a model: terms, request, record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scenario = Literal["single-stream", "multi-stream", "server", "offline"]

SCENARIOS: Mapping[Scenario, str] = {
    "single-stream": "SingleStream",
    "multi-stream": "MultiStream",
    "server": "Server",
    "offline": "Offline",
}
"""What each is called by LoadGen."""

LEAST_QUERIES: Mapping[Scenario, int] = {"single-stream": 64, "multi-stream": 662, "server": 662, "offline": 1}
"""Queries below which LoadGen's early stopping says nothing: for a 90th percentile 64, for a 99th 662."""


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ServingTerms(_Plain):
    """Which model is loaded, and where.

    Attributes
    ----------
    workload : str
    settings : mapping of str to value
        The workload's.
    source : str
        Folder of the repeat whose model is taken; empty for a new model.
    seed : int
    device, precision : str
        As asked for.
    """

    workload: str
    settings: Mapping[str, Any]
    source: str
    seed: int
    device: str
    precision: str


class Request(_Plain):
    """One point to measure.

    Attributes
    ----------
    scenario : str
    bucket : str
    batch : int
        Samples that are answered at a time at most; in the multi-stream scenario those of a query.
    seconds : float
        How long a test lasts at least.
    bound_ms : float
        Within which 99 of 100 answers of a server are to come.
    seed : int
        Of LoadGen's choice of samples, their order and the times of arrival.
    file, logs : Path
        Where the record is written, and a folder for LoadGen's logs.
    """

    scenario: Scenario
    bucket: str
    batch: int
    seconds: float
    bound_ms: float
    seed: int
    file: Path
    logs: Path


class ServingRecord(_Plain):
    """What LoadGen and the audits found of a point.

    Attributes
    ----------
    verdict : {"VALID", "INVALID"}
        LoadGen's.
    reason, advice : str
        Why it is invalid, and what to change; empty where it is valid.
    n_queries : int
        Queries that were answered, and
    latency_ms : mapping of str to float
        percentiles of their latencies, of as many as so many queries allow.
    estimate_ms : float or None
        LoadGen's early-stopping estimate of the percentile of the scenario (single-stream the 90th, multi-stream the
        99th).
    per_s : float or None
        Samples answered a second; of a server the highest rate of arrivals that meets the bound.
    answer_s : tuple of float
        Time of each batch within the model.
    mean_batch : float
        Samples of a batch.
    moved : float or None
        Largest deviation between answers of the timed run and of the accuracy run, and
    deviation : float or None
        between the latter and the plain reference, both over the tolerance; null where one is not finite.
    deviation_of : str
        What a deviation measures, and the tolerance.
    other_seeds : float
        Median time of an answer with other seeds over that with the seeds of the timed run.
    execution, device, loadgen : str
        How and where it was computed, and LoadGen's version.
    """

    verdict: Literal["VALID", "INVALID"]
    reason: str = ""
    advice: str = ""
    n_queries: int
    latency_ms: Mapping[str, float]
    estimate_ms: float | None
    per_s: float | None
    answer_s: tuple[float, ...] = Field(min_length=1)
    mean_batch: float
    moved: float | None
    deviation: float | None
    deviation_of: str
    other_seeds: float
    execution: str
    device: str
    loadgen: str
