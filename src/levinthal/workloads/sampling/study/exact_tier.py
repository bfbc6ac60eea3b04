"""The metrics on a chain where every answer is known: whether their intervals hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.simulation.analysis.coverage import state_counts
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.exact_chain import first_passage_survival, mean_recurrence_steps
from levinthal.simulation.analysis.first_passage import first_passage_durations, mean_recurrence, membership
from levinthal.simulation.analysis.intervals import Estimate, jackknife
from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.simulation.analysis.survival import restricted_mean_duration
from levinthal.simulation.exact.folding_landscape import FoldingLandscape, folding_landscape

Walk: TypeAlias = npt.NDArray[np.int32]

_DEPTH_KT = 5.0
_OTHER_DEPTH_KT = 2.5
CONFIDENCE = 0.999
_PASSAGE_STEPS = 5_000
_STEPS = 40_000


@dataclass(frozen=True)
class ExactCheck:
    """A metric, its interval, and the known answer."""

    name: str
    estimate: Estimate
    truth: float

    @property
    def held(self) -> bool:
        """Whether the interval holds the answer."""
        return self.estimate.covers(self.truth)


def _walks(
    landscape: FoldingLandscape, n: int, n_steps: int, rng: np.random.Generator, start: int | None
) -> list[Walk]:
    """Return walks from the stationary distribution, or all from one state, each with its start."""
    chain = landscape.chain
    starts = rng.choice(chain.n_states, n, p=landscape.stationary) if start is None else np.full(n, start)
    walks = []
    for begin in starts:
        _, frames = chain.advance(chain.start(int(begin)), n_steps, int(rng.integers(2**31)))
        walks.append(np.concatenate([[begin], frames.microstate]).astype(np.int32))
    return walks


def _divergence(counts: Sequence[npt.NDArray[np.int64]], other: npt.NDArray[np.float64]) -> float:
    return jensen_shannon_nats(np.sum(counts, axis=0), other)


def check_metrics(n_walks: int, seed: int) -> tuple[ExactCheck, ...]:
    """Measure walks on the folding landscape at 5 kT by the metrics that the study uses.

    Intervals of 99.9 %: what they miss is a fault, or one seed in hundreds.

    Parameters
    ----------
    n_walks : int
        Walks of each kind, at least 3.
    seed : int
        Of the walks.
    """
    landscape, rng = folding_landscape(_DEPTH_KT), np.random.default_rng(seed)
    n_states, stationary = landscape.chain.n_states, landscape.stationary
    even = _walks(landscape, n_walks, _STEPS, rng, None)
    folding = _walks(landscape, 2 * n_walks, _PASSAGE_STEPS, rng, landscape.unfolded_start)
    begin = int(landscape.trap[len(landscape.trap) // 2])
    trapped = [transition_counts([walk], n_states) for walk in _walks(landscape, 2 * n_walks, 2_000, rng, begin)]
    state = int(np.argsort(stationary)[-60])
    survival = first_passage_survival(
        landscape.chain.transition_matrix, landscape.unfolded_start, landscape.native, _PASSAGE_STEPS
    )
    other = folding_landscape(_OTHER_DEPTH_KT).stationary
    native = [membership(walk, landscape.native) for walk in folding]
    return (
        ExactCheck(
            "recurrence of a state",
            mean_recurrence([walk == state for walk in even], confidence=CONFIDENCE),
            mean_recurrence_steps(stationary, [state]),
        ),
        ExactCheck(
            "first passage, restricted mean",
            restricted_mean_duration(first_passage_durations(native), _PASSAGE_STEPS, CONFIDENCE),
            float(survival[:_PASSAGE_STEPS].sum()),
        ),
        ExactCheck(
            "native population, reweighted from the trap",
            jackknife(
                trapped,
                lambda part: float(markov_model_of_counts(sum(part[1:], part[0])).stationary[landscape.native].sum()),
                confidence=CONFIDENCE,
            ),
            float(stationary[landscape.native].sum()),
        ),
        ExactCheck(
            "divergence to another distribution",
            jackknife(
                [state_counts(walk, n_states) for walk in even],
                partial(_divergence, other=other),
                confidence=CONFIDENCE,
                limits=(0.0, float(np.log(2.0))),
            ),
            jensen_shannon_nats(stationary, other),
        ),
    )
