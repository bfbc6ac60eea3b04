"""What the network knows beyond the neighbourhood of a residue: distances of residues far apart in the sequence.

A control that sees a window of the sequence knows all that is written nearby. What the network predicts better, of
pairs that are more than 24 residues apart (half the chain, where that is shorter), it has from further away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Singles
from levinthal.harness import Run
from levinthal.harness.results.result import CANNOT_TELL
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import long_range_drmsd_nm
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.settings import RGNSettings

NETWORK, WINDOW = "network", "window"
"""Predictors by name: the network that is trained, and its control."""

_ANGSTROM_PER_NM = 10.0
_RESAMPLES = 2000
_CONFIDENCE = 0.95


def reach_of(
    structures: Mapping[str, Sequence[Singles]], records: Sequence[ProteinRecord], corpus: Corpus
) -> dict[str, dict[str, float]]:
    """Return for each predictor the long-range dRMSD of each family in A, the mean over its members.

    Parameters
    ----------
    structures : mapping of str to sequence of ndarray
        By predictor, the backbone (residues, 3, 3) of each record in nm.
    records : sequence of ProteinRecord
    corpus : Corpus
        A synthetic one has several members of a family; other records are each a family of their own.
    """
    found: dict[str, dict[str, float]] = {}
    for name, predicted in structures.items():
        families: dict[str, list[float]] = {}
        for atoms_nm, record in zip(predicted, records, strict=True):
            if (truth_nm := record.coordinates_nm) is None or not np.isfinite(atoms_nm).all():
                continue
            far_nm = long_range_drmsd_nm(atoms_nm[:, 1], truth_nm[:, 1], record.resolved)
            if np.isfinite(far_nm):
                synthetic = corpus.origin.label == "synthetic"
                family = record.identifier.rpartition("_")[0] if synthetic else record.name
                families.setdefault(family, []).append(_ANGSTROM_PER_NM * far_nm)
        found[name] = {family: float(np.mean(values)) for family, values in families.items()}
    return found


def report_reach(
    run: Run, settings: RGNSettings, by_family: Mapping[str, Mapping[str, float]], *, split: str, trained: bool
) -> None:
    """Report the long-range dRMSD of each predictor and how far the network is ahead of the window's.

    Parameters
    ----------
    run : Run
    settings : RGNSettings
    by_family : mapping
        What `reach_of` returns.
    split : str
        What the records are.
    trained : bool
        Whether the network is trained: where the settings ask what was learned, that it knows more than the window is
        a gate.
    """
    for name, values in by_family.items():
        mean = float(np.mean(list(values.values()))) if values else None
        run.metric(
            "mean long-range dRMSD", mean, unit="A", better="lower", kind="quality",
            reason="no two resolved residues are far apart", labels={"split": split, "predictor": name},
        )  # fmt: skip
    if not by_family.get(WINDOW) or not by_family[NETWORK]:
        return
    both = [family for family in by_family[NETWORK] if family in by_family[WINDOW]]
    network, window = (np.array([by_family[name][family] for family in both]) for name in (NETWORK, WINDOW))
    ratio = float(window.mean() / network.mean())
    low, high = ratio_of_means_interval(window, network, run.seed_for("families", bits=31))
    verdict = "better" if low > 1.0 else "worse" if high < 1.0 else CANNOT_TELL
    run.comparison(
        "long-range dRMSD", candidate=NETWORK, baseline=WINDOW, terms="the same records and training steps",
        value=ratio, interval=(low, high), n=len(network), verdict=verdict,
        method=f"ratio of means, percentile bootstrap over families ({_RESAMPLES} resamples)",
    )  # fmt: skip
    run.finding(
        f"Of pairs far apart in the sequence the network has a dRMSD of {network.mean():.3g} A, the one that sees a "
        f"window {window.mean():.3g} A: a ratio of {ratio:.3g} [{low:.3g}, {high:.3g}] over {len(network)} families."
    )
    if trained and settings.judge == "learning":
        run.gate(
            "long-range dRMSD over that of the window",
            1.0 / ratio,
            at_most=settings.beyond_window,
            labels={"split": split},
            advice=f"train longer (steps={2 * settings.steps}) or on more families (families={2 * settings.families})",
        )


def ratio_of_means_interval(above: Doubles, below: Doubles, seed: int) -> tuple[float, float]:
    """Return the interval of mean(above) / mean(below), paired by family: a percentile bootstrap over families.

    Parameters
    ----------
    above, below : ndarray, shape (families,)
        Positive.
    seed : int
        Of the resamples.
    """
    rng = np.random.default_rng(seed)
    drawn: npt.NDArray[np.int64] = rng.integers(len(above), size=(_RESAMPLES, len(above)))
    ratios = above[drawn].mean(axis=1) / below[drawn].mean(axis=1)
    tail = 100.0 * (1.0 - _CONFIDENCE) / 2.0
    low, high = np.percentile(ratios, [tail, 100.0 - tail])
    return float(low), float(high)
