"""What point mutations, insertions and deletions change in the prediction, beside the nearest homologue copied.

Ma et al. (2020) name proteins with mutations and indels as what a recurrent geometric network is good for: a template
has the fold of the wild type whatever the sequence says. Here the truth of each variant is known, since the families
are made up: the template is as good as one can be, the true structure of the wild type.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from levinthal.arrays import Floats
from levinthal.harness import Run
from levinthal.proteins.similarity.structure_scores import score_structure
from levinthal.proteins.synthetic.variants import CHANGES, Variant
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.predictor import predict

_ANGSTROM_PER_NM = 10.0


def report_variants(run: Run, model: RGNModel, variants: Sequence[Variant]) -> None:
    """Predict variants and their wild types and report, by change, how far off and how far apart they are.

    Parameters
    ----------
    run : Run
    model : RGNModel
    variants : sequence of Variant
        Nothing is reported where there are none.
    """
    if not variants:
        return
    with run.phase("predict variants", items=2 * len(variants), doing="mutations, insertions and deletions"):
        records = [record for each in variants for record in (each.wild, each.changed)]
        predicted = predict(model, [features_of(record.sequence, record.profile) for record in records])
        rows = [_row(each, *predicted[2 * k : 2 * k + 2]) for k, each in enumerate(variants)]
    for change in CHANGES:
        mine = np.array([row for row, each in zip(rows, variants, strict=True) if each.change == change])
        if not len(mine):
            continue
        means = mine.mean(axis=0)
        for predictor, mean in zip(("network", "homologue copied"), means[:2].tolist(), strict=True):
            labels = {"change": change, "predictor": predictor}
            run.metric("mean dRMSD of variants", mean, unit="A", better="lower", kind="quality", labels=labels)
        run.finding(
            f"{change.capitalize()} ({len(mine)} proteins) move the true structure by {means[1]:.2g} A of dRMSD, by "
            f"which the wild type's structure copied is off, and the predicted one by {means[2]:.2g} A; the network is "
            f"{means[0]:.2g} A off."
        )


def _row(variant: Variant, wild_nm: Floats, changed_nm: Floats) -> tuple[float, float, float]:
    """Return dRMSD in A: of the network, of the wild type's structure copied, and of prediction and wild type's."""
    here = variant.shared
    there = variant.sites[here]
    true_wild, true_changed = (np.asarray(each.coordinates_nm)[:, 1] for each in (variant.wild, variant.changed))
    return (
        _drmsd(changed_nm[here, 1], true_changed[here]),
        _drmsd(true_wild[there], true_changed[here]),
        _drmsd(changed_nm[here, 1], wild_nm[there, 1]),
    )


def _drmsd(one_nm: Floats, other_nm: Floats) -> float:
    return _ANGSTROM_PER_NM * score_structure(one_nm, other_nm, np.ones(len(one_nm), np.bool_)).drmsd_nm
