"""Populations of fine states from a reversible Markov model of coarse ones, whose lag is chosen and tested.

A reference that others are judged by must hold: it says nothing of what was left and never seen again, and a model
whose lag is too short forgets sooner than the molecule does. So cells seen seldom are first joined with those they
exchange most with; then the shortest lag is taken at which the slowest implied timescale has levelled off (Swope,
Pitera and Suits, J. Phys. Chem. B 108:6571, 2004) and which passes a Chapman-Kolmogorov test (Prinz et al., J. Chem.
Phys. 134:174105, 2011). Within a coarse state cells are weighted as they were seen. How often the walks went from one
end of the slowest process to the other and back is counted: a share of folded frames is known no better than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.errors import DataError
from levinthal.simulation.analysis.markov import MarkovModel, Trajectory, markov_model_of_counts, transition_counts

LEVEL_WITHIN = 0.1
"""The slowest timescale has levelled off where it grows by less at twice the lag."""
CHAPMAN_KOLMOGOROV_WITHIN = 0.05
"""Largest difference of probabilities to be in an end again, between the model and what was seen."""
_LEAST_SEEN = 50
_MOST_COARSE_STATES = 200
_MULTIPLES = (2, 4, 8)
_LONGEST_LAG_SHARE = 1.0 / 16.0
_PLATEAU = 0.2


@dataclass(frozen=True)
class LagTest:
    """What speaks for a lag.

    Attributes
    ----------
    lag_frames : int
        The lag.
    timescale_frames : float
        The slowest implied timescale.
    growth : float
        By what share it is larger at twice the lag.
    chapman_kolmogorov : float
        Largest difference between the model at 2, 4 and 8 lags and what was seen.
    """

    lag_frames: int
    timescale_frames: float
    growth: float
    chapman_kolmogorov: float

    @property
    def holds(self) -> bool:
        """Whether the timescale has levelled off, or is forgotten within the lag, and the test is passed."""
        level = self.growth <= LEVEL_WITHIN or self.timescale_frames <= self.lag_frames
        return level and self.chapman_kolmogorov <= CHAPMAN_KOLMOGOROV_WITHIN


@dataclass(frozen=True, eq=False)
class CoarseModel:
    """Populations, and on how much they rest.

    Attributes
    ----------
    stationary : ndarray of float64, shape (n_states,)
        Of the fine states; 0 for those outside the connected set or never seen.
    chosen : LagTest
        The lag in use: the shortest that holds, else the one that comes nearest.
    tests : tuple of LagTest
        All lags that were tried, ascending.
    share_of_transitions_outside : float
        Share of the transitions that begin or end outside the connected set.
    n_coarse : int
        Coarse states within it.
    n_round_trips : float
        From one end to the other and back, all walks together.
    """

    stationary: Doubles
    chosen: LagTest
    tests: tuple[LagTest, ...]
    share_of_transitions_outside: float
    n_coarse: int
    n_round_trips: float


def coarsen(walks: Sequence[Trajectory], n_states: int) -> Integers:
    """Return the coarse state of each fine one, -1 of those never seen; shape (n_states,).

    The state seen least is joined with that with which it exchanges most transitions, as long as it was seen fewer than
    50 times, or in less than 1/200 of the frames.
    """
    seen = np.bincount(np.concatenate(walks), minlength=n_states)
    states = np.flatnonzero(seen)
    exchange = transition_counts(walks, n_states)[states][:, states].toarray().astype(np.float64)
    exchange += exchange.T
    np.fill_diagonal(exchange, 0.0)
    size = seen[states].astype(np.float64)
    group = np.arange(len(states))
    least = max(_LEAST_SEEN, size.sum() / _MOST_COARSE_STATES)
    left = np.where(exchange.any(axis=1), size, np.inf)  # what exchanges with nothing stays as it is
    while np.isfinite(left).any() and left.min() < least:
        smallest = int(left.argmin())
        into = int(exchange[smallest].argmax())
        if not exchange[smallest, into]:
            left[smallest] = np.inf
            continue
        group[group == smallest] = into
        exchange[into] += exchange[smallest]
        exchange[:, into] += exchange[:, smallest]
        exchange[smallest] = exchange[:, smallest] = 0.0
        exchange[into, into] = 0.0
        size[into] += size[smallest]
        left[smallest], left[into] = np.inf, size[into]
    coarse = np.full(n_states, -1, np.int64)
    coarse[states] = np.unique(group, return_inverse=True)[1]
    return coarse


def round_trips(ends: Sequence[npt.NDArray[np.integer]]) -> float:
    """Return how often walks went from one end to the other and back, half of the passages.

    Parameters
    ----------
    ends : sequence of ndarray of int, shape (n_frames,)
        Along each walk -1 at one end, 1 at the other, 0 between.
    """
    passages = 0
    for marks in ends:
        there = np.asarray(marks)[np.asarray(marks) != 0]
        passages += int(np.count_nonzero(np.diff(there)))
    return passages / 2.0


def _slowest(model: MarkovModel) -> Doubles:
    """Return the right eigenvector of the slowest process, scaled to 0 .. 1; shape (n_connected,)."""
    values, vectors = np.linalg.eig(model.transition_matrix.toarray())
    vector = np.real(vectors[:, np.argsort(-np.real(values))[1]])
    low, high = float(vector.min()), float(vector.max())
    return np.asarray((vector - low) / (high - low) if high > low else np.zeros(len(vector)), np.float64)


class _Walks:
    """Coarse walks and what is estimated of them at different lags."""

    def __init__(self, walks: Sequence[Trajectory], n_states: int) -> None:
        self.coarse = coarsen(walks, n_states)
        self.walks = [self.coarse[np.asarray(walk)] for walk in walks]
        self.n_coarse = int(self.coarse.max()) + 1
        self._counts: dict[int, Doubles] = {}
        self._models: dict[int, MarkovModel] = {}

    def counts(self, lag: int) -> Doubles:
        if lag not in self._counts:
            self._counts[lag] = transition_counts(self.walks, self.n_coarse, lag).toarray().astype(np.float64)
        return self._counts[lag]

    def model(self, lag: int) -> MarkovModel:
        if lag not in self._models:
            from scipy import sparse

            self._models[lag] = markov_model_of_counts(sparse.csr_array(self.counts(lag)), lag, reversible=True)
        return self._models[lag]

    def timescale_frames(self, lag: int) -> float:
        model = self.model(lag)
        return float(model.implied_timescales_steps(1)[0]) if len(model.states) > 1 else 0.0

    def chapman_kolmogorov(self, lag: int, longest: int) -> float:
        """Return by how much the model's chance to be in either end again differs from what was seen, at most."""
        model = self.model(lag)
        if len(model.states) < 2:
            return 0.0
        matrix, pi = model.transition_matrix.toarray(), model.stationary[model.states]
        slow = _slowest(model)
        worst, power, at = 0.0, matrix, 1
        for multiple in _MULTIPLES:
            if multiple * lag > longest:
                break
            while at < multiple:
                power, at = power @ power, 2 * at
            counted = self.counts(multiple * lag)[np.ix_(model.states, model.states)]
            total = counted.sum(axis=1)
            seen = np.divide(counted, total[:, None], out=power.copy(), where=total[:, None] > 0.0)
            for end in (slow <= _PLATEAU, slow >= 1.0 - _PLATEAU):
                begin = np.where(end, pi, 0.0)
                difference = begin @ (power - seen) @ end.astype(np.float64) / begin.sum()
                worst = max(worst, abs(float(difference)))
        return worst

    def test(self, lag: int, longest: int) -> LagTest:
        slowest = self.timescale_frames(lag)
        growth = self.timescale_frames(2 * lag) / slowest - 1.0 if slowest > 0.0 else 0.0
        return LagTest(lag, slowest, growth, self.chapman_kolmogorov(lag, longest))


