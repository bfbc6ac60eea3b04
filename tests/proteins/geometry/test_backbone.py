"""Backbones against a sequential build written out here, real structures and numerical derivatives."""

from __future__ import annotations

import math
import re
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from carried import protein
from levinthal.errors import DataError, UsageError
from levinthal.proteins.geometry.backbone import (
    BOND_ANGLES_RAD,
    BOND_LENGTHS_NM,
    build_backbone,
    internal_coordinates,
)

METHODS = ("kernels", "scan")


def build_one_by_one(dihedrals, lengths=BOND_LENGTHS_NM, angles=BOND_ANGLES_RAD, initial=None):
    """Place each atom of one chain from the three before it, in float64 (Parsons et al. 2005)."""
    dihedrals = np.asarray(dihedrals, np.float64)
    n = dihedrals.size
    x = dihedrals.ravel()
    r, t = (np.broadcast_to(np.asarray(v, np.float64), dihedrals.shape).ravel() for v in (lengths, angles))
    atoms = np.zeros((n, 3))
    if initial is None:
        atoms[1] = [r[0], 0, 0]
        atoms[2] = atoms[1] + r[1] * np.array([-np.cos(t[1]), np.sin(t[1]), 0])
    else:
        atoms[:3] = initial
    for k in range(3, n):
        a, b, c = atoms[k - 3 : k]
        bond = (c - b) / np.linalg.norm(c - b)
        normal = np.cross(b - a, bond)
        normal /= np.linalg.norm(normal)
        p = k - 1
        local = [-np.cos(t[p]), np.sin(t[p]) * np.cos(x[p]), np.sin(t[p]) * np.sin(x[p])]
        atoms[k] = c + r[p] * (np.stack([bond, np.cross(normal, bond), normal], axis=1) @ local)
    return atoms.reshape(-1, 3, 3)


