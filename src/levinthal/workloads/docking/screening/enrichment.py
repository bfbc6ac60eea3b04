"""How well a ranking puts actives first: ROC AUC, BEDROC and the enrichment factor of the top fraction.

BEDROC is RDKit's, after Truchon and Bayly, J. Chem. Inf. Model. 47:488 (2007), with alpha = 20: then 80 % of the score
comes from the first 8 % of the list. Intervals are bootstrapped over compounds, actives and decoys each among their
own; of a handful of either there is none. Of fewer than 1,000 compounds 1 % is fewer than ten: no enrichment is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.simulation.analysis.intervals import Estimate

BEDROC_ALPHA = 20.0
TOP_FRACTION = 0.01
_FEWEST_FOR_ENRICHMENT = 1000
_FEWEST_FOR_INTERVAL = 10
_RESAMPLES = 400
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Enrichment:
    """What a ranking is worth.

    Attributes
    ----------
    n_active, n_decoy : int
        How many of each were ranked.
    roc_auc : Estimate
        Probability that an active stands before a decoy; ties count half.
    bedroc : Estimate
        Early recognition, from 0 to 1.
    enrichment : float or None
        Actives among the first 1 %, over those of a random order; None of fewer than 1,000 compounds.
    """

    n_active: int
    n_decoy: int
    roc_auc: Estimate
    bedroc: Estimate
    enrichment: float | None


def enrichment_of(scores: npt.ArrayLike, active: npt.ArrayLike) -> Enrichment | None:
    """Judge scores, of which a lower one is better; None where there are no actives or no decoys.

    Parameters
    ----------
    scores : array_like, (compounds,)
        Docking scores in kcal/mol.
    active : array_like of bool, (compounds,)

    Returns
    -------
    Enrichment or None
    """
    scores, marked = np.asarray(scores, np.float64), np.asarray(active, np.bool_)
    n_active = int(marked.sum())
    n_decoy = len(marked) - n_active
    if n_active == 0 or n_decoy == 0:
        return None
    actives, decoys = scores[marked], scores[~marked]
    top = round(TOP_FRACTION * len(marked))
    enrichment = None
    if len(marked) >= _FEWEST_FOR_ENRICHMENT:
        # of equal scores the decoys stand first: a tie earns nothing
        enrichment = float(marked[np.lexsort((marked, scores))][:top].mean() / marked.mean())
    return Enrichment(
        n_active=n_active,
        n_decoy=n_decoy,
        roc_auc=_with_interval(_roc_auc, actives, decoys),
        bedroc=_with_interval(_bedroc, actives, decoys),
        enrichment=enrichment,
    )


Scores = npt.NDArray[np.float64]


def _roc_auc(actives: Scores, decoys: Scores) -> float:
    below, not_above = (np.searchsorted(np.sort(decoys), actives, side=side) for side in ("left", "right"))
    return float(1.0 - (below + not_above).mean() / (2 * len(decoys)))


def _bedroc(actives: Scores, decoys: Scores) -> float:
    from rdkit.ML.Scoring import Scoring

    marked = np.repeat([True, False], (len(actives), len(decoys)))
    order = np.lexsort((marked, np.concatenate((actives, decoys))))
    ranked = [(bool(each),) for each in marked[order]]
    value = float(Scoring.CalcBEDROC(ranked, 0, BEDROC_ALPHA))  # type: ignore[no-untyped-call]
    return min(max(value, 0.0), 1.0)  # rounding may leave the range by 1e-19


def _with_interval(measure: Callable[[Scores, Scores], float], actives: Scores, decoys: Scores) -> Estimate:
    value = measure(actives, decoys)
    if min(len(actives), len(decoys)) < _FEWEST_FOR_INTERVAL:
        why = f"{len(actives)} actives and {len(decoys)} decoys: too few for an interval"
        return Estimate(value, np.nan, np.nan, _CONFIDENCE, why)
    generator = np.random.default_rng(0)
    drawn = [measure(*(generator.choice(each, len(each)) for each in (actives, decoys))) for _ in range(_RESAMPLES)]
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), _CONFIDENCE, "bootstrap over actives and over decoys")
