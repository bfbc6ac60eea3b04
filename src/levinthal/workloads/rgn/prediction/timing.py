"""The phase in which prediction is timed, one protein at a time and all together, and what is reported of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from levinthal.arrays import Singles
from levinthal.harness import Run
from levinthal.proteins.records import ProteinRecord
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.model.config import PRESETS, flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.figures import time_figure
from levinthal.workloads.rgn.prediction.predictor import (
    STAGES,
    TimedProtein,
    Timing,
    fit_growth,
    length_bins,
    lower_precision,
    time_batch,
    time_target,
)
from levinthal.workloads.rgn.prediction.requests import Request
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.targets import CASP12_TARGETS, random_relatives, random_sequences
from levinthal.workloads.training.reporting import Arithmetic

if TYPE_CHECKING:
    from levinthal.proteins.sequences.profiles import Profile

_ANGSTROM_PER_NM = 10.0
_RELATIVES = 8
"""Of each target, in the database that its profile is searched in."""


class Targets(NamedTuple):
    """Sequences and profiles to predict against the clock, and what they are."""

    what: str
    proteins: Sequence[TimedProtein]


def targets_of(run: Run, settings: RGNSettings, requests: Sequence[Request], corpus: Corpus | None) -> Targets:
    """Return what prediction is timed on: a person's sequences, CASP's where they are there, else random ones.

    Random ones, as long as CASP12's, have relatives in a small database, in which their profiles are searched as
    ProteinNet's were; phase `profile targets`.
    """
    if requests:
        return Targets(
            "the sequences given",
            [
                TimedProtein(each.sequence, *((None, None) if each.profile is None else _searched(each.profile)))
                for each in requests
            ],
        )
    if corpus is not None and corpus.test is not None and corpus.origin.label != "synthetic":
        return Targets("the test records", [TimedProtein(each.sequence, _singles(each)) for each in corpus.test])
    from levinthal.proteins.sequences.profiles import search_profiles
    from levinthal.proteins.sequences.sequence_search import SequenceDatabase

    seed = run.seed_for("targets", bits=31)
    sequences = random_sequences(settings.target_lengths, seed)
    database = SequenceDatabase.from_sequences(
        random_relatives(sequences, _RELATIVES, seed), "relatives of the targets"
    )
    queries = [(f"target_{number + 1}", each) for number, each in enumerate(sequences)]
    with run.phase("profile targets", items=len(queries), doing="searching the profiles of what is timed"):
        # one at a time, each on all cores: side by side they would be timed against each other
        found = [search_profiles([query], database, n_workers=run.n_workers)[0] for query in queries]
    run.note(
        f"Prediction is timed on {len(found)} random sequences as long as "
        f"{'the' if len(found) == len(CASP12_TARGETS) else 'some of the'} targets of CASP12. Their profiles were "
        f"searched in {len(database):,} sequences; time in a database grows with its size."
    )
    return Targets("random sequences", [TimedProtein(each.sequence, *_searched(each)) for each in found])


def _searched(profile: Profile) -> tuple[Singles, float]:
    return profile.values, profile.duration_s


def _singles(record: ProteinRecord) -> Singles | None:
    return None if record.profile is None else np.asarray(record.profile, np.float32)


def timed_model(run: Run, settings: RGNSettings, model: RGNModel, requests: Sequence[Request]) -> RGNModel:
    """Return the network that prediction is timed with: the published one, at every size.

    A person's own sequences are timed with the weights that predict them. Where the network that was trained is of
    another architecture, the published one stands in with weights as they start: they change no time.
    """
    if requests or settings.preset != "fast":
        return model
    run.note(
        "Prediction is timed with the published network, 2 layers of 800 units a direction, its weights untrained."
    )
    return RGNModel(PRESETS["casp12"], seed=run.seed_for("weights", bits=31)).to(run.device).eval()


def measure_time(run: Run, settings: RGNSettings, model: RGNModel, targets: Targets) -> Arithmetic:
    """Predict each target against the clock, alone and all together, and return its operations; phase `time`."""
    features = [each.features for each in targets.proteins]
    moved_nm = lower_precision(model, features)
    with run.phase("time", items=len(features), total=len(features), doing="predictions by length") as phase:
        timings = []
        for each in targets.proteins:
            timings.append(time_target(model, each, run.folder, timings=settings.timings))
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
    for number, stage in enumerate(STAGES):
        stage_s = sum(float(np.median(timing.stages_s[:, number])) for timing in timings)
        run.metric("share of prediction time", stage_s / alone_s, unit="1", better="lower", labels={"stage": stage})
    searched = [timing.profile_s for timing in timings if timing.profile_s is not None]
    over = sum(searched) / alone_s if searched else None
    run.metric(
        "profile search over prediction time", over, unit="1", better="lower", reason="no profile was searched here"
    )
    growth = fit_growth(
        [timing.n_residues for timing in timings], [float(np.median(timing.total_s)) for timing in timings]
    )
    if growth is not None:
        run.metric("prediction time a residue", 1e6 * growth.per_residue_s, unit="us", better="lower")
        run.metric("exponent of prediction time in length", growth.exponent, unit="1", better="lower")
    run.artifact(
        "prediction_time.svg",
        time_figure(timings, growth, targets.what),
        f"Prediction time against number of residues, one protein at a time, a point for each target "
        f"({targets.what}), and its split by stage; the search for the profile is not in the time and, where it was "
        "made here, is in the split.",
    )
    return Arithmetic("inference", n_residues / batched_s * flops_per_residue(model.config), "fp32")


def _report_times(run: Run, ordered: Sequence[Timing]) -> None:
    """Report the times of targets in order of length: each, by stage, and percentiles by hundreds of residues."""
    run.samples("length of a target", [timing.n_residues for timing in ordered], unit="residue")
    stages = {"total": [timing.total_s for timing in ordered]}
    stages |= {stage: [timing.stages_s[:, number] for timing in ordered] for number, stage in enumerate(STAGES)}
    if all(timing.profile_s is not None for timing in ordered):
        stages["profile"] = [np.array([timing.profile_s], np.float64) for timing in ordered]
    for stage, durations_s in stages.items():
        medians_ms = [1e3 * float(np.median(each)) for each in durations_s]
        run.samples("prediction time", medians_ms, unit="ms", labels={"stage": stage})
    for residues, members in length_bins(ordered).items():
        seconds = np.concatenate([timing.total_s for timing in members])
        for percentile in (50, 90):
            labels = {"residues": residues, "percentile": percentile}
            value = 1e3 * float(np.percentile(seconds, percentile))
            run.metric("prediction time", value, unit="ms", better="lower", labels=labels)