def random_dihedrals(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return ((torch.rand(*shape, 3, generator=generator, dtype=torch.float64) * 2 - 1) * math.pi).to(dtype)


def random_bonds(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = 0.12 + 0.05 * torch.rand(*shape, 3, generator=generator, dtype=torch.float64)
    angles = 1.7 + 0.6 * torch.rand(*shape, 3, generator=generator, dtype=torch.float64)
    return lengths, angles


def read_chain(path):
    """Return N, CA and C of the residues that have all three, in nm, from the columns of a PDB file."""
    residues = {}
    for line in path.read_text().splitlines():
        if line.startswith("ATOM") and line[12:16].strip() in ("N", "CA", "C") and line[16] in " A":
            place = [float(line[30:38]), float(line[38:46]), float(line[46:54])]
            residues.setdefault(line[21:27], {})[line[12:16].strip()] = place
    atoms = [[r["N"], r["CA"], r["C"]] for r in residues.values() if len(r) == 3]
    return torch.tensor(atoms, dtype=torch.float64) / 10


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_residues", [1, 2, 3, 8, 9, 65, 130])
def test_atoms_are_those_of_a_sequential_build(method, n_residues):
    dihedrals = random_dihedrals(3, n_residues, seed=n_residues)
    lengths, angles = random_bonds(3, n_residues, seed=n_residues)
    ideal = build_backbone(dihedrals, method=method)
    given_bonds = build_backbone(dihedrals, bond_lengths_nm=lengths, bond_angles_rad=angles, method=method)
    for k in range(3):
        np.testing.assert_allclose(ideal[k], build_one_by_one(dihedrals[k]), atol=1e-12)
        expected = build_one_by_one(dihedrals[k], lengths[k], angles[k])
        np.testing.assert_allclose(given_bonds[k], expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_single_precision_stays_within_a_hundredth_of_an_angstrom(method):
    for kind, low, high in (("random", -math.pi, math.pi), ("helix", -1.0, -0.8), ("strand", 2.0, 2.6)):
        generator = torch.Generator().manual_seed(1)
        dihedrals = torch.rand(2, 1000, 3, generator=generator) * (high - low) + low
        dihedrals[..., 0] = math.pi
        built = build_backbone(dihedrals, method=method)
        assert built.dtype == torch.float32
        worst = max(np.linalg.norm(built[k].numpy() - build_one_by_one(dihedrals[k]), axis=-1).max() for k in (0, 1))
        assert worst < 1e-3, kind


@pytest.mark.parametrize("method", METHODS)
def test_bond_lengths_and_angles_of_any_shape_that_broadcasts(method):
    dihedrals = random_dihedrals(2, 7)
    lengths, angles = random_bonds(2, 7)
    for index in (np.s_[:1], np.s_[:, :1], np.s_[0], np.s_[0, 0], np.s_[:]):
        built = build_backbone(dihedrals, bond_lengths_nm=lengths[index], bond_angles_rad=angles[index], method=method)
        full = [np.broadcast_to(v[index].numpy(), (2, 7, 3)) for v in (lengths, angles)]
        for k in range(2):
            expected = build_one_by_one(dihedrals[k], full[0][k], full[1][k])
            np.testing.assert_allclose(built[k], expected, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_initial_residue_is_continued(method):
    dihedrals = random_dihedrals(2, 20)
    initial = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    built = build_backbone(dihedrals, initial_nm=initial, method=method)
    for k in range(2):
        expected = build_one_by_one(dihedrals[k], initial=initial[k].numpy())
        np.testing.assert_allclose(built[k], expected, atol=1e-11)


def test_angles_far_from_zero():
    dihedrals = random_dihedrals(1, 30)
    turned = dihedrals + 2 * math.pi * torch.tensor([-3.0, 1000.0, 40_000_000.0])
    np.testing.assert_allclose(build_backbone(turned), build_one_by_one(turned[0])[None], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_native_internal_coordinates_rebuild_real_structures(method, kind):
    names = ("villin", "t4-lysozyme-l99a", "human-dhfr", "src-kinase", "thymidine-phosphorylase")
    for path in map(protein, names):
        native = read_chain(path)[None].to(kind)
        assert native.shape[1] >= 36
        found = internal_coordinates(native)
        bonds = {"bond_lengths_nm": found.bond_lengths_nm, "bond_angles_rad": found.bond_angles_rad}
        rebuilt = build_backbone(found.dihedrals_rad, **bonds, initial_nm=native[:, 0], method=method)
        worst = torch.linalg.vector_norm(rebuilt - native, dim=-1).max()
        assert worst < (1e-3 if kind == torch.float32 else 1e-10), path.name


def test_real_structures_have_the_torsions_of_proteins():
    native = read_chain(protein("human-dhfr"))
    found = internal_coordinates(native)
    bonded = found.bond_lengths_nm.reshape(-1)[:-1] < 0.16
    omega, phi, _ = found.dihedrals_rad[1:-1].unbind(-1)
    trans = (omega.abs() > math.radians(150))[bonded[2::3][: len(omega)]]
    assert trans.double().mean() > 0.9
    assert (phi < 0).double().mean() > 0.85  # L-amino acids, but for glycine
    np.testing.assert_allclose(found.bond_lengths_nm.median(0).values, BOND_LENGTHS_NM, atol=0.002)
    np.testing.assert_allclose(found.bond_angles_rad[1:-1].median(0).values, BOND_ANGLES_RAD, atol=0.05)


@given(n_residues=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS))
@settings(max_examples=40)
def test_internal_coordinates_come_back(n_residues, seed, method):
    dihedrals = random_dihedrals(2, n_residues, seed=seed)
    lengths, angles = random_bonds(2, n_residues, seed=seed)
    atoms = build_backbone(dihedrals, bond_lengths_nm=lengths, bond_angles_rad=angles, method=method)
    found = internal_coordinates(atoms)
    flat = [t.reshape(2, -1)[:, :-1] for t in (found.bond_lengths_nm, found.bond_angles_rad, found.dihedrals_rad)]
    wanted = [t.reshape(2, -1)[:, :-1] for t in (lengths, angles, dihedrals)]
    np.testing.assert_allclose(flat[0], wanted[0], atol=1e-11)
    np.testing.assert_allclose(flat[1][:, 1:], wanted[1][:, 1:], atol=1e-10)
    np.testing.assert_allclose(np.exp(1j * (flat[2] - wanted[2]).numpy())[:, 2:], 1, atol=1e-9)
    # what places nothing is filled in with ideal values
    assert (found.dihedrals_rad[:, 0, :2] == 0).all()
    assert (found.dihedrals_rad[:, -1, 2] == 0).all()
    assert found.bond_angles_rad[0, 0, 0] == BOND_ANGLES_RAD[0]
    assert found.bond_lengths_nm[0, -1, 2] == BOND_LENGTHS_NM[2]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_internal_coordinates_are_blind_to_rigid_motion_but_not_to_reflection(seed):
    rng = np.random.default_rng(seed)
    atoms = build_backbone(random_dihedrals(1, 15, seed=seed)).numpy()
    moved = Rotation.random(rng=rng).apply(atoms.reshape(-1, 3)).reshape(atoms.shape) + rng.normal(0, 5, 3)
    before, after, mirrored = (internal_coordinates(torch.from_numpy(x)) for x in (atoms, moved, atoms * [1, 1, -1]))
    turn = np.exp(1j * (after.dihedrals_rad - before.dihedrals_rad).numpy())
    np.testing.assert_allclose(turn, 1, atol=1e-9)
    np.testing.assert_allclose(after.bond_angles_rad, before.bond_angles_rad, atol=1e-9)
    np.testing.assert_allclose(mirrored.dihedrals_rad, -before.dihedrals_rad, atol=1e-9)


def test_dihedral_signs_are_those_of_the_convention():
    # Seen along the middle bond (z), the far bond is turned by +60 degrees, clockwise.
    turn = math.radians(60)
    four = [[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [math.cos(turn), math.sin(turn), 1]]
    atoms = torch.tensor([*four, [2.0, 2, 2], [3, 2, 2]], dtype=torch.float64).view(2, 3, 3)
    assert internal_coordinates(atoms).dihedrals_rad[0, 2] == pytest.approx(turn)


@pytest.mark.parametrize("method", METHODS)
def test_padding_never_changes_earlier_atoms(method):
    dihedrals = random_dihedrals(2, 50, dtype=torch.float32)
    alone = build_backbone(dihedrals[:, :23], method=method)
    padded = build_backbone(dihedrals, method=method)
    torch.testing.assert_close(padded[:, :23], alone, rtol=0, atol=2e-6)
    torch.testing.assert_close(build_backbone(dihedrals[1:], method=method)[0], padded[1], rtol=0, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_are_right(method):
    leaves = [random_dihedrals(2, 5), *random_bonds(2, 5)]
    leaves.append(torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    leaves = [t.requires_grad_() for t in leaves]

    def build(dihedrals, lengths, angles, initial=None):
        return build_backbone(
            dihedrals, bond_lengths_nm=lengths, bond_angles_rad=angles, initial_nm=initial, method=method
        )

    assert torch.autograd.gradcheck(build, leaves[:3])
    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradcheck(lambda x: build_backbone(x, method=method), leaves[:1])
    # one angle for all, lengths given but not asked for
    shared = torch.tensor(BOND_ANGLES_RAD, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, t: build(x, leaves[1].detach(), t), (leaves[0], shared))
    assert torch.autograd.gradcheck(lambda t: build(leaves[0].detach(), None, t), (shared,))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_residues", [1, 2])
def test_derivatives_of_the_shortest_chains(method, n_residues):
    leaves = tuple(t.requires_grad_() for t in (random_dihedrals(1, n_residues), *random_bonds(1, n_residues)))
    assert torch.autograd.gradcheck(
        lambda x, r, t: build_backbone(x, bond_lengths_nm=r, bond_angles_rad=t, method=method), leaves
    )


def test_both_methods_agree_in_single_precision_with_threads_and_odd_strides():
    base = random_dihedrals(48, 160, dtype=torch.float32)
    weight = torch.randn(48, 160, 3, 3, generator=torch.Generator().manual_seed(0))
    results = []
    for method, threads in (("kernels", 1), ("kernels", 2), ("scan", None)):
        dihedrals = base.clone().requires_grad_()
        every_second = dihedrals.transpose(0, 1)[::2].transpose(0, 1)
        atoms = build_backbone(every_second, method=method, threads=threads)
        (atoms * weight[:, ::2]).sum().backward()
        results.append((atoms.detach(), dihedrals.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    torch.testing.assert_close(results[2][0], results[0][0], rtol=0, atol=2e-5)
    scale = results[0][1].abs().max()
    torch.testing.assert_close(results[2][1], results[0][1], rtol=0, atol=2e-5 * float(scale))


def test_precision_is_kept_under_autocast():
    dihedrals = random_dihedrals(2, 200, dtype=torch.float32)
    expected = build_backbone(dihedrals, initial_nm=build_backbone(dihedrals[:, :1])[:, 0])
    for method in METHODS:
        with torch.autocast("cpu", torch.bfloat16):
            built = build_backbone(dihedrals, initial_nm=expected[:, 0], method=method)
        torch.testing.assert_close(built, expected, rtol=0, atol=2e-5)


def test_many_threads_of_a_user_get_the_same_atoms():
    dihedrals = random_dihedrals(64, 150, dtype=torch.float32)
    expected, found = build_backbone(dihedrals, threads=1), {}

    def build(k):
        found[k] = build_backbone(dihedrals, threads=2)

    threads = [threading.Thread(target=build, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert all(torch.equal(atoms, expected) for atoms in found.values())


def test_an_empty_batch():
    for method in METHODS:
        dihedrals = torch.zeros(0, 4, 3, requires_grad=True)
        atoms = build_backbone(dihedrals, method=method)
        assert atoms.shape == (0, 4, 3, 3)
        atoms.sum().backward()
        assert dihedrals.grad.shape == (0, 4, 3)


@pytest.mark.parametrize(
    ("dihedrals", "options", "error", "message"),
    [
        (torch.zeros(4, 3), {}, DataError, "shape (4, 3)"),
        (torch.zeros(1, 0, 3), {}, DataError, "shape (1, 0, 3)"),
        (torch.zeros(1, 4, 3, dtype=torch.bfloat16), {}, DataError, "bfloat16"),
        (torch.zeros(1, 4, 3), {"bond_lengths_nm": torch.ones(5, 3)}, DataError, "bond lengths have the shape"),
        (torch.zeros(1, 4, 3), {"bond_angles_rad": torch.ones(())}, DataError, "bond angles have the shape"),
        (torch.zeros(1, 4, 3), {"initial_nm": torch.ones(2, 3, 3)}, DataError, "first residues"),
        (torch.zeros(1, 4, 3), {"method": "fast"}, UsageError, "choose auto, kernels or scan"),
        (torch.zeros(1, 4, 3, device="meta"), {"method": "kernels"}, UsageError, "need a CPU"),
    ],
)
def test_mistakes_are_named(dihedrals, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        build_backbone(dihedrals, **options)


def test_internal_coordinates_refuse_other_arrays():
    with pytest.raises(DataError, match="expected"):
        internal_coordinates(torch.zeros(4, 3))
    with pytest.raises(DataError, match="int64"):
        internal_coordinates(torch.zeros(4, 3, 3, dtype=torch.int64))
