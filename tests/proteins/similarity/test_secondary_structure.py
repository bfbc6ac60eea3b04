"""Helicity from CA atoms against DSSP on real structures, and against ideal geometry."""

from __future__ import annotations

import warnings

import mdtraj
import numpy as np
import pytest

from carried import protein, shared_files
from levinthal.errors import DataError
from levinthal.proteins.similarity.secondary_structure import helical_fraction, helical_residues, virtual_dihedrals_deg
from trajectory_examples import built_conformations


def ideal_helix(n_residues, rise_nm=0.15, turn_deg=100.0, radius_nm=0.23, hand=1):
    angle = np.radians(turn_deg) * np.arange(n_residues) * hand
    return np.stack([radius_nm * np.cos(angle), radius_nm * np.sin(angle), rise_nm * np.arange(n_residues)], axis=1)


def test_ideal_alpha_helix():
    helix = ideal_helix(12)[None]
    np.testing.assert_allclose(virtual_dihedrals_deg(helix), 50, atol=3)
    assert helical_residues(helix)[0].tolist() == [False, *[True] * 10, False]
    assert helical_fraction(helix)[0] == 1.0


def test_a_left_handed_helix_and_a_strand_are_none():
    left = ideal_helix(12, hand=-1)
    strand = np.array([[0.33 * k, 0.09 * (-1) ** k, 0] for k in range(12)])
    assert helical_fraction(np.stack([left, strand])).tolist() == [0.0, 0.0]


def test_dihedrals_agree_with_mdtraj():
    frames = np.random.default_rng(0).normal(0, 1, (6, 10, 3)).astype(np.float32)
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for _ in range(10):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain))
    quartets = np.array([[k, k + 1, k + 2, k + 3] for k in range(7)])
    expected = np.degrees(mdtraj.compute_dihedrals(mdtraj.Trajectory(frames, topology), quartets))
    np.testing.assert_allclose(virtual_dihedrals_deg(frames), expected, atol=1e-2)


def agreement_with_dssp(loaded):
    """Return the share of residues on which DSSP's alpha helix (by hydrogen bonds) and ours (by CA) agree."""
    carbons = loaded.top.select("name CA and protein")
    residues = [loaded.top.atom(k).residue.index for k in carbons]
    dssp = mdtraj.compute_dssp(loaded, simplified=False)[:, residues] == "H"
    return (helical_residues(loaded.xyz[:, carbons]) == dssp).mean()


AT_LEAST = {
    protein("human-dhfr"): 0.95,
    protein("thymidine-phosphorylase"): 0.95,
    protein("src-kinase"): 0.93,
    protein("dhfr"): 0.93,
    protein("t4-lysozyme-l99a"): 0.91,
    protein("haemoglobin"): 0.90,
} | dict.fromkeys(shared_files("md/trpcage_2JOF.pdb", "md/ci2_1YPA_I.pdb", "md/1FME-folded.pdb"), 0.95)


@pytest.mark.parametrize("path", AT_LEAST, ids=lambda path: path.stem)
def test_residues_of_a_protein_agree_with_dssp(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mdtraj.load(str(path))
    assert agreement_with_dssp(loaded.atom_slice(loaded.top.select("protein"))) >= AT_LEAST[path]


def test_residues_of_a_changing_peptide_agree_with_dssp():
    built = built_conformations(40)
    assert 0.2 < helical_fraction(built.xyz[:, built.top.select("name CA")]).mean() < 0.8
    assert agreement_with_dssp(built) >= 0.93
    for path in shared_files("md/fs-peptide_output.dcd"):  # real dynamics, where they are there
        assert agreement_with_dssp(mdtraj.load(str(path), top=str(path.parent / "fs-peptide.pdb"))) >= 0.95


def test_short_chains():
    assert not helical_residues(np.zeros((2, 4, 3))).any()
    with pytest.raises(DataError, match="4 residues"):
        helical_fraction(np.zeros((2, 4, 3)))
    with pytest.raises(DataError, match=r"\(4, 3\)"):
        helical_residues(np.zeros((4, 3)))
