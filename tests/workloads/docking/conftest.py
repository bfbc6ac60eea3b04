"""Molecules that the tests of docking share."""

from __future__ import annotations

import pytest

from carried import crystal_complex
from levinthal.datasets.structures import real_complex
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor


@pytest.fixture(scope="session")
def lysozyme() -> tuple[Receptor, Ligand, Box]:
    """Return T4 lysozyme L99A, p-xylene as it sits in its cavity, and a box around it."""
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    prepared = prepare_ligand(ligand)
    return prepare_receptor(receptor), prepared, Box.around(prepared.source_coordinates_angstrom, 4.0)


@pytest.fixture(scope="session")
def reductase() -> tuple[Receptor, Ligand, Box]:
    """Return human dihydrofolate reductase, its inhibitor as it sits in the crystal 1S3V, and a box around it."""
    receptor, ligand = crystal_complex()
    prepared = prepare_ligand(ligand)
    return prepare_receptor(receptor), prepared, Box.around(prepared.source_coordinates_angstrom, 4.0)


@pytest.fixture(scope="session")
def drug() -> Ligand:
    """Return a ligand of several atom types: 19 heavy atoms with donors, acceptors and halogens."""
    return prepare_ligand("CC(=O)Nc1ccc(cc1Cl)S(=O)(=O)NCCO", name="drug")
