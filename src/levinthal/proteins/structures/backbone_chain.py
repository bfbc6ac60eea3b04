"""The backbone of one protein chain, as structure files hold it, and where its carbonyl oxygens belong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats, Mask, Singles
from levinthal.errors import DataError
from levinthal.proteins.residues import THREE_LETTER

BACKBONE_ATOMS = ("N", "CA", "C")
"""Names of a residue's atoms, in the order of `BackboneChain.atoms_nm`."""

FARTHEST_NM = 1e5
"""A position beyond this is taken for a mistake."""

UNKNOWN_RESIDUE = "X"
"""One-letter code of a residue that is none of the twenty."""

# Engh and Huber, Acta Cryst. A47:392, 1991: C=O 1.231 A, angle CA-C-O 120.8 degrees.
_BOND_C_O_NM = 0.1231
_ANGLE_CA_C_O_RAD = float(np.radians(120.8))
# Where no next N tells the plane: that of an extended chain (psi 135 degrees, O opposite to where N would be).
_LAST_DIHEDRAL_N_CA_C_O_RAD = float(np.radians(135 - 180))
_PEPTIDE_BOND_LIMIT_NM = 0.2


@dataclass(frozen=True, eq=False)
class BackboneChain:
    """The backbone of one protein chain.

    Attributes
    ----------
    name : str
        Chain name; one character in a PDB file.
    sequence : str
        One letter per residue: the twenty amino acids, X for any other.
    atoms_nm : ndarray of float32, shape (n_residues, 3, 3)
        Positions of N, CA and C; zero where the mask is False.
    mask : ndarray of bool, shape (n_residues,)
        Residues of which all three atoms are resolved.
    residue_numbers : ndarray of int64, shape (n_residues,)
        As in the file (`auth_seq_id`).
    insertion_codes : str
        One character per residue, a space for none; empty when no residue has one.
    b_factors : ndarray of float32, shape (n_residues,), optional
        Written to the B-factor column: a confidence, say. Zero when None.

    Raises
    ------
    DataError
        Lengths that do not match, or a letter that is not a residue.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import BackboneChain
    >>> atoms_nm = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    >>> chain = BackboneChain("A", "ACDE", atoms_nm, np.ones(4, bool), np.arange(1, 5))
    >>> len(chain.sequence), bool(chain.mask.all())
    (4, True)
    """

    name: str
    sequence: str
    atoms_nm: Singles
    mask: Mask
    residue_numbers: npt.NDArray[np.int64]
    insertion_codes: str = ""
    b_factors: Singles | None = None

    def __post_init__(self) -> None:
        length = len(self.sequence)
        shapes = {
            "atoms_nm": (self.atoms_nm.shape, (length, 3, 3)),
            "mask": (self.mask.shape, (length,)),
            "residue_numbers": (self.residue_numbers.shape, (length,)),
            "insertion_codes": ((len(self.insertion_codes or self.sequence),), (length,)),
            "b_factors": ((length,) if self.b_factors is None else self.b_factors.shape, (length,)),
        }
        for what, (found, expected) in shapes.items():
            if found != expected:
                raise DataError(
                    f"chain {self.name}: {what} has the shape {found}: a sequence of {length} residues needs {expected}"
                )
        if self.mask.dtype != np.bool_:
            raise DataError(f"chain {self.name}: the mask has the type {self.mask.dtype}: expected bool")
        for place, letter in enumerate(self.sequence):
            if letter not in THREE_LETTER and letter != UNKNOWN_RESIDUE:
                raise DataError(
                    f"chain {self.name}: residue {place + 1} is {letter!r}: expected one of {''.join(THREE_LETTER)}, "
                    f"or {UNKNOWN_RESIDUE} for another"
                )


def carbonyl_oxygens(atoms_nm: Floats, mask: Mask) -> Doubles:
    """Place the carbonyl oxygen of each residue by standard geometry.

    In the plane of CA, C and the next residue's N, on the side away from that N; where there is no next N within
    2 A, in the plane of an extended chain. C=O 1.231 A, CA-C-O 120.8 degrees (Engh and Huber, Acta Cryst. A47:392,
    1991).

    Parameters
    ----------
    atoms_nm : ndarray, shape (n_residues, 3, 3)
        N, CA, C.
    mask : ndarray of bool, shape (n_residues,)
        Resolved residues.

    Returns
    -------
    ndarray of float64, shape (n_residues, 3)
        In nm; what stands at unresolved residues means nothing.
    """
    nitrogen, alpha, carbon = np.moveaxis(np.asarray(atoms_nm, np.float64), 1, 0)
    axis = _unit(alpha - carbon)
    # The side of CA-C on which N stands, turned about the axis by the dihedral.
    side = _across(nitrogen - alpha, axis)
    normal = np.cross(axis, side)
    away = np.cos(_LAST_DIHEDRAL_N_CA_C_O_RAD) * side - np.sin(_LAST_DIHEDRAL_N_CA_C_O_RAD) * normal
    to_next = nitrogen[1:] - carbon[:-1]
    bonded = mask[1:] & mask[:-1] & (np.linalg.norm(to_next, axis=-1) < _PEPTIDE_BOND_LIMIT_NM)
    away[:-1][bonded] = -_across(to_next, axis[:-1])[bonded]
    direction = np.cos(_ANGLE_CA_C_O_RAD) * axis + np.sin(_ANGLE_CA_C_O_RAD) * away
    return np.asarray(carbon + _BOND_C_O_NM * direction, np.float64)


def _unit(vectors: Doubles) -> Doubles:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0), np.float64)


def _across(vectors: Doubles, axis: Doubles) -> Doubles:
    """Return unit vectors along the parts of vectors at right angles to an axis; any such where they are parallel."""
    across = vectors - (vectors * axis).sum(axis=-1, keepdims=True) * axis
    straight = np.linalg.norm(across, axis=-1) < 1e-6
    least = np.eye(3)[np.abs(axis).argmin(axis=-1)]
    across[straight] = np.cross(axis, least)[straight]
    return _unit(across)
