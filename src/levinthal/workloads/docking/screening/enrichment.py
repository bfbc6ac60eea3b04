"""How well a ranking puts actives first: ROC AUC, BEDROC and the enrichment factor of the top fraction.

BEDROC is RDKit's, after Truchon and Bayly, J. Chem. Inf. Model. 47:488 (2007), with alpha = 20: then 80 % of the score
comes from the first 8 % of the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BEDROC_ALPHA = 20.0
TOP_FRACTION = 0.01


@dataclass(frozen=True)
class Enrichment:
    """What a ranking is worth.

    Attributes
    ----------
    n_active, n_decoy : int
        How many of each were ranked.
    roc_auc : float
        Probability that an active stands before a decoy; ties count half.
    bedroc : float
        Early recognition, from 0 to 1.
    enrichment : float
        Actives among the first 1 % (at least one compound), over those of a random order.
    """

    n_active: int
    n_decoy: int
    roc_auc: float
    bedroc: float
    enrichment: float


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
    from rdkit.ML.Scoring import Scoring
    from sklearn.metrics import roc_auc_score

    # of equal scores the decoys stand first: a tie earns nothing
    order = np.lexsort((marked, scores))
    ranked = marked[order]
    top = max(1, round(TOP_FRACTION * len(ranked)))
    bedroc = Scoring.CalcBEDROC([(bool(each),) for each in ranked], 0, BEDROC_ALPHA)  # type: ignore[no-untyped-call]
    return Enrichment(
        n_active=n_active,
        n_decoy=n_decoy,
        roc_auc=float(roc_auc_score(marked, -scores)),
        bedroc=min(max(float(bedroc), 0.0), 1.0),  # rounding may leave the range by 1e-19
        enrichment=float(ranked[:top].mean() / (n_active / len(ranked))),
    )
