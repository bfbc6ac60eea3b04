"""A made-up Markov chain with a native basin and a trap, whose populations and passage times are known."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.observables import MicrostateObservables
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.exact.folding_landscape import folding_landscape

    landscape = folding_landscape(request.settings.depth_kt)
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


SYSTEM = SystemKind(_make, is_exact=True)
