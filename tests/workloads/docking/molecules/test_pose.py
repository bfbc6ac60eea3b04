"""Poses against scipy's rotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Box
from levinthal.workloads.docking.molecules.pose import Poses, exponential, multiply, rotation_matrices, superposed

seeds = st.integers(0, 2**32 - 1)
BOX = Box((1.0, 2.0, 3.0), (10.0, 12.0, 14.0))


def scipy_rotation(quaternions: torch.Tensor) -> Rotation:
    return Rotation.from_quat(quaternions.numpy()[:, [1, 2, 3, 0]])


def random_poses(seed: int, count: int = 5) -> Poses:
    return Poses.random(count, BOX, torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.sampled_from([1e-12, 1e-4, 1.0, 3.0]))
def test_rotations_are_those_of_scipy(seed, size):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0, size, (6, 3))
    quaternions = exponential(torch.tensor(vectors))
    expected = Rotation.from_rotvec(vectors)
    np.testing.assert_allclose(rotation_matrices(quaternions), expected.as_matrix(), atol=1e-12)
    product = multiply(quaternions[:3], quaternions[3:])
    np.testing.assert_allclose(rotation_matrices(product), (expected[:3] * expected[3:]).as_matrix(), atol=1e-12)


@given(seeds)
def test_a_step_is_taken_in_the_frame_of_the_body(seed):
    poses = random_poses(seed)
    rng = np.random.default_rng(seed)
    shift, turn, template = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    moved = poses.moved(torch.tensor(shift), torch.tensor(turn)).coordinates(torch.tensor(template))
    for k, rotation in enumerate(scipy_rotation(poses.quaternions)):
        # the body moves and turns in its own frame before it is placed
        inner = Rotation.from_rotvec(turn[k]).apply(template) + shift[k]
        expected = rotation.apply(inner) + poses.centres_angstrom[k].numpy()
        np.testing.assert_allclose(moved[k], expected, atol=1e-12)


def test_a_step_along_the_axes_of_the_box_is_the_turned_step_of_the_body():
    poses = random_poses(1)
    shift, turn = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    outside = poses.moved_outside(shift, turn)
    body = poses.moved(poses.in_body_frame(shift), poses.in_body_frame(turn))
    template = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(outside.coordinates(template), body.coordinates(template))


def test_two_thousand_steps_do_not_bend_the_ligand():
    poses = Poses.random(8, BOX, torch.Generator().manual_seed(3))
    template = torch.randn(6, 3, generator=torch.Generator().manual_seed(4))
    steps = torch.Generator().manual_seed(5)
    for _ in range(2_000):
        poses = poses.moved(torch.randn(8, 3, generator=steps) * 0.1, torch.randn(8, 3, generator=steps) * 0.1)
    places = poses.coordinates(template) - poses.centres_angstrom[:, None]
    distances = torch.cdist(places, places)
    torch.testing.assert_close(distances, torch.cdist(template, template).expand(8, -1, -1), atol=2e-5, rtol=1e-5)


@given(seeds)
def test_superposing_finds_the_pose(seed):
    poses = random_poses(seed)
    template = torch.tensor(np.random.default_rng(seed).normal(size=(6, 3))) + 1.0
    found = superposed(template, poses.coordinates(template))
    torch.testing.assert_close(found.coordinates(template), poses.coordinates(template))
    mirrored = superposed(template, -poses.coordinates(template))
    np.testing.assert_allclose(torch.linalg.det(mirrored.rotations()), 1.0)


def test_random_poses_fill_box_and_rotations_evenly():
    poses = Poses.random(40_000, BOX, torch.Generator().manual_seed(0), margin_angstrom=2.0, dtype=torch.float64)
    low, high = poses.centres_angstrom.amin(0), poses.centres_angstrom.amax(0)
    np.testing.assert_allclose(low, BOX.low_angstrom + 2, atol=0.02)
    np.testing.assert_allclose(high, BOX.high_angstrom - 2, atol=0.02)
    angles = scipy_rotation(poses.quaternions).magnitude()
    # the angle of a uniform rotation has the mean pi/2 + 2/pi
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.02)
    np.testing.assert_allclose(poses.rotations().mean(dim=0), np.zeros((3, 3)), atol=0.02)


def test_shapes_are_checked():
    with pytest.raises(DataError, match="expected"):
        Poses(torch.zeros(3, 4), torch.zeros(2, 3))
