"""A made pocket and ligand, small enough to train on in a test; and ligands as meeko writes them."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.scoring import VINA_TYPES
from levinthal.workloads.docking.search.contract import Problem

TYPES = {"C": "C_H", "OA": "O_A", "N": "N_P"}


def made_receptor(seed: int = 0) -> Receptor:
    """A bowl of atoms around the origin, open on one side."""
    generator = np.random.default_rng(seed)
    arms = generator.normal(size=(160, 3))
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    arms = arms[arms[:, 2] < 0.6]
    kinds = tuple(generator.choice(list(TYPES), size=len(arms), p=[0.7, 0.2, 0.1]).tolist())
    return Receptor(
        name="bowl",
        coordinates_angstrom=arms * generator.uniform(6.0, 8.0, (len(arms), 1)),
        types=kinds,
        vina_types=np.array([VINA_TYPES.index(TYPES[kind]) for kind in kinds], np.int8),
        atom_names=tuple(f"X{number}" for number in range(len(arms))),
        residues=tuple(f"UNK A {number // 8 + 1}" for number in range(len(arms))),
    )


def made_ligand(n_atoms: int = 7, seed: int = 0) -> Ligand:
    generator = np.random.default_rng((seed, n_atoms))
    places = np.cumsum(generator.normal(size=(n_atoms, 3)), axis=0)
    kinds = tuple(generator.choice(list(TYPES), size=n_atoms).tolist())
    return Ligand(
        name=f"chain of {n_atoms}",
        coordinates_angstrom=places - places.mean(axis=0),
        centre_angstrom=np.zeros(3),
        elements=tuple(kind[0] for kind in kinds),
        types=kinds,
        atom_names=tuple(f"A{number}" for number in range(n_atoms)),
        vina_types=np.array([VINA_TYPES.index(TYPES[kind]) for kind in kinds], np.int8),
        bonds=tuple((number, number + 1) for number in range(n_atoms - 1)),
        n_torsions=0.0,
    )


def meeko_pdbqt(ligand: Ligand) -> str:
    """Return a ligand as meeko writes it: a tree of rigid fragments with its rotatable bonds."""
    from meeko import MoleculePreparation, PDBQTWriterLegacy
    from rdkit import Chem

    (setup,) = MoleculePreparation()(Chem.MolFromMolBlock(ligand.mol_block, removeHs=False))
    return PDBQTWriterLegacy.write_string(setup)[0]


def made_problem(n_atoms: int = 7, *, n_conformations: int = 1, seed: int = 0) -> Problem:
    receptor, ligand = made_receptor(seed), made_ligand(n_atoms, seed)
    generator = np.random.default_rng(seed + 1)
    stack = [receptor]
    for number in range(1, n_conformations):
        moved = receptor.coordinates_angstrom + generator.normal(scale=0.4, size=receptor.coordinates_angstrom.shape)
        stack.append(receptor.in_conformation(moved, energy_kcal_mol=0.7 * number))
    box = Box((0.0, 0.0, 1.0), (10.0, 10.0, 10.0))
    return Problem.of(stack, ligand, box)
