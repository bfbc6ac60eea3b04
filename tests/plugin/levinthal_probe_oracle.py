"""A workload whose model answers after a known time, or wrongly in a way that audits are to find."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from levinthal.harness import Run, Settings

_FIRST_TEST = 66
"""Answers of the warm-up, six, and of most of a timed test of 0.2 s, which has 64 to 100."""

_FASTER = {"low": 0.0, "coarse": 0.25, "broken": 9.0, "empty": np.nan}
"""Precisions that take a third of the time, and what they are off by; the tolerance is a half."""


class OracleSettings(Settings):
    answer_s: float = Field(default=0.002, ge=0, description="How long an answer takes.")
    mode: Literal["good", "moody", "crooked", "foreseeing", "raise", "abort"] = Field(
        default="good", description="What is wrong with it."
    )

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"tiny": {}, "small": {}, "paper": {}}


class Oracle:
    """Says which sample it was asked about."""

    execution, deviation_of, tolerance = "sleep", "difference", 0.5

    def __init__(self, settings: OracleSettings, precision: str = "fp32") -> None:
        self.precision = precision
        self.settings, self.buckets, self.asked = settings, {"short": range(20), "long": range(20, 40)}, 0

    def answer(self, samples: Sequence[int]) -> list[Any]:
        """Sleep for each, then say their numbers."""
        mode, self.asked = self.settings.mode, self.asked + len(samples)
        first_test = self.asked <= _FIRST_TEST
        if not first_test and mode == "raise":
            raise ValueError("the oracle is silent")
        if not first_test and mode == "abort":
            os.abort()
        slow = mode == "foreseeing" and not first_test
        share = 0.3 if self.precision in _FASTER else 2.0 if slow else 1.0
        time.sleep(len(samples) * self.settings.answer_s * share)
        wrong = float(mode == "crooked" or (mode == "moody" and first_test)) + _FASTER.get(self.precision, 0.0)
        return [np.array([each + wrong], np.float32) for each in samples]

    def in_precision(self, precision: str) -> Oracle:
        """Return an oracle that is faster, or not."""
        if precision == "lacking":
            raise NotImplementedError("no such arithmetic here")
        return Oracle(self.settings, precision)

    def effects(self, answers: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        """Return which share of the answers is the same to the last bit."""
        return {"answers in common": float(np.mean(np.equal(answers, references)))}

    def reference(self, samples: Sequence[int]) -> list[Any]:
        """Say their numbers at once."""
        return [np.array([each], np.float32) for each in samples]

    def deviation(self, answer: Any, reference: Any) -> float:
        """Return the difference."""
        return float(np.abs(answer - reference).max())


class OracleWorkload:
    """Is asked and does nothing else."""

    name: ClassVar[str] = "oracle"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = OracleSettings
    query: ClassVar[str] = "question"
    latency_bound_ms: ClassVar[float] = 40.0
    scenarios: ClassVar[tuple[str, ...]] = ("single-stream", "offline")
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "same", "tf32", "lacking", "broken", "empty", "coarse", "low")
    effects: ClassVar[Mapping[str, tuple[Any, Any]]] = {"answers in common": ("1", "higher")}

    def run(self, run: Run, settings: OracleSettings) -> None:
        """Leave a model, and say how fast conformations would come."""
        run.dataset("questions", version="1", sha256="0" * 64, synthetic=True)
        run.metric("simulation frame rate", 50.0, unit="frame/s", better="higher")
        with run.phase("train"):
            time.sleep(0.2)

    def inference_buckets(self, settings: OracleSettings) -> tuple[str, ...]:
        """Return both."""
        return "short", "long"

    def load_inference(self, run: Run, settings: OracleSettings, source: Path | None) -> Oracle:
        """Return the oracle."""
        run.dataset("questions", version="1", sha256="0" * 64, synthetic=True)
        run.note(f"asked of {'nobody' if source is None else source.name}")
        return Oracle(settings)
