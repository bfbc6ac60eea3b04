"""A made-up bundle of three helices as a Go model, which folds in seconds."""

from __future__ import annotations

from levinthal.workloads.sampling.systems.folding import DEFAULT_KT, go_system
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.go.ideal_fold import three_helix_bundle

    model = three_helix_bundle(request.settings.temperature or DEFAULT_KT)
    return go_system(model, request, "a made-up bundle of three helices")


SYSTEM = SystemKind(_make)
