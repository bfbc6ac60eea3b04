"""How alike two structures are, and how compact one is; CA atoms, unit weights."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles, Floats
from levinthal.errors import DataError
from levinthal.proteins.contact_maps.maps import CONTACT_CUTOFF_NM


def _frames(coordinates_nm: Floats) -> Doubles:
    frames = np.asarray(coordinates_nm, np.float64)
    if frames.ndim != 3 or frames.shape[2] != 3 or frames.shape[1] == 0:
        raise DataError(f"coordinates have the shape {frames.shape}: expected (frames, atoms, 3)")
    return frames


def _reference(reference_nm: Floats, n_atoms: int) -> Doubles:
    reference = np.asarray(reference_nm, np.float64)
    if reference.shape != (n_atoms, 3):
        raise DataError(
            f"the reference has the shape {reference.shape}: the frames have {n_atoms} atoms, ({n_atoms}, 3)"
        )
    return reference


def rmsd(coordinates_nm: Floats, reference_nm: Floats) -> Doubles:
    """Return the root mean square deviation from a reference after the best superposition.

    The largest eigenvalue of the 4 x 4 key matrix gives the best proper rotation, never a reflection, without the
    rotation being formed (Coutsias, Seok and Dill, J. Comput. Chem. 25:1849, 2004; Theobald, Acta Cryst. A61:478,
    2005).

    Parameters
    ----------
    coordinates_nm : ndarray, shape (n_frames, n_atoms, 3)
        Structures.
    reference_nm : ndarray, shape (n_atoms, 3)
        The structure to compare with.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        In nm; below about 1e-8 nm per nm of size it is rounding error.

    Raises
    ------
    DataError
        Shapes that do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import rmsd
    >>> reference_nm = np.random.default_rng(0).normal(size=(10, 3))
    >>> float(rmsd(reference_nm[None] + 1.0, reference_nm)[0].round(4))  # superposed first
    0.0
    """
    frames = _frames(coordinates_nm)
    reference = _reference(reference_nm, frames.shape[1])
    frames = frames - frames.mean(axis=1, keepdims=True)
    reference = reference - reference.mean(axis=0)
    inner = np.einsum("fai,fai->f", frames, frames) + np.einsum("ai,ai->", reference, reference)
    s = np.einsum("fai,aj->fij", frames, reference, optimize=True)
    xx, xy, xz = s[:, 0, 0], s[:, 0, 1], s[:, 0, 2]
    yx, yy, yz = s[:, 1, 0], s[:, 1, 1], s[:, 1, 2]
    zx, zy, zz = s[:, 2, 0], s[:, 2, 1], s[:, 2, 2]
    rows = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, -xx + yy - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, -xx - yy + zz],
    ]
    key = np.moveaxis(np.array(rows), 2, 0)
    largest = np.linalg.eigvalsh(key)[:, -1]
    squared = np.maximum(inner - 2 * largest, 0) / frames.shape[1]
    return np.asarray(np.sqrt(squared), np.float64)


def radius_of_gyration(coordinates_nm: Floats) -> Doubles:
    """Return the root mean square distance of the atoms from their centre, in nm.

    Parameters
    ----------
    coordinates_nm : ndarray, shape (n_frames, n_atoms, 3)
        Structures; all atoms count alike.

    Returns
    -------
    ndarray of float64, shape (n_frames,)

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import radius_of_gyration
    >>> radius_of_gyration(np.array([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]])).tolist()
    [1.0]
    """
    frames = _frames(coordinates_nm)
    frames = frames - frames.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.einsum("fai,fai->f", frames, frames) / frames.shape[1]), np.float64)


def fraction_native_contacts(
    coordinates_nm: Floats,
    reference_nm: Floats,
    cutoff_nm: float = CONTACT_CUTOFF_NM,
    min_separation: int = 3,
) -> Doubles:
    """Return Q, the share of the reference's contacts that a structure keeps.

    Only contacts of the reference count, and none between near neighbours of the chain, which are always there: the
    share of equal bits of two contact maps is not Q and calls an unfolded chain almost native.

    Parameters
    ----------
    coordinates_nm : ndarray, shape (n_frames, n_residues, 3)
        CA coordinates.
    reference_nm : ndarray, shape (n_residues, 3)
        CA coordinates of the native structure.
    cutoff_nm : float
        Contact when the CA atoms are closer than this.
    min_separation : int
        Least distance `abs(i - j)` along the chain.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        Between 0 and 1.

    Raises
    ------
    DataError
        Shapes that do not match, or a reference without a contact.

    Examples
    --------
    >>> import numpy as np
    >>> turns = np.arange(20) * np.radians(100)
    >>> helix_nm = np.stack([0.23 * np.cos(turns), 0.23 * np.sin(turns), 0.15 * np.arange(20)], axis=-1)
    >>> from levinthal.proteins import fraction_native_contacts
    >>> fraction_native_contacts(np.stack([helix_nm, 3 * helix_nm]), helix_nm).tolist()
    [1.0, 0.0]
    """
    frames = _frames(coordinates_nm)
    reference = _reference(reference_nm, frames.shape[1])
    first, second = np.triu_indices(len(reference), min_separation)
    native = np.linalg.norm(reference[first] - reference[second], axis=-1) < cutoff_nm
    if not native.any():
        raise DataError(
            f"the reference has no contact below {cutoff_nm} nm between residues {min_separation} or more apart: "
            "take a folded reference or a larger cutoff"
        )
    first, second = first[native], second[native]
    kept = np.linalg.norm(frames[:, first] - frames[:, second], axis=-1) < cutoff_nm
    return np.asarray(kept.mean(axis=1), np.float64)
