"""What a study knows of its system, for controls and ceilings that are given it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.simulation.analysis.exact_chain import mean_first_passage_steps
from levinthal.simulation.exact.markov_chain import MarkovChain
from levinthal.workloads.sampling.policies.view import Answer
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.systems.observables import MicrostateObservables, Observables
from levinthal.workloads.sampling.systems.system import System

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Observe:
    """Observables as a function of frames and states; it travels to workers by pickle."""

    observables: Observables

    def __call__(self, frames: Singles, states: Doubles) -> tuple[Integers, Doubles]:
        """Return cells and coordinates."""
        observed = self.observables.observe(frames, states)
        return observed.cell.astype(np.int64), observed.values.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Arrives:
    """Which frames meet the event, and nothing else of them; it travels to workers by pickle."""

    observables: Observables

    def __call__(self, frames: Singles, states: Doubles) -> Mask:
        """Return it for each frame."""
        return self.observables.observe(frames, states).arrived


@dataclass(frozen=True, eq=False)
class Passage:
    """Mean first passage times of an exact chain; it travels to workers by pickle."""

    chain: MarkovChain

    def __call__(self, cells: Integers) -> Doubles:
        """Return the mean steps from every state until one of some is seen."""
        return mean_first_passage_steps(self.chain.transition_matrix, cells)


def answer_of(system: System, reference: Reference | None) -> Answer:
    """Return all that is known of a system."""
    dynamics, observables = system.dynamics, system.observables
    chain = getattr(dynamics, "chain", None)
    exact = isinstance(chain, MarkovChain) and isinstance(observables, MicrostateObservables)
    return Answer(
        n_cells=observables.n_cells,
        observe=Observe(observables),
        populations=None if reference is None else reference.populations,
        event_cells=np.flatnonzero(observables.target) if isinstance(observables, MicrostateObservables) else _NONE,
        passage=Passage(chain) if exact and chain is not None else None,
        rmsd_axis=getattr(observables, "rmsd_axis", None),
    )
