"""A made-up Markov chain with a native basin and a trap, whose populations and passage times are known."""

from __future__ import annotations

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.observables import MicrostateObservables
from levinthal.workloads.sampling.systems.system import CHAIN_CAMPAIGN, System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.exact.folding_landscape import folding_landscape

    landscape = folding_landscape(_depth_kt(request))
    target = np.zeros(landscape.chain.n_states, np.bool_)
    target[landscape.native] = True
    return System(
        name=landscape.chain.name,
        version="1",
        synthetic=True,
        dynamics=ChainDynamics(landscape.chain, (landscape.unfolded_start,)),
        observables=MicrostateObservables(
            landscape.chain.embedding,
            target,
            ("deviation from native (nm)", "twist"),
            "the native basin is reached",
            rmsd_axis=0,
        ),
        stationary=landscape.stationary,
        event_population=float(landscape.stationary[target].sum()),
        target=landscape.chain.embedding[landscape.native].mean(axis=0),
        notes=("The system is a made-up Markov chain whose populations and passage times are known exactly.",),
    )


def _depth_kt(request: SystemRequest) -> float:
    """Return the depth in the system's name, else that of the settings."""
    if not request.source:
        return request.settings.depth_kt
    try:
        return float(request.source)
    except ValueError:
        raise UsageError(f"system landscape:{request.source}: give a depth in kT, as landscape:10") from None


SYSTEM = SystemKind(_make, is_exact=True, takes="DEPTH_KT", by_itself=True, campaign=CHAIN_CAMPAIGN)
