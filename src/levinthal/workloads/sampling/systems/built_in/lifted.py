"""An exact chain seen through frames of 20 dimensions, the widest of them fast: `lifted:landscape:10`."""

from __future__ import annotations

from dataclasses import replace

from levinthal.errors import UsageError
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.lifting import LiftedDynamics, lift_of
from levinthal.workloads.sampling.systems.system import (
    CHAIN_CAMPAIGN,
    System,
    SystemKind,
    SystemRequest,
    make_system,
)

_SEED = 14


def _make(request: SystemRequest) -> System:
    source, nuisance = request.source or "landscape", request.settings.nuisance
    plain = make_system(request.settings.model_copy(update={"system": source}), request.platform, request.folder)
    if not isinstance(plain.dynamics, ChainDynamics):
        raise UsageError(
            f"system lifted:{source}: only exact chains are lifted: landscape, bottleneck or chain:FILE.npz"
        )
    lift = lift_of(plain.dynamics.chain.embedding, nuisance, _SEED)
    return replace(
        plain,
        name=f"lifted {plain.name}, nuisance {nuisance:g}",
        dynamics=LiftedDynamics(plain.dynamics, lift),
        target=None,
        true_coordinates=lift,
        notes=(
            *plain.notes,
            f"Frames are a nonlinear map of the true coordinates beside fast dimensions of {nuisance:g} times their "
            "standard deviation: what a learner has to tell apart.",
        ),
    )


SYSTEM = SystemKind(
    _make, is_exact=True, takes="SYSTEM", by_itself=True, campaign={**CHAIN_CAMPAIGN, "learner": "tica"}
)
