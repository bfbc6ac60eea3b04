"""A made-up bundle of three helices as a Go model, which folds in seconds."""

from __future__ import annotations

from levinthal.workloads.sampling.systems.folding import DEFAULT_KT, GO_CAMPAIGN, go_system
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.go.ideal_fold import three_helix_bundle

    model = three_helix_bundle(request.settings.temperature or DEFAULT_KT)
    return go_system(model, request, "a made-up bundle of three helices")


# the walks of a reference of so many steps at the default temperature are shipped
SYSTEM = SystemKind(_make, campaign={**GO_CAMPAIGN, "reference_steps": 8_000_000})
