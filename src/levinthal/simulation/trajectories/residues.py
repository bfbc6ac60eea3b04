"""Which atoms of a topology are the CA atoms of a protein's residues, and which of these are bonded neighbours.

A residue counts by its atoms, not by its name: a table of names leaves out protonated, modified and spin-labelled
residues without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError

NEIGHBOUR_NM = (0.25, 0.45)
"""CA atoms of bonded residues: 0.38 nm across a trans peptide bond, 0.29 nm across a cis one, with thermal motion."""
_PEPTIDE_BOND_NM = 0.2
_BACKBONE = ("N", "CA", "C")
_LEAST_RESIDUES = 4


@dataclass(frozen=True, eq=False)
class ResidueSelection:
    """The residues of a protein in a topology.

    Attributes
    ----------
    n_atoms : int
        Of the topology, all of them.
    atoms : ndarray of int64, shape (n_residues,)
        Index of each residue's CA atom.
    labels : tuple of str
        Of each residue, for messages: `chain A, ASH 13`.
    bonded : ndarray of bool, shape (n_residues - 1,)
        Whether a residue is bonded to the next one.
    left_out : tuple of str
        Residues with a CA atom that are not part of a chain, as a free amino acid or a calcium ion, or lack N or C.
    """

    n_atoms: int
    atoms: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    bonded: npt.NDArray[np.bool_]
    left_out: tuple[str, ...] = ()


def neighbours(ca_nm: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return which consecutive CA atoms, shape (n, 3), are as far apart as bonded residues are."""
    distance = np.linalg.norm(np.diff(ca_nm, axis=0), axis=1)
    return np.asarray((distance >= NEIGHBOUR_NM[0]) & (distance <= NEIGHBOUR_NM[1]), np.bool_)


def select_residues(topology: Any, positions_nm: npt.NDArray[np.floating] | None, name: str) -> ResidueSelection:
    """Choose residues by their backbone atoms, or by CA alone where the topology has no other atoms of a backbone.

    Parameters
    ----------
    topology : mdtraj.Topology
    positions_nm : ndarray, shape (n_atoms, 3), or None
        Where the file has coordinates; bonds are then found by distance, else they are those of the topology.
    name : str
        The file, for messages.

    Raises
    ------
    DataError
        Fewer than four residues.
    """
    residues = list(topology.residues)
    by_name = [{atom.name: atom for atom in reversed(list(residue.atoms))} for residue in residues]
    whole = [all(each in atoms for each in _BACKBONE) for atoms in by_name]
    if any(whole):
        chosen = [k for k, each in enumerate(whole) if each]
    else:
        chosen = [k for k, atoms in enumerate(by_name) if "CA" in atoms and _is_carbon(atoms["CA"])]
    pairs = list(pairwise(chosen))
    if positions_nm is None:
        bonded = _bonds_of(topology, residues, pairs)
    elif any(whole):
        bonded = [
            residues[a].chain.index == residues[b].chain.index
            and _apart(positions_nm, by_name[a]["C"].index, by_name[b]["N"].index) <= _PEPTIDE_BOND_NM
            for a, b in pairs
        ]
    else:
        carbons = positions_nm[[by_name[k]["CA"].index for k in chosen]]
        same = [residues[a].chain.index == residues[b].chain.index for a, b in pairs]
        bonded = list(neighbours(carbons) & np.array(same, np.bool_)) if pairs else []
    found = _without_lone(topology.n_atoms, residues, by_name, chosen, bonded, name)
    broken = [
        _label(residues[k]) for k, atoms in enumerate(by_name)
        if k not in set(chosen) and "CA" in atoms and _is_carbon(atoms["CA"]) and ("N" in atoms or "C" in atoms)
    ]  # fmt: skip
    return replace(found, left_out=(*found.left_out, *broken))


def _without_lone(
    n_atoms: int,
    residues: Sequence[Any],
    by_name: Sequence[dict[str, Any]],
    chosen: Sequence[int],
    bonded: Sequence[Any],
    name: str,
) -> ResidueSelection:
    """Leave out residues that are alone in their chain and bonded to nothing: no chain, but a ligand."""
    in_chain: dict[int, int] = {}
    for k in chosen:
        in_chain[residues[k].chain.index] = in_chain.get(residues[k].chain.index, 0) + 1
    kept = [i for i, k in enumerate(chosen) if in_chain[residues[k].chain.index] > 1 or _is_bonded(bonded, i)]
    if len(kept) < _LEAST_RESIDUES:
        raise DataError(
            f"{name} has {len(kept)} residues of a protein (by the atoms N, CA, C, or CA alone), a contact map needs "
            f"{_LEAST_RESIDUES}: give a topology that has the protein"
        )
    links = [bool(bonded[i]) if j == i + 1 else False for i, j in pairwise(kept)]
    return ResidueSelection(
        n_atoms=n_atoms,
        atoms=np.array([by_name[chosen[i]]["CA"].index for i in kept], np.int64),
        labels=tuple(_label(residues[chosen[i]]) for i in kept),
        bonded=np.array(links, np.bool_),
        left_out=tuple(_label(residues[k]) for i, k in enumerate(chosen) if i not in set(kept)),
    )


def _is_bonded(bonded: Sequence[Any], i: int) -> bool:
    return bool((i > 0 and bonded[i - 1]) or (i < len(bonded) and bonded[i]))


def _is_carbon(atom: Any) -> bool:
    symbol = getattr(atom.element, "symbol", "C")
    return symbol in ("C", "VS") and atom.residue.name not in ("CA", "CAL", "CA2")


def _apart(positions_nm: npt.NDArray[np.floating], a: int, b: int) -> float:
    return float(np.linalg.norm(positions_nm[a] - positions_nm[b]))


def _bonds_of(topology: Any, residues: Sequence[Any], pairs: Sequence[tuple[int, int]]) -> list[bool]:
    linked = {(a.residue.index, b.residue.index) for a, b in topology.bonds if a.residue.index != b.residue.index}
    if linked:
        return [
            (residues[a].index, residues[b].index) in linked or (residues[b].index, residues[a].index) in linked
            for a, b in pairs
        ]
    return [residues[a].chain.index == residues[b].chain.index for a, b in pairs]


def _label(residue: Any) -> str:
    chain = getattr(residue.chain, "chain_id", None) or residue.segment_id or str(residue.chain.index + 1)
    return f"chain {chain}, {residue.name} {residue.resSeq}"
