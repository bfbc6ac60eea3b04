"""Sanity checks of an answer: the crystal pose passes each of them, and each kind of wrong pose fails its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from levinthal.datasets.structures import real_complex
from levinthal.workloads.docking.molecules.sanity import impossible_distances, sanity_checks
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor

SCORE = "best score (kcal/mol)"
PLACES = ("best pose outside its box (A)", "best pose away from the receptor (A)")
INSIDE = "volume of the best pose inside the receptor's"
SHAPE = "deformation of the ligand in the best pose (A)"


@pytest.fixture(scope="module")
def parts():
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    return prepare_receptor(receptor), prepare_ligand(str(ligand))


def missed(parts, pose, score=-5.0):
    receptor, ligand = parts
    checks = sanity_checks(ligand, receptor, ligand.box(4.0), pose, score)
    assert all(each.advice for each in checks)
    return {each.name for each in checks if not each.value <= each.at_most}


def test_each_wrong_pose_fails_its_own_check(parts):
    receptor, ligand = parts
    crystal = ligand.source_coordinates_angstrom
    assert missed(parts, crystal) == set()
    assert missed(parts, crystal, score=49.7) == missed(parts, crystal, score=0.0) == {SCORE}
    assert missed(parts, crystal + np.array([80.0, 0, 0])) == set(PLACES)
    mirrored = crystal.copy()
    mirrored[:, 0] *= 1.5
    assert SHAPE in missed(parts, mirrored)
    inside = receptor.coordinates_angstrom.mean(axis=0)
    assert INSIDE in missed(parts, crystal - crystal.mean(axis=0) + inside)


def test_a_ligand_that_is_no_molecule_is_recognised(parts):
    _, ligand = parts
    assert impossible_distances(ligand) == 0
    flat = ligand.coordinates_angstrom * np.array([1.0, 0.0, 0.0])
    assert impossible_distances(replace(ligand, coordinates_angstrom=flat)) > 0
    assert impossible_distances(replace(ligand, coordinates_angstrom=2.0 * ligand.coordinates_angstrom)) > 0
    for smiles in ("CC#N", "C1CC1", "FC(F)(F)S(=O)(=O)N", "C12C3C4C1C5C2C3C45", "[O-][N+](=O)c1ccccc1Br"):
        assert impossible_distances(prepare_ligand(smiles)) == 0, smiles
