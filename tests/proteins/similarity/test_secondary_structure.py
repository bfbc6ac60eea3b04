"""Helicity from CA atoms against DSSP on real structures, and against ideal geometry."""

from __future__ import annotations

import warnings

import mdtraj
import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.proteins.similarity.secondary_structure import helical_fraction, helical_residues, virtual_dihedrals_deg


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


@pytest.mark.parametrize(
    ("topology", "coordinates", "at_least"),
    [
        ("trpcage_2JOF.pdb", None, 0.99),
        ("ci2_1YPA_I.pdb", None, 0.98),
        ("1FME-folded.pdb", None, 0.95),
        ("dhfr_5dfr_minimized.pdb", None, 0.93),
        ("adk_closed.pdb", None, 0.93),
        ("fs-peptide.pdb", "fs-peptide_output.dcd", 0.95),
        ("fs_peptide_100starts_400K.pdb", None, 0.80),
    ],
)
def test_residues_agree_with_dssp(shared_data, topology, coordinates, at_least):
    folder = shared_data / "md"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if coordinates:
            loaded = mdtraj.load(str(folder / coordinates), top=str(folder / topology))
        else:
            loaded = mdtraj.load(str(folder / topology))
    carbons = loaded.top.select("name CA and not resname ACE NME")
    residues = [loaded.top.atom(k).residue.index for k in carbons]
    dssp = mdtraj.compute_dssp(loaded, simplified=False)[:, residues] == "H"
    ours = helical_residues(loaded.xyz[:, carbons])
    assert (ours == dssp).mean() >= at_least


def test_short_chains():
    assert not helical_residues(np.zeros((2, 4, 3))).any()
    with pytest.raises(DataError, match="4 residues"):
        helical_fraction(np.zeros((2, 4, 3)))
    with pytest.raises(DataError, match=r"\(4, 3\)"):
        helical_residues(np.zeros((4, 3)))
