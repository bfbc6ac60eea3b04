"""A Markov chain of a user's own: `chain:FILE.npz`, the transition matrix as scipy.sparse writes it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from levinthal.files.numbers import read_array
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.observables import MicrostateObservables
from levinthal.workloads.sampling.systems.system import CHAIN_CAMPAIGN, System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.analysis.exact_chain import stationary_distribution
    from levinthal.simulation.exact.markov_chain import load_markov_chain

    settings, embedding = request.settings, None
    if settings.embedding:
        embedding = read_array(settings.embedding, "write it by numpy.save")
    chain = load_markov_chain(Path(request.source), embedding)
    stationary = stationary_distribution(chain.transition_matrix)
    start = int(stationary.argmax()) if settings.chain_start < 0 else settings.chain_start
    chain.start(start)
    target = np.zeros(chain.n_states, np.bool_)
    for state in settings.chain_target:
        chain.start(state)
        target[state] = True
    points = np.zeros((chain.n_states, 2))
    columns = min(2, chain.embedding.shape[1])
    points[:, :columns] = chain.embedding[:, :columns]
    return System(
        name=chain.name,
        version="1",
        synthetic=False,
        dynamics=ChainDynamics(chain, (start,)),
        observables=MicrostateObservables(
            points,
            target,
            ("first coordinate", "second coordinate"),
            "a state of the target is reached" if settings.chain_target else "",
        ),
        stationary=stationary,
        event_population=float(stationary[target].sum()) if target.any() else math.nan,
    )


SYSTEM = SystemKind(_make, is_exact=True, takes="FILE.npz", campaign=CHAIN_CAMPAIGN)
