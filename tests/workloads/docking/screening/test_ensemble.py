"""Conformers of a ligand, and their docking in one batch: the same as each docked alone."""

from __future__ import annotations

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import rdMolAlign

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.pose_files import pose_record
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.conformers import conformers_of
from levinthal.workloads.docking.scoring import build_grids
from levinthal.workloads.docking.screening.ensemble import ConformerProblem
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem


def test_conformers_are_apart_and_the_same_molecule(drug):
    conformers = conformers_of(drug, 6)
    assert conformers[0] is drug
    assert len(conformers) == 6
    molecules = [Chem.MolFromMolBlock(each.mol_block, removeHs=False) for each in conformers]
    smiles = {Chem.MolToSmiles(Chem.RemoveHs(each)) for each in molecules}
    assert smiles == {Chem.MolToSmiles(Chem.RemoveHs(molecules[0]))}
    bare = [Chem.RemoveHs(each) for each in molecules]
    for k, each in enumerate(bare):
        assert all(rdMolAlign.GetBestRMS(Chem.Mol(each), other) > 0.7 for other in bare[:k])
    for ligand, molecule in zip(conformers, molecules, strict=True):
        places = molecule.GetConformer().GetPositions()[ligand.mol_block_atoms]
        assert np.allclose(ligand.source_coordinates_angstrom, places, atol=1e-3)
        assert np.allclose(ligand.scored_template_angstrom.mean(axis=0), 0, atol=1e-9)


def test_what_cannot_turn_stays_alone():
    assert len(conformers_of(prepare_ligand("Cc1ccc(C)cc1"), 8)) == 1
    assert len(conformers_of(prepare_ligand("CCCCCC"), 1)) == 1


def test_a_state_is_a_conformer_in_a_receptor_conformation(reductase, drug):
    receptor, _, box = reductase
    strained = receptor.in_conformation(receptor.coordinates_angstrom, energy_kcal_mol=2.0)
    grids = build_grids([receptor, strained], drug.scored_types, box)
    conformers = conformers_of(drug, 3)
    problem = ConformerProblem.of_conformers(grids, conformers)
    assert problem.n_conformations == 6
    poses = Poses.random(60, box, torch.Generator().manual_seed(0))
    states = problem.spread(60)
    score = problem.evaluate(poses, states)
    for number, ligand in enumerate(conformers):
        mine = torch.nonzero(states % 3 == number)[:, 0]
        alone = Problem(grids, ligand).evaluate(poses[mine], states[mine] // 3)
        for ours, theirs in zip(score, alone, strict=True):
            assert torch.allclose(ours[mine], theirs)
    outcome = RandomRestarts(256, 32, n_last=8).search(problem, seed=1)
    best = problem.rescored([receptor, strained], outcome)
    for ligand, final in best:
        record = pose_record(ligand, final.coordinates[0], "pose", {})
        heavy = Chem.MolFromMolBlock(record, removeHs=False).GetConformer().GetPositions()[ligand.mol_block_atoms]
        assert np.allclose(heavy, final.coordinates[0], atol=2e-3)
    assert min(float(final.energies_kcal_mol[0]) for _, final in best) < 0
