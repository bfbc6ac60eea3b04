"""Side-chain rotamers of the residues of a pocket, chosen by the energy they have in the protein.

The first two torsions of a side chain take their staggered values; the energy of a side chain is that of its atoms with
the rest of the receptor on the scoring function itself, as in Vina's own docking with flexible side chains. Bonds and
angles stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from levinthal.arrays import Doubles, Integers
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.conformations.pocket import heavy_atoms, pocket_atoms
from levinthal.workloads.docking.scoring.functions import FunctionName, pair_energy, scoring_function

_STAGGERED = (-60.0, 60.0, 180.0)
_ACROSS = (-90.0, 90.0)
_PLANAR = (-60.0, 0.0, 60.0)

# The atoms that the first torsions run along, and the angles of the last of them; those of the others are staggered.
_CHAINS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "ARG": (("N", "CA", "CB", "CG", "CD"), _STAGGERED),
    "ASN": (("N", "CA", "CB", "CG", "OD1"), _PLANAR),
    "ASP": (("N", "CA", "CB", "CG", "OD1"), _PLANAR),
    "CYS": (("N", "CA", "CB", "SG"), _STAGGERED),
    "GLN": (("N", "CA", "CB", "CG", "CD"), _STAGGERED),
    "GLU": (("N", "CA", "CB", "CG", "CD"), _STAGGERED),
    "HIS": (("N", "CA", "CB", "CG", "ND1"), _ACROSS),
    "ILE": (("N", "CA", "CB", "CG1", "CD1"), _STAGGERED),
    "LEU": (("N", "CA", "CB", "CG", "CD1"), _STAGGERED),
    "LYS": (("N", "CA", "CB", "CG", "CD"), _STAGGERED),
    "MET": (("N", "CA", "CB", "CG", "SD"), _STAGGERED),
    "PHE": (("N", "CA", "CB", "CG", "CD1"), _ACROSS),
    "SER": (("N", "CA", "CB", "OG"), _STAGGERED),
    "THR": (("N", "CA", "CB", "OG1"), _STAGGERED),
    "TRP": (("N", "CA", "CB", "CG", "CD1"), _ACROSS),
    "TYR": (("N", "CA", "CB", "CG", "CD1"), _ACROSS),
    "VAL": (("N", "CA", "CB", "CG1"), _STAGGERED),
}
_BOND_ANGSTROM, _BOND_TO_HYDROGEN_ANGSTROM, _DISULFIDE_ANGSTROM = 2.15, 1.3, 2.5
_KT_KCAL_MOL = 0.593
_HIGHEST_KCAL_MOL = 4.0
_DRAWS_PER_CONFORMATION = 200
# A torsion this close to its own value is not another rotamer.
_SAME_DEGREES = 25.0


@dataclass(frozen=True, eq=False)
class _SideChain:
    """The moving atoms of a side chain, and where its rotamers have them, shape (rotamers, atoms, 3), native first."""

    atoms: Integers
    places: Doubles
    energies_kcal_mol: Doubles


def draw_rotamers(
    receptor: Receptor, box: Box, count: int, seed: int, function: FunctionName = "vina"
) -> list[tuple[Doubles, float]]:
    """Draw conformations whose pocket side chains are in other rotamers.

    Each side chain takes a rotamer with its Boltzmann weight in the otherwise native protein; a combination that ends
    more than 4 kcal/mol a side chain above the native one, or that is there already, is drawn again.

    Parameters
    ----------
    receptor : Receptor
    box : Box
        Side chains that reach into it move.
    count : int
        Conformations wanted; fewer come back where the pocket has fewer.
    seed : int
    function : {"vina", "vinardo"}

    Returns
    -------
    list of (ndarray of shape (n, 3), float)
        Coordinates, and energy above the native conformation in kcal/mol.
    """
    chains = _side_chains(receptor, box, function)
    movable = [chain for chain in chains if len(chain.energies_kcal_mol) > 1]
    if not movable:
        return []
    generator = np.random.default_rng(seed)
    weights = [np.exp(-chain.energies_kcal_mol / _KT_KCAL_MOL) for chain in movable]
    native = _energy(receptor, receptor.coordinates_angstrom, movable, function)
    seen = {(0,) * len(movable)}
    found: list[tuple[Doubles, float]] = []
    for _ in range(_DRAWS_PER_CONFORMATION * count):
        if len(found) == count:
            break
        choice = tuple(int(generator.choice(len(each), p=each / each.sum())) for each in weights)
        if choice in seen:
            continue
        seen.add(choice)
        places = receptor.coordinates_angstrom.copy()
        for chain, rotamer in zip(movable, choice, strict=True):
            places[chain.atoms] = chain.places[rotamer]
        energy = _energy(receptor, places, movable, function) - native
        if energy <= _HIGHEST_KCAL_MOL * np.count_nonzero(choice):
            found.append((places, energy))
    return found


def _side_chains(receptor: Receptor, box: Box, function: FunctionName) -> list[_SideChain]:
    inside = pocket_atoms(receptor, box)
    residues: dict[str, list[int]] = {}
    for index in np.flatnonzero(inside):
        residues.setdefault(receptor.residues[index], []).append(int(index))
    places = receptor.coordinates_angstrom
    low, high = box.low_angstrom, box.high_angstrom
    chains = []
    for residue, members in residues.items():
        named = _CHAINS.get(residue.split()[0])
        atoms = {receptor.atom_names[index]: index for index in members}
        if named is None or any(name not in atoms for name in named[0]):
            continue
        line, last = [atoms[name] for name in named[0]], named[1]
        moving = _beyond(receptor, members, line[1], line[2])
        there = places[moving]
        if not ((there >= low) & (there <= high)).all(axis=1).any() or _is_bridged(receptor, residue, moving):
            continue
        n_torsions = len(line) - 3
        angles = [last if n == n_torsions - 1 else _STAGGERED for n in range(n_torsions)]
        rotamers = [places[moving]]
        for targets in product(*angles):
            turned = _turned(receptor, members, line, targets)
            if turned is not None:
                rotamers.append(turned[moving])
        energies = np.array([_alone(receptor, residue, moving, each, function) for each in rotamers])
        energies -= energies[0]
        kept = np.flatnonzero(energies <= _HIGHEST_KCAL_MOL)
        kept = np.concatenate([[0], kept[kept > 0]])
        chains.append(_SideChain(moving, np.stack(rotamers)[kept], energies[kept]))
    return chains


def _beyond(receptor: Receptor, members: list[int], before: int, hinge: int) -> Integers:
    """Return the atoms of a residue that hang on `hinge`, seen from `before`; hydrogens too, `hinge` itself not."""
    places = receptor.coordinates_angstrom
    reached, border = {hinge}, [hinge]
    while border:
        at = border.pop()
        for other in members:
            light = min(receptor.vina_types[at], receptor.vina_types[other]) < 0
            limit = _BOND_TO_HYDROGEN_ANGSTROM if light else _BOND_ANGSTROM
            near = np.linalg.norm(places[at] - places[other]) < limit
            if near and other not in reached and other != before:
                reached.add(other)
                border.append(other)
    return np.array(sorted(reached - {hinge}), np.int64)


def _is_bridged(receptor: Receptor, residue: str, moving: Integers) -> bool:
    """Say whether the side chain is bonded to another residue, by a disulfide bridge for example."""
    others = np.array([each != residue for each in receptor.residues]) & (receptor.vina_types >= 0)
    heavy = moving[receptor.vina_types[moving] >= 0]
    gaps = receptor.coordinates_angstrom[heavy][:, None] - receptor.coordinates_angstrom[others][None]
    return bool((np.linalg.norm(gaps, axis=-1) < _DISULFIDE_ANGSTROM).any())


def _turned(receptor: Receptor, members: list[int], line: list[int], targets: tuple[float, ...]) -> Doubles | None:
    """Return all coordinates with the torsions along `line` set, or None where they are so already."""
    places, changed = receptor.coordinates_angstrom.copy(), False
    for n, target in enumerate(targets):
        before, hinge = line[n + 1], line[n + 2]
        angle = (target - _torsion(places[line[n : n + 4]]) + 180) % 360 - 180
        changed |= abs(angle) > _SAME_DEGREES
        moving = _beyond(receptor, members, before, hinge)
        axis = places[hinge] - places[before]
        places[moving] = places[hinge] + _about(axis, np.radians(angle), places[moving] - places[hinge])
    return places if changed else None


def _torsion(points: Doubles) -> float:
    first, axis, last = points[1] - points[0], points[2] - points[1], points[3] - points[2]
    one, other = np.cross(first, axis), np.cross(axis, last)
    return float(np.degrees(np.arctan2(np.cross(one, other) @ axis / np.linalg.norm(axis), one @ other)))


def _about(axis: Doubles, angle: float, arms: Doubles) -> Doubles:
    unit = axis / np.linalg.norm(axis)
    along = (arms @ unit)[:, None] * unit
    return np.asarray(along + np.cos(angle) * (arms - along) + np.sin(angle) * np.cross(unit, arms))


def _pairs(
    receptor: Receptor, first: Doubles, one: Integers, second: Doubles, other: Integers, name: FunctionName
) -> float:
    distances = torch.from_numpy(np.linalg.norm(first[:, None] - second[None], axis=-1))
    types = torch.from_numpy(receptor.vina_types.astype(np.int64))
    return float(pair_energy(scoring_function(name), types[one][:, None], types[other][None], distances).sum())


def _alone(receptor: Receptor, residue: str, moving: Integers, places: Doubles, function: FunctionName) -> float:
    """Return the energy of a side chain with the rest of the native receptor, its own residue left out."""
    scored = receptor.vina_types[moving] >= 0
    others = np.array([each != residue for each in receptor.residues]) & (receptor.vina_types >= 0)
    rest = np.flatnonzero(others)
    return _pairs(receptor, places[scored], moving[scored], receptor.coordinates_angstrom[rest], rest, function)


def _energy(receptor: Receptor, places: Doubles, chains: list[_SideChain], function: FunctionName) -> float:
    """Return the energy of all moving side chains with the receptor and with one another, each pair once."""
    moving = np.concatenate([chain.atoms for chain in chains])
    still = np.setdiff1d(heavy_atoms(receptor), moving)
    total = 0.0
    done: list[Integers] = []
    for chain in chains:
        atoms = chain.atoms[receptor.vina_types[chain.atoms] >= 0]
        own = receptor.residues[int(chain.atoms[0])]
        others = np.concatenate([still[[receptor.residues[int(each)] != own for each in still]], *done])
        total += _pairs(receptor, places[atoms], atoms, places[others], others, function)
        done.append(atoms)
    return total
