"""What an embedding keeps of the slow motion: VAMP-2 and implied timescales on trajectories left out, macrostates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from levinthal.arrays import Doubles, Floats, Integers
from levinthal.errors import DataError
from levinthal.simulation.analysis.coarse_model import coarse_model, coarsen
from levinthal.simulation.analysis.markov import MarkovModel, estimate_markov_model

__all__ = ["Reference", "held_out_timescale", "lags_of", "reference_of", "vamp2_held_out"]

_SHARES, _DISTANCES = 20, 8
_LEAST_ROUND_TRIPS = 3.0
_MOST_OUTSIDE = 0.05


def vamp2_held_out(fitted: Sequence[Floats], scored: Sequence[Floats], lag: int) -> float | None:
    """Return the VAMP-2 score of an embedding, fitted on some stretches of frames and scored on others.

    Parameters
    ----------
    fitted, scored : sequence of ndarray, shape (n_frames, n_latent)
        Stretches within which frames follow each other; those not longer than the lag are left out.
    lag : int
        In frames.

    Returns
    -------
    float or None
        At least 1 (the constant function) but for noise; null where either part has no stretch longer than the lag, or
        does not vary.
    """
    from deeptime.numeric import ZeroRankError

    from levinthal.simulation.analysis.markov import held_out_vamp2

    usable = [[stretch for stretch in part if len(stretch) > lag] for part in (fitted, scored)]
    if not all(usable):
        return None
    try:
        return held_out_vamp2(usable[0], usable[1], lag)
    except ZeroRankError:
        return None


def lags_of(lag: int, longest: int) -> list[int]:
    """Return lags around one, each twice the last, of which a trajectory of so many frames holds at least four."""
    return [k for k in dict.fromkeys(int(lag * 2.0**power) for power in range(-4, 4)) if 1 <= k <= longest // 4]


def held_out_timescale(fitted: Sequence[Floats], scored: Sequence[Floats], lag: int) -> float | None:
    """Return the implied timescale of the slowest component of an embedding, on trajectories that did not fit it.

    The component is tICA's on the fitted stretches; its autocorrelation rho is that of the scored ones, and the
    timescale is -lag / ln rho (Swope, Pitera and Suits, J. Phys. Chem. B 108:6571, 2004): at most the true one but for
    noise, and the same at every lag where the embedding has the whole of the slowest process.

    Parameters
    ----------
    fitted, scored : sequence of ndarray, shape (n_frames, n_latent)
        Stretches within which frames follow each other; those not longer than the lag are left out.
    lag : int
        In frames.

    Returns
    -------
    float or None
        In frames; null where nothing varies, no stretch is long enough, or nothing is left after the lag.
    """
    from deeptime.decomposition import TICA
    from deeptime.numeric import ZeroRankError

    usable = [[np.asarray(run, np.float64) for run in part if len(run) > lag + 1] for part in (fitted, scored)]
    if not all(usable):
        return None
    estimator = TICA(lagtime=lag, dim=1)
    for run in usable[0]:
        estimator.partial_fit((run[:-lag], run[lag:]))
    try:
        model = estimator.fetch_model()
        runs = [np.asarray(model.transform(run))[:, 0] for run in usable[1]]
    except ZeroRankError:
        return None
    now, then = np.concatenate([run[:-lag] for run in runs]), np.concatenate([run[lag:] for run in runs])
    squares = float((now**2).sum() + (then**2).sum())
    rho = 2.0 * float((now * then).sum()) / squares if squares > 0.0 else 0.0
    return None if not 0.0 < rho < 1.0 else float(-lag / np.log(rho))


class Reference(NamedTuple):
    """A Markov model of true coordinates, and the macrostates in it; null where there is none that holds, and why.

    Attributes
    ----------
    states : ndarray of int64, shape (n_frames,), or None
        Macrostate of each frame from 0 on, the most native first; -1 outside the connected set.
    cells : list of ndarray of int64
        Coarse states along each trajectory; empty where there is no model.
    why : str
        What is missing, or what the model rests on.
    """

    states: Integers | None
    cells: list[Integers]
    why: str

    def timescale_frames(self, lag: int) -> float | None:
        """Return the slowest implied timescale of the reference at a lag, in frames."""
        if not self.cells:
            return None
        try:
            model = _model(self.cells, lag)
        except DataError:
            return None
        return float(model.implied_timescales_steps(1)[0]) if len(model.states) > 1 else None


def _model(cells: list[Integers], lag: int) -> MarkovModel:
    n_states = 1 + max(int(walk.max()) for walk in cells)
    return estimate_markov_model(cells, n_states, lag_frames=lag, reversible=True)


def reference_of(
    native_share: Doubles, distance_nm: Doubles, trajectories: Sequence[Integers], n_macrostates: int
) -> Reference:
    """Make a Markov model of true coordinates and part its states by PCCA+ (Roeblitz and Weber 2013).

    States are cells of the share of native contacts and the distance to the native structure; those seen seldom are
    joined, the lag is the shortest at which the slowest timescale has levelled off and which passes a
    Chapman-Kolmogorov test (`coarse_model`). Embeddings have no part in it.

    Parameters
    ----------
    native_share : ndarray, shape (n_frames,)
        Share of the native contacts.
    distance_nm : ndarray, shape (n_frames,)
        Distance to the native structure.
    trajectories : sequence of ndarray of int64
        Frames of each.
    n_macrostates : int
        How many to look for.
    """
    from deeptime.markov import pcca

    distance = np.clip((distance_nm / max(float(distance_nm.max()), 1e-9) * _DISTANCES).astype(np.int64), 0, 7)
    fine = np.clip((native_share * _SHARES).astype(np.int64), 0, _SHARES - 1) * _DISTANCES + distance
    walks, n_fine = [fine[each] for each in trajectories], _SHARES * _DISTANCES
    try:
        found = coarse_model(walks, n_fine)
        coarse = coarsen(walks, n_fine)
        cells = [coarse[walk] for walk in walks]
        model = _model(cells, found.chosen.lag_frames)
    except DataError as error:
        return Reference(None, [], f"there is no Markov model of the reference: {error}")
    chosen = found.chosen
    if not chosen.holds or found.n_round_trips < _LEAST_ROUND_TRIPS or len(model.states) < n_macrostates:
        return Reference(
            None,
            [],
            f"the Markov model of the reference does not hold: {len(model.states)} states, {found.n_round_trips:g} "
            f"round trips; at a lag of {chosen.lag_frames} frames its timescale grows by {100 * chosen.growth:.0f} % "
            f"and it misses what was seen by {chosen.chapman_kolmogorov:.2f}",
        )
    if found.share_of_transitions_outside > _MOST_OUTSIDE:
        outside = 100 * found.share_of_transitions_outside
        return Reference(None, [], f"{outside:.0f} % of the transitions lie outside the Markov model of the reference")
    parts = pcca(model.transition_matrix.toarray(), n_macrostates, model.stationary[model.states]).assignments
    of_coarse = np.full(int(coarse.max()) + 1, -1, np.int64)
    of_coarse[model.states] = parts
    states = np.full(len(fine), -1, np.int64)
    for frames, walk in zip(trajectories, cells, strict=True):
        states[frames] = of_coarse[walk]
    present = [k for k in range(n_macrostates) if (states == k).any()]
    order = sorted(present, key=lambda k: -float(native_share[states == k].mean()))
    numbered = np.full(len(fine), -1, np.int64)
    for number, k in enumerate(order):
        numbered[states == k] = number
    return Reference(
        numbered,
        cells,
        f"{len(model.states)} states of native contacts and RMSD, lag {chosen.lag_frames} frames, slowest timescale "
        f"{chosen.timescale_frames:.3g} frames, {found.n_round_trips:g} round trips",
    )
