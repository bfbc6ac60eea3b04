"""A made-up repeat protein as a Go model: its repeats are alike, so what folds first does not say which comes next."""

from __future__ import annotations

from levinthal.workloads.sampling.systems.folding import GO_CAMPAIGN, go_system
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest

_RESIDUES = 56
_KT = 0.65
"""Here it folds and stays folded: from the stretched-out chain Q first reaches 0.9 after 1.3e4 steps and stays about
there (one walk of 7e4); at 0.8 Q stays at 0.75 to 0.8, at 1.0 the native structure comes apart within 2e4 steps."""


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.go.repeat_protein import repeat_protein

    model = repeat_protein(_RESIDUES, request.settings.temperature or _KT)
    return go_system(model, request, f"a made-up protein of {_RESIDUES} residues, two repeats of two helices")


SYSTEM = SystemKind(_make, campaign=GO_CAMPAIGN)
