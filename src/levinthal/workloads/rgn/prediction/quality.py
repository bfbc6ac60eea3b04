"""Predictions against known structures, and against predictors that see less of the sequence, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from levinthal.arrays import Singles
from levinthal.harness import Run
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import StructureScores, score_structure
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.evaluation import (
    IDEAL_HELIX_RAD,
    best_constant_torsions,
    constant_backbones,
    mean_torsions,
    median_by_group,
)
from levinthal.workloads.rgn.prediction.figures import score_figure
from levinthal.workloads.rgn.prediction.looking import show_predictions
from levinthal.workloads.rgn.prediction.predictor import predict
from levinthal.workloads.rgn.prediction.reach import NETWORK, WINDOW, reach_of, report_reach
from levinthal.workloads.rgn.settings import RGNSettings

_ANGSTROM_PER_NM = 10.0
_FAR_BELOW = 0.85
"""Most that the held-out dRMSD of a trained network may be of the best predictor's that knows nothing of the sequence,
which is at 1. Of `tiny` the ratio spreads by 0.05 over seeds about 0.7."""
_MOST_FOR_GRID, _MOST_FOR_TORSIONS = 30, 1_000


def measure_quality(
    run: Run, settings: RGNSettings, model: RGNModel, corpus: Corpus, *, window: RGNModel | None, trained: bool
) -> None:
    """Predict the records that were held out, and those for testing, and score them; phases `predict` and `evaluate`.

    Parameters
    ----------
    run : Run
    settings : RGNSettings
    model : RGNModel
    corpus : Corpus
    window : RGNModel or None
        The control that sees a window of the sequence.
    trained : bool
        Whether the weights are trained: where the settings ask what was learned, gates are reported.
    """
    held_out = [record for record in corpus.validation if len(record) <= settings.max_length]
    test = [] if corpus.test is None else list(corpus.test)
    records = held_out + test
    with run.phase("predict", items=len(records), doing="structures that were held out"):
        structures = {NETWORK: _predicted(model, records)}
        if window is not None:
            structures[WINDOW] = _predicted(window, records)
    with run.phase("evaluate", items=len(records), doing="comparing with the known structures"):
        structures |= _without_sequence(corpus, settings.max_length, [len(record) for record in records])
        scores = {name: _scores(predicted, records) for name, predicted in structures.items()}
    split = "held out" if corpus.held_out else "training set"
    n = len(held_out)
    drmsd = {name: np.array([_ANGSTROM_PER_NM * each.drmsd_nm for each in found]) for name, found in scores.items()}
    means = {name: float(np.nanmean(values[:n])) for name, values in drmsd.items()}
    for name, mean in means.items():
        run.metric(
            "mean dRMSD", mean, unit="A", better="lower", kind="quality", labels={"split": split, "predictor": name}
        )
    _report_scores(run, {"split": split}, median_by_group(scores[NETWORK][:n], [""] * n))
    if test:
        _report_scores(
            run, {"split": "test"}, median_by_group(scores[NETWORK][n:], [each.group or "" for each in test])
        )
    n_broken = sum(not np.isfinite(atoms_nm).all() for atoms_nm in structures[NETWORK])
    run.gate("structures with a coordinate that is not finite", float(n_broken), at_most=0.0)
    if trained:
        weights = np.array([np.count_nonzero(record.resolved) for record in held_out], np.float64)
        known = np.isfinite(drmsd[NETWORK][:n])
        weighted = float(np.average(drmsd[NETWORK][:n][known], weights=weights[known])) if known.any() else math.nan
        _gates(run, settings, means, weighted, split)
    report_reach(run, settings, reach_of(structures, records, corpus), split=split, trained=trained)
    if trained:
        show_predictions(run, list(zip(held_out, structures[NETWORK], scores[NETWORK], strict=False)))
    run.artifact(
        "scores.svg",
        score_figure({name: values[:n][np.isfinite(values[:n])] for name, values in drmsd.items()}),
        f"dRMSD of the {'held-out' if corpus.held_out else split} proteins: the network, the same with a window of the "
        "sequence alone, and three predictors that do not look at the sequence.",
    )


def _gates(run: Run, settings: RGNSettings, means: Mapping[str, float], weighted: float, split: str) -> None:
    best = min((name for name in means if name not in (NETWORK, WINDOW)), key=lambda name: means[name])
    trivial = means[best]
    run.finding(
        f"Mean dRMSD, {split}: the network {means[NETWORK]:.3g} A, the best predictor that does not look at the "
        f"sequence ({best}) {trivial:.3g} A."
    )
    if settings.judge != "learning":
        return
    longer = f"train longer: steps={2 * settings.steps}"
    run.gate(
        "dRMSD in A, weighted by resolved residues",
        weighted,
        at_most=settings.target_drmsd,
        labels={"split": split},
        advice=f"{longer}, or set target_drmsd to what is to be reached",
    )
    run.gate(
        "mean dRMSD over that of the best trivial predictor",
        means[NETWORK] / trivial,
        at_most=_FAR_BELOW,
        labels={"split": split},
        advice=longer,
    )


def _predicted(model: RGNModel, records: Sequence[ProteinRecord]) -> list[Singles]:
    return predict(model, [features_of(record.sequence, record.profile) for record in records])


def _without_sequence(corpus: Corpus, max_length: int, lengths: Sequence[int]) -> dict[str, list[Singles]]:
    """Return what predictors that learn torsions from the training records, the same for every residue, predict."""
    spread = max(1, len(corpus.train) // _MOST_FOR_TORSIONS)
    torsions = mean_torsions(corpus.train[number] for number in range(0, len(corpus.train), spread))
    spread = max(1, len(corpus.train) // _MOST_FOR_GRID)
    some = (corpus.train[number] for number in range(0, len(corpus.train), spread))
    sample = [record for record in some if record.coordinates_nm is not None and len(record) <= max_length]
    return {
        "mean torsions": constant_backbones(torsions, lengths),
        "ideal helix": constant_backbones(IDEAL_HELIX_RAD, lengths),
        "best constant torsions": constant_backbones(best_constant_torsions(sample), lengths),
    }


def _scores(predicted: Sequence[Singles], records: Sequence[ProteinRecord]) -> list[StructureScores]:
    """Score CA traces; NaN for a record without coordinates, and for a prediction that is not finite."""
    nothing = np.zeros((0, 3))
    found = []
    for atoms_nm, record in zip(predicted, records, strict=True):
        truth_nm, mask = record.coordinates_nm, record.resolved
        if truth_nm is None or not np.isfinite(atoms_nm).all():
            found.append(score_structure(nothing, nothing, np.zeros(0, np.bool_)))
        else:
            found.append(score_structure(atoms_nm[:, 1], truth_nm[:, 1], mask))
    return found


def _report_scores(run: Run, of: Mapping[str, str], medians: Mapping[str, tuple[StructureScores, int]]) -> None:
    """Report the median of each score, by class of target where there are classes."""
    why = "no protein has three resolved residues"
    for group, (median, count) in medians.items():
        labels = {**of, "class": group or "all"}
        run.metric("proteins scored", count, unit="1", better="higher", kind="quality", labels=labels)
        for name, value_nm in (("median dRMSD", median.drmsd_nm), ("median RMSD", median.rmsd_nm)):
            value = _ANGSTROM_PER_NM * value_nm
            run.metric(name, value, unit="A", better="lower", kind="quality", reason=why, labels=labels)
        for name, value in (
            ("median TM-score", median.tm_score),
            ("median GDT_TS", median.gdt_ts),
            ("median lDDT-CA", median.lddt_ca),
            ("median handedness", median.handedness),
        ):
            run.metric(name, value, unit="1", better="higher", kind="quality", reason=why, labels=labels)