def coarse_model(walks: Sequence[Trajectory], n_states: int, event: Sequence[Mask] | None = None) -> CoarseModel:
    """Return the populations of fine states that long walks show, and whether they hold.

    Parameters
    ----------
    walks : sequence of ndarray of int, shape (n_frames,)
        States along unbroken simulations, of which some began at either end.
    n_states : int
        Of the discretisation.
    event : sequence of ndarray of bool, optional
        Along each walk, where an event is met: then that is one of the ends, and the other is what lies furthest from
        it along the slowest process. Without it the ends are both sides of that process. There is no round trip where
        it is never met.

    Raises
    ------
    DataError
        Walks too short to say anything.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> walk = np.cumsum(rng.random(20_000) < 0.01) % 2  # two states, a hundred frames in each
    >>> found = coarse_model([walk], 2)
    >>> found.chosen.holds, bool(abs(found.stationary[0] - 0.5) < 0.1)
    (True, True)
    """
    longest = int(_LONGEST_LAG_SHARE * max((len(walk) for walk in walks), default=0))
    if longest < 2:
        raise DataError("the walks are too short for a model: 32 frames in one of them at least")
    known = _Walks(walks, n_states)
    lags = [2**k for k in range(int(math.log2(longest))) if 2 ** (k + 1) <= longest]
    tests = []
    for lag in lags:
        tests.append(known.test(lag, 8 * longest))
        if tests[-1].holds:
            break
    chosen = next((each for each in tests if each.holds), min(tests, key=lambda each: each.chapman_kolmogorov))
    model = known.model(chosen.lag_frames)
    fine = np.bincount(np.concatenate(walks), minlength=n_states).astype(np.float64)
    of_coarse = np.bincount(known.coarse[known.coarse >= 0], weights=fine[known.coarse >= 0], minlength=known.n_coarse)
    share = np.divide(model.stationary, of_coarse, out=np.zeros(known.n_coarse), where=of_coarse > 0.0)
    return CoarseModel(
        stationary=np.where(known.coarse >= 0, share[known.coarse] * fine, 0.0),
        chosen=chosen,
        tests=tuple(tests),
        share_of_transitions_outside=model.share_of_transitions_outside,
        n_coarse=len(model.states),
        n_round_trips=round_trips(_ends(known, model, event)),
    )


def _ends(known: _Walks, model: MarkovModel, event: Sequence[Mask] | None) -> list[Integers]:
    """Return along each walk at which end it is."""
    if len(model.states) < 2 or (event is not None and not any(mask.any() for mask in event)):
        return []
    slow = np.full(known.n_coarse, 0.5)
    slow[model.states] = _slowest(model)
    places = [slow[walk] for walk in known.walks]
    if event is None:
        return [(place >= 1.0 - _PLATEAU).astype(np.int64) - (place <= _PLATEAU) for place in places]
    at_event = np.concatenate([place[mask] for place, mask in zip(places, event, strict=True)]).mean()
    far = [place <= _PLATEAU if at_event > 0.5 else place >= 1.0 - _PLATEAU for place in places]
    return [np.where(mask, 1, np.where(away, -1, 0)) for mask, away in zip(event, far, strict=True)]
