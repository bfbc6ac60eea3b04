"""What policies share that keep weights: walkers are split and merged, or sent back to the start, all at one time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.errors import DataError, UsageError
from levinthal.plugins import check_values
from levinthal.simulation.analysis.weighted_ensemble import Resampled, split_and_merge
from levinthal.workloads.sampling.policies.binning import BINNINGS, Bins
from levinthal.workloads.sampling.policies.view import START, Decision, View

Event: TypeAlias = Callable[[Singles, Doubles], Mask]
"""Takes frames and their full states; tells which meet the event declared beforehand."""

_RECYCLED = -1


@dataclass(frozen=True, eq=False)
class WeightedSettings:
    """Bins, and the event.

    Attributes
    ----------
    binning : {"k-centers", "k-means", "quantiles"}
        How bins of the learned space are made.
    bins : int
        How many; 0 is a third as many as walkers. Where each walker has one to itself nothing is split or merged.
    event : callable or None
        Which frames meet the event, for a policy that recycles; it is given, not typed.
    """

    binning: str = "k-centers"
    bins: int = 0
    event: Event | None = None

    def __post_init__(self) -> None:
        check_values(self, binning=tuple(BINNINGS), bins=(0, 10_000))


class Weighted:
    """A weighted ensemble (Huber and Kim, Biophys. J. 70:97, 1996): what its weighted frames say has no bias.

    Each time that all walkers have made a chunk they are put into bins of the embedding of their newest frames, and
    split and merged so that all bins have as many; copies go on from the full state with noise of their own. Whatever
    the model and the bins are, which may change at any time, means over weights are those of plain simulation.

    One that recycles sends walkers that met the event back to their start, with their weight: the flux into the event
    is then one over the mean first passage time (`hill_rate`), and the frames are not those of equilibrium.

    Parameters
    ----------
    settings : WeightedSettings
        Bins, and the event.
    """

    name = "weighted"
    needs_model, wants_target, is_control, resamples = True, False, False, True
    wants_event = recycles = False
    Settings = WeightedSettings

    def __init__(self, settings: WeightedSettings) -> None:
        self.settings = settings
        self._bins: Bins | None = None

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Make other bins, of all frames there are.

        Raises
        ------
        DataError
            An embedding that is not finite.
        """
        points = np.asarray(view.embedding, np.float64)
        self._bins = None
        if points.shape[1] == 0 or len(points) < 2:
            return
        if not np.isfinite(points).all():
            broken = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
            raise DataError(f"model {view.model_version} places frame {broken} nowhere (NaN): lower its learning_rate")
        n_bins = self.settings.bins or max(2, len(view.latest) // 3)
        self._bins = BINNINGS[self.settings.binning](points, n_bins, rng)

    def resample(self, view: View, rng: np.random.Generator) -> list[Decision]:
        """Say what every walker does next."""
        assert view.weights is not None
        arrived = self._arrived(view)
        found = self._resampled(view, arrived, rng)
        source = _places(found.parent)
        decisions = []
        for walker, k in enumerate(source):
            parent, weight = int(found.parent[k]), float(found.weight[k])
            if arrived[parent]:
                decisions.append(Decision(START, f"walker {parent} met the event: back to the start", weight=weight))
            elif parent == walker:
                decisions.append(Decision(None, "goes on", weight=weight))
            else:
                frame = int(view.latest[parent])
                decisions.append(Decision(frame, f"a copy of walker {parent}, frame {frame}", weight=weight))
        return decisions

    def _resampled(self, view: View, arrived: Mask, rng: np.random.Generator) -> Resampled:
        """Return which walkers there are to be, with their weights."""
        assert view.weights is not None
        if self._bins is None:
            return Resampled(np.arange(len(view.weights)), view.weights)
        bin_of = self._bins(np.asarray(view.embedding[view.latest], np.float64))
        return split_and_merge(view.weights, np.where(arrived, _RECYCLED, bin_of), rng, alone=_RECYCLED)

    def _arrived(self, view: View) -> Mask:
        """Tell which walkers met the event in their newest chunk."""
        n = len(view.latest)
        if not self.recycles:
            return np.zeros(n, np.bool_)
        event = self.settings.event
        if event is None or view.states is None:
            raise UsageError(f"policy {self.name} needs an event: choose a system that declares one")
        newest = (view.latest[:, None] - np.arange(view.chunk_frames)).ravel()
        return np.asarray(event(view.frames[newest], view.states[newest]).reshape(n, -1).any(axis=1), np.bool_)


def _places(parent: Integers) -> Integers:
    """Return for each place the walker that comes there: itself if it is left, so that few are restarted."""
    n = len(parent)
    place = np.full(n, -1, np.int64)
    own, first = np.unique(parent, return_index=True)
    place[own] = first
    place[place < 0] = np.setdiff1d(np.arange(n), first)
    return place
