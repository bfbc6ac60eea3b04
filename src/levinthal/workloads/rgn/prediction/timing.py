"""The phase in which prediction is timed, one protein at a time and all together, and what is reported of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from levinthal.arrays import Singles
from levinthal.harness import Run
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.config import flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.figures import time_figure
from levinthal.workloads.rgn.prediction.predictor import (
    STAGES,
    Timing,
    fit_growth,
    length_bins,
    lower_precision,
    time_batch,
    time_target,
)
from levinthal.workloads.rgn.prediction.requests import Request
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.targets import random_sequences
from levinthal.workloads.training.reporting import Arithmetic

_ANGSTROM_PER_NM = 10.0


class Targets(NamedTuple):
    """Sequences and features to predict against the clock, and what they are."""

    what: str
    proteins: Sequence[tuple[str, Singles]]


def targets_of(settings: RGNSettings, requests: Sequence[Request], corpus: Corpus | None, seed: int) -> Targets:
    """Return what prediction is timed on: a person's sequences, CASP's where they are there, else random ones."""
    if requests:
        return Targets("the sequences given", [(each.sequence, each.features) for each in requests])
    if corpus is not None and corpus.test is not None and corpus.origin.label != "synthetic":
        records = list(corpus.test)
        return Targets(
            "the test records", [(each.sequence, features_of(each.sequence, each.profile)) for each in records]
        )
    sequences = random_sequences(settings.target_lengths, seed)
    return Targets("random sequences, for timing only", [(each, features_of(each, None)) for each in sequences])


def measure_time(run: Run, settings: RGNSettings, model: RGNModel, targets: Targets) -> Arithmetic:
    """Predict each target against the clock, alone and all together, and return its operations; phase `time`."""
    features = [each for _, each in targets.proteins]
    moved_nm = lower_precision(model, features)
    with run.phase("time", items=len(features), total=len(features), doing="predictions by length") as phase:
        timings = []
        for sequence, each in targets.proteins:
            timings.append(time_target(model, sequence, each, run.folder, timings=settings.timings))
            phase.advance()
        batched_s = float(np.median(time_batch(model, features, timings=settings.timings)))
    run.metric(
        "dRMSD by which lower precision would move a structure",
        _ANGSTROM_PER_NM * moved_nm,
        unit="A",
        better="lower",
        kind="quality",
        labels={"precision": "int16"},
    )
    ordered = sorted(timings, key=lambda timing: timing.n_residues)
    _report_times(run, ordered)
    n_residues = sum(timing.n_residues for timing in timings)
    alone_s = sum(float(np.median(timing.total_s)) for timing in timings)
    for batch, duration_s in (("one at a time", alone_s), ("batched", batched_s)):
        rate = n_residues / duration_s
        run.metric("inference rate", rate, unit="residue/s", better="higher", labels={"batch": batch})
    geometry_s = sum(float(np.median(timing.stages_s[:, STAGES.index("geometry")])) for timing in timings)
    share = geometry_s / alone_s
    run.metric("share of prediction time", share, unit="1", better="lower", labels={"stage": "geometry"})
    growth = fit_growth(timings)
    if growth is not None:
        run.metric("prediction time a residue", 1e6 * growth.per_residue_s, unit="us", better="lower")
        run.metric("exponent of prediction time in length", growth.exponent, unit="1", better="lower")
    run.artifact(
        "prediction_time.svg",
        time_figure(timings, growth, targets.what),
        f"Prediction time against number of residues, one protein at a time, a point for each target "
        f"({targets.what}), and its split by stage; the profile, searched once, is not in it.",
    )
    return Arithmetic("inference", n_residues / batched_s * flops_per_residue(model.config), "fp32")


def _report_times(run: Run, ordered: Sequence[Timing]) -> None:
    """Report the times of targets in order of length: each, by stage, and percentiles by hundreds of residues."""
    run.samples("length of a target", [timing.n_residues for timing in ordered], unit="residue")
    stages = {"total": [timing.total_s for timing in ordered]}
    stages |= {stage: [timing.stages_s[:, number] for timing in ordered] for number, stage in enumerate(STAGES)}
    for stage, durations_s in stages.items():
        medians_ms = [1e3 * float(np.median(each)) for each in durations_s]
        run.samples("prediction time", medians_ms, unit="ms", labels={"stage": stage})
    for residues, members in length_bins(ordered).items():
        seconds = np.concatenate([timing.total_s for timing in members])
        for percentile in (50, 90):
            labels = {"residues": residues, "percentile": percentile}
            value = 1e3 * float(np.percentile(seconds, percentile))
            run.metric("prediction time", value, unit="ms", better="lower", labels=labels)
