"""A made-up Markov chain of two rooms and a long corridor: what is rare there is to find the way, not to climb."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.observables import MicrostateObservables
from levinthal.workloads.sampling.systems.system import CHAIN_CAMPAIGN, System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.exact.bottleneck import bottleneck

    rooms = bottleneck()
    target = np.zeros(rooms.chain.n_states, np.bool_)
    target[rooms.far_room] = True
    return System(
        name=rooms.chain.name,
        version="1",
        synthetic=True,
        dynamics=ChainDynamics(rooms.chain, (rooms.start,)),
        observables=MicrostateObservables(
            rooms.chain.embedding, target, ("along the corridor", "across it"), "the far room is reached"
        ),
        stationary=rooms.stationary,
        event_population=float(rooms.stationary[target].sum()),
        target=rooms.chain.embedding[rooms.far_room].mean(axis=0),
        notes=("The system is a made-up Markov chain whose populations and passage times are known exactly.",),
    )


SYSTEM = SystemKind(_make, is_exact=True, campaign=CHAIN_CAMPAIGN)
