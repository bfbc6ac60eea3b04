"""Similarity measures against mdtraj, scipy and hand-made cases."""

from __future__ import annotations

import mdtraj
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from carried import shared_files, villin_models
from levinthal.errors import DataError
from levinthal.proteins.similarity.fractions import fraction_native_contacts, radius_of_gyration, rmsd


def trajectory(coordinates):
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for _ in range(coordinates.shape[1]):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain))
    return mdtraj.Trajectory(coordinates, topology)


@settings(max_examples=40, deadline=None)
@given(n_atoms=st.integers(3, 40), seed=st.integers(0, 2**32 - 1))
def test_rmsd_agrees_with_mdtraj_and_scipy(n_atoms, seed):
    rng = np.random.default_rng(seed)
    frames = rng.normal(0, 1, (4, n_atoms, 3))
    reference = rng.normal(0, 1, (n_atoms, 3))
    ours = rmsd(frames, reference)
    np.testing.assert_allclose(ours, mdtraj.rmsd(trajectory(frames), trajectory(reference[None])), atol=2e-4)
    centred = reference - reference.mean(axis=0)
    for frame, value in zip(frames, ours, strict=True):
        _, rssd = Rotation.align_vectors(centred, frame - frame.mean(axis=0))
        assert value == pytest.approx(rssd / np.sqrt(n_atoms), abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_rmsd_is_blind_to_rotation_and_translation(seed):
    rng = np.random.default_rng(seed)
    reference = rng.normal(0, 1, (12, 3))
    moved = Rotation.random(rng=rng).apply(reference) + rng.normal(0, 10, 3)
    assert rmsd(moved[None], reference)[0] < 1e-6


def test_rmsd_does_not_superpose_a_mirror_image():
    helix = np.array([[np.cos(1.75 * k), np.sin(1.75 * k), 0.65 * k] for k in range(12)]) * 0.23
    mirrored = helix * [1, 1, -1]
    assert rmsd(helix[None], helix)[0] < 1e-7
    assert rmsd(mirrored[None], helix)[0] > 0.1


def test_rmsd_of_a_stretched_line_is_analytic():
    line = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    # Both outer points are off by 0.5: sqrt(2 * 0.25 / 3).
    assert rmsd(1.5 * line[None], line)[0] == pytest.approx(np.sqrt(0.5 / 3))


def test_rmsd_on_real_structures(tmp_path):
    for path in (villin_models(tmp_path), *shared_files("md/1FME-folded.pdb")):
        models = mdtraj.load(str(path))
        carbons = models.atom_slice(models.top.select("name CA"))
        np.testing.assert_allclose(rmsd(carbons.xyz, carbons.xyz[3]), mdtraj.rmsd(carbons, carbons, 3), atol=1e-4)


def test_radius_of_gyration():
    square = np.array([[[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]]])
    assert radius_of_gyration(square + 5)[0] == pytest.approx(np.sqrt(2))
    frames = np.random.default_rng(1).normal(0, 1, (5, 30, 3))
    np.testing.assert_allclose(radius_of_gyration(frames), mdtraj.compute_rg(trajectory(frames)), rtol=1e-5)


def test_native_contacts_count_only_what_the_reference_has():
    # A hairpin of six residues: contacts at |i - j| >= 3 are 0-5, 0-4 (0.64), 1-4 and 1-5; 0-3, 2-5 are 0.94 away.
    native = np.array([[0, 0, 0], [0.4, 0, 0], [0.8, 0, 0], [0.8, 0.5, 0], [0.4, 0.5, 0], [0, 0.5, 0]])
    unfolded = native.copy()
    unfolded[:, 1] = 0
    unfolded[:, 0] = 0.38 * np.arange(6)
    half = native.copy()
    half[5] += [0, 5, 0]
    q = fraction_native_contacts(np.stack([native, unfolded, half]), native)
    np.testing.assert_allclose(q, [1.0, 0.0, 0.5])


def test_villin_bent_further_keeps_fewer_native_contacts(tmp_path):
    carbons = mdtraj.load(str(villin_models(tmp_path)))
    carbons = carbons.xyz[:, carbons.top.select("name CA")].astype(float)
    native = np.linalg.norm(carbons[0][:, None] - carbons[0][None], axis=-1)
    near = np.triu(native < 0.8, 3)
    now = np.linalg.norm(carbons[:, :, None] - carbons[:, None], axis=-1)
    expected = (now < 0.8)[:, near].mean(axis=1)
    np.testing.assert_allclose(fraction_native_contacts(carbons, carbons[0]), expected)
    assert expected[0] == 1
    assert expected[-1] < 0.5
    for path in shared_files("md/1FME-unfolded.pdb"):
        both = [mdtraj.load(str(path.with_name(f"1FME-{state}.pdb")))[0] for state in ("unfolded", "folded")]
        unfolded, folded = (each.xyz[:, each.top.select("name CA")] for each in both)
        assert fraction_native_contacts(unfolded, folded[0])[0] == pytest.approx(0.143, abs=0.001)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rmsd(np.zeros((2, 5, 3)), np.zeros((4, 3))),
        lambda: rmsd(np.zeros((5, 3)), np.zeros((5, 3))),
        lambda: radius_of_gyration(np.zeros((2, 0, 3))),
        lambda: fraction_native_contacts(np.zeros((1, 5, 3)), np.arange(15.0).reshape(5, 3)),
    ],
)
def test_mistakes_are_named(call):
    with pytest.raises(DataError):
        call()
