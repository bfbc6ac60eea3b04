"""What sampling is measured with: coordinates, cells and an event, all frozen before anything is compared.

Observables may know the native structure; policies never see them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.simulation.exact.potential import grid_cells

Frames: TypeAlias = Singles
Box: TypeAlias = tuple[float, float, float, float]

_FRAMES_AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class Observed:
    """Frames as the observables see them.

    Attributes
    ----------
    values : ndarray of float32, shape (n_frames, 2)
        Both coordinates.
    cell : ndarray of int32, shape (n_frames,)
        Cell of the frozen discretisation.
    arrived : ndarray of bool, shape (n_frames,)
        Whether the event is met; all false where none was declared.
    """

    values: Singles
    cell: npt.NDArray[np.int32]
    arrived: Mask

    def __len__(self) -> int:
        return len(self.cell)


class Projection(Protocol):
    """Two coordinates of a frame, with their names and units.

    One of which is the RMSD to the native structure, in nm, has its number as `rmsd_axis`.
    """

    @property
    def labels(self) -> tuple[str, str]:
        """What both coordinates are called."""
        ...

    def values(self, frames: Frames, states: Doubles) -> Doubles:
        """Return both coordinates, shape (n_frames, 2)."""
        ...


@dataclass(frozen=True)
class PlaneProjection:
    """A frame that is a place in the plane already."""

    labels: tuple[str, str] = ("x", "y")

    def values(self, frames: Frames, states: Doubles) -> Doubles:
        """Return the place."""
        return np.asarray(frames[:, :2], np.float64)


@dataclass(frozen=True)
class TorsionProjection:
    """A frame of cosines and sines: cos phi, sin phi, cos psi, sin psi."""

    labels: tuple[str, str] = ("phi (degrees)", "psi (degrees)")

    def values(self, frames: Frames, states: Doubles) -> Doubles:
        """Return both angles in degrees, -180 to 180."""
        pairs = np.asarray(frames, np.float64).reshape(len(frames), 2, 2)
        return np.asarray(np.degrees(np.arctan2(pairs[..., 1], pairs[..., 0])), np.float64)


@dataclass(frozen=True, eq=False)
class FoldProjection:
    """Fraction of native contacts Q and RMSD to the native structure.

    Attributes
    ----------
    native_nm : ndarray, shape (n_residues, 3)
        CA atoms of the native structure.
    contacts : ndarray of int64, shape (n_contacts, 2)
        Native contacts.
    reach_nm : ndarray, shape (n_contacts,)
        A contact is kept where it is shorter than this.
    labels : tuple of str
        Of both coordinates.
    """

    native_nm: Doubles
    contacts: Integers
    reach_nm: Doubles
    labels: tuple[str, str] = ("fraction of native contacts Q", "RMSD to native (nm)")
    rmsd_axis: int | None = 1

    def values(self, frames: Frames, states: Doubles) -> Doubles:
        """Return Q and RMSD in nm."""
        parts = [np.empty((0, 2))]
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = np.asarray(frames[first : first + _FRAMES_AT_ONCE])
            between = part[:, self.contacts[:, 0]] - part[:, self.contacts[:, 1]]
            kept = np.einsum("fci,fci->fc", between, between) < self.reach_nm**2
            parts.append(np.stack([kept.mean(axis=1), rmsd(part, self.native_nm)], axis=1))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class TwoStructures:
    """RMSD to each of two structures, in nm; the second is the one to be reached."""

    first_nm: Doubles
    second_nm: Doubles
    labels: tuple[str, str] = ("RMSD to the first structure (nm)", "RMSD to the second structure (nm)")
    rmsd_axis: int | None = 1

    def values(self, frames: Frames, states: Doubles) -> Doubles:
        """Return both."""
        return np.stack([rmsd(np.asarray(frames), each) for each in (self.first_nm, self.second_nm)], axis=1)


class Observables(Protocol):
    """What frames of a system are measured with; it travels to workers by pickle."""

    @property
    def n_cells(self) -> int:
        """Cells of the discretisation."""
        ...

    @property
    def labels(self) -> tuple[str, str]:
        """Names of the coordinates."""
        ...

    @property
    def event(self) -> str:
        """The event in words, empty where there is none."""
        ...

    def observe(self, frames: Frames, states: Doubles) -> Observed:
        """Measure frames; `states` are their full states."""
        ...


def _within(values: Doubles, box: Box | None) -> Mask:
    if box is None:
        return np.zeros(len(values), np.bool_)
    x, y = values.T
    return np.asarray((x >= box[0]) & (x < box[1]) & (y >= box[2]) & (y < box[3]), np.bool_)


@dataclass(frozen=True, eq=False)
class GridObservables:
    """Cells of a grid over two coordinates.

    Attributes
    ----------
    projection : Projection
        The coordinates.
    x_edges, y_edges : ndarray
        Limits of the cells; frames outside count to the nearest.
    event : str
        In words.
    box : tuple of four float, or None
        The event is met where x_low <= x < x_high and y_low <= y < y_high.
    """

    projection: Projection
    x_edges: Doubles
    y_edges: Doubles
    event: str = ""
    box: Box | None = None

    @property
    def n_cells(self) -> int:
        """Cells of the grid."""
        return (len(self.x_edges) - 1) * (len(self.y_edges) - 1)

    @property
    def labels(self) -> tuple[str, str]:
        """Names of the coordinates."""
        return self.projection.labels

    @property
    def rmsd_axis(self) -> int | None:
        """Which coordinate is the RMSD to the native structure, None where neither is."""
        axis: int | None = getattr(self.projection, "rmsd_axis", None)
        return axis

    def observe(self, frames: Frames, states: Doubles) -> Observed:
        """Project, and find cells."""
        values = self.projection.values(frames, states)
        inside = values.copy()
        for column, edges in enumerate((self.x_edges, self.y_edges)):
            np.clip(values[:, column], edges[0], np.nextafter(edges[-1], edges[0]), out=inside[:, column])
        cell = grid_cells(inside, self.x_edges, self.y_edges)
        return Observed(values.astype(np.float32), cell.astype(np.int32), _within(values, self.box))


@dataclass(frozen=True, eq=False)
class MicrostateObservables:
    """The states of an exact chain; a full state is the number of the microstate.

    Attributes
    ----------
    points : ndarray, shape (n_states, 2)
        Where each state is drawn.
    target : ndarray of bool, shape (n_states,)
        States that meet the event.
    labels : tuple of str
        Names of the coordinates.
    event : str
        In words.
    rmsd_axis : int or None
        Which coordinate is the deviation from the native structure in nm.
    """

    points: Doubles
    target: Mask
    labels: tuple[str, str]
    event: str = ""
    rmsd_axis: int | None = None

    @property
    def n_cells(self) -> int:
        """States of the chain."""
        return len(self.points)

    def observe(self, frames: Frames, states: Doubles) -> Observed:
        """Look up."""
        cell = np.asarray(states)[:, 0].astype(np.int32)
        return Observed(self.points[cell].astype(np.float32), cell, self.target[cell])
