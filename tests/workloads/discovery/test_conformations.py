"""States carried to all atoms: what does not move stays, what moves keeps its bonds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError
from levinthal.workloads.discovery.conformations import Pocket, ca_atoms, carried_to_state, strain_of
from levinthal.workloads.docking.molecules.molecule import Box
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor


@pytest.fixture(scope="module")
def lysozyme():
    protein, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    receptor = prepare_receptor(protein)
    box = prepare_ligand(str(ligand)).box(4.0)
    ca = np.array([k for k, name in enumerate(receptor.atom_names) if name == "CA"])
    native = receptor.coordinates_angstrom[ca]
    return receptor, box, native, Pocket.of(receptor, box, native)


def test_the_structure_itself_is_left_as_it_is_wherever_it_has_drifted(lysozyme):
    receptor, box, native, pocket = lysozyme
    turn = Rotation.from_euler("xyz", [0.3, -1.0, 2.0]).as_matrix()
    for state in (native, native @ turn.T + [5.0, -3.0, 40.0]):
        assert pocket.rmsd_angstrom(state, native) == pytest.approx(0.0, abs=1e-6)
        moved = carried_to_state(receptor, box, pocket, state)
        assert np.abs(moved - receptor.coordinates_angstrom).max() < 0.02


def test_a_state_moves_the_pocket_alone_and_keeps_its_chemistry(lysozyme):
    receptor, box, native, pocket = lysozyme
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0.0, 0.12, native.shape), axis=0)  # neighbours move alike
    state = native + smooth - smooth.mean(axis=0)
    moved = carried_to_state(receptor, box, pocket, state)
    strain = strain_of(receptor, moved)
    assert strain.worst_bond_angstrom < 0.15
    assert strain.n_clashes <= 3
    shift = np.linalg.norm(moved - receptor.coordinates_angstrom, axis=1)
    centre = np.linalg.norm(receptor.coordinates_angstrom - np.array(box.centre_angstrom), axis=1)
    assert shift[centre > 25.0].max() == 0.0
    atoms = ca_atoms(receptor, native)[pocket.beads]
    near = atoms[np.isin(atoms, np.flatnonzero(shift > 0))]
    turn, offset = pocket.laid_on(state)
    wanted = (state @ turn.T + offset)[np.searchsorted(ca_atoms(receptor, native), near)]
    assert np.sqrt(((moved[near] - wanted) ** 2).sum(axis=1).mean()) < 0.6


def test_strain_sees_a_stretched_bond_and_a_clash(lysozyme):
    receptor = lysozyme[0]
    broken = receptor.coordinates_angstrom.copy()
    side = next(k for k, (name, residue) in enumerate(zip(receptor.atom_names, receptor.residues, strict=True))
                if name == "CE" and residue.startswith("LYS"))  # fmt: skip
    broken[side] = broken[0] + [0.0, 0.0, 1.0]
    strain = strain_of(receptor, broken)
    assert strain.worst_bond_angstrom > 1.0
    assert strain.n_clashes >= 1
    assert not strain.is_sound
    assert strain_of(receptor, receptor.coordinates_angstrom).is_sound


def test_a_pocket_out_of_the_protein_is_refused(lysozyme):
    receptor, _, native, _ = lysozyme
    with pytest.raises(DataError, match="box"):
        Pocket.of(receptor, Box((900.0, 0.0, 0.0), (5.0, 5.0, 5.0)), native)
