"""A library put in order in several ways, so that the docking score is seen beside what needs no docking.

Scores grow with the number of atoms; a ranking by size alone is the control that a docking score has to beat, and the
efficiency, the score for each heavy atom, takes size out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from levinthal.workloads.docking.screening.enrichment import Enrichment, enrichment_of
from levinthal.workloads.docking.screening.screen import Hit

DOCKING = "docking score"
RANKINGS: Mapping[str, Callable[[Hit], float]] = MappingProxyType(
    {
        DOCKING: lambda hit: hit.affinity_kcal_mol,
        "ligand efficiency": lambda hit: hit.efficiency_kcal_mol,
        "size alone": lambda hit: -float(len(hit.ligand.heavy_atoms)),
    }
)
"""What each ranking goes by; lower is better."""


def enrichments(hits: Sequence[Hit]) -> Mapping[str, Enrichment | None]:
    """Return what each ranking is worth over the compounds of which it is known; None without actives or decoys."""
    known = [hit for hit in hits if hit.entry.active is not None]
    active = np.array([bool(hit.entry.active) for hit in known])
    return {name: enrichment_of([by(hit) for hit in known], active) for name, by in RANKINGS.items()}
