"""Molecules that a program cut at the faces of its periodic box, made whole by the box of each frame.

Neighbours in a chain are 0.38 nm apart, far less than half a box, so that the nearest image of the next residue is the
bonded one; pieces that no bond joins are brought to where they are nearest.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Floats

_LEAST_HEIGHT_NM = 0.9
_IMAGES = np.array(list(itertools.product((-1, 0, 1), repeat=3)), np.float64)


def usable_cells(cells_nm: Floats | None) -> Floats | None:
    """Return unit cells that can hold a molecule; a dummy one (0.1 nm, or none at all) is not a cell.

    Parameters
    ----------
    cells_nm : ndarray, shape (n_frames, 3, 3), or None
        Rows are the vectors of each frame's cell.

    Returns
    -------
    ndarray, shape (n_frames, 3, 3), or None
        None unless every frame's cell is at least 0.9 nm high in each direction.
    """
    if cells_nm is None or not np.isfinite(cells_nm).all():
        return None
    volume = np.abs(np.linalg.det(cells_nm))
    faces = np.linalg.norm(np.cross(np.roll(cells_nm, -1, axis=1), np.roll(cells_nm, -2, axis=1)), axis=2)
    if (volume == 0.0).any() or (volume[:, None] < _LEAST_HEIGHT_NM * faces).any():
        return None
    return cells_nm


def make_whole(ca_nm: Floats, cells_nm: Floats, bonded: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Undo the wrapping of chains.

    Parameters
    ----------
    ca_nm : ndarray, shape (n_frames, n_residues, 3)
    cells_nm : ndarray, shape (n_frames, 3, 3)
        From `usable_cells`.
    bonded : ndarray of bool, shape (n_residues - 1,)
        Which residues are bonded to the next one.

    Returns
    -------
    whole : ndarray, shape (n_frames, n_residues, 3)
        The first residue stays where it is.
    changed : ndarray of bool, shape (n_frames,)
        Frames in which something was brought back.
    """
    inverse = np.linalg.inv(cells_nm)
    step = np.diff(ca_nm.astype(np.float64), axis=1)
    shift = np.rint(np.einsum("fri,fij->frj", step, inverse))
    shift[:, ~bonded] = 0.0
    images = np.zeros_like(ca_nm, np.float64)
    images[:, 1:] = -np.cumsum(shift, axis=1)
    whole = ca_nm + np.einsum("fri,fij->frj", images, cells_nm)
    pieces = np.split(np.arange(ca_nm.shape[1]), np.flatnonzero(~bonded) + 1)
    moved = shift.any(axis=(1, 2))
    for number, piece in enumerate(pieces[1:], 1):
        placed = np.concatenate(pieces[:number])
        moved |= _bring_near(whole, piece, placed, cells_nm, inverse)
    return whole.astype(ca_nm.dtype), moved


def _bring_near(
    whole: Floats, piece: npt.NDArray[np.int64], placed: npt.NDArray[np.int64], cells_nm: Floats, inverse: Floats
) -> npt.NDArray[np.bool_]:
    """Move a piece, in place, to the image that comes nearest to what is placed already."""
    moved = np.zeros(len(whole), np.bool_)
    for frame in range(len(whole)):
        others, own = whole[frame, placed], whole[frame, piece]
        between = others.mean(axis=0) - own.mean(axis=0)
        centre = np.rint(between @ inverse[frame])
        shifts = (centre + _IMAGES) @ cells_nm[frame]
        gaps = [np.min(np.linalg.norm(others[:, None] - (own + shift)[None], axis=2)) for shift in shifts]
        stays = np.min(np.linalg.norm(others[:, None] - own[None], axis=2))
        best = int(np.argmin(gaps))
        if gaps[best] < stays - 1e-6:
            whole[frame, piece] = own + shifts[best]
            moved[frame] = True
    return moved
