"""dRMSD against scipy's distances, numerical derivatives, and the cases in which others return NaN."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from levinthal.errors import DataError, UsageError
from levinthal.proteins.geometry import distance_rmsd as module
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd

METHODS = ("kernels", "chunks")


def batch(size, n_residues, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    predicted, reference = torch.randn(2, size, n_residues, 3, generator=generator, dtype=torch.float64).to(dtype)
    return predicted, reference, torch.rand(size, n_residues, generator=generator) > 0.3


@given(
    size=st.integers(1, 4), n_residues=st.integers(1, 40), seed=st.integers(0, 2**31), method=st.sampled_from(METHODS)
)
@settings(max_examples=60)
def test_agrees_with_scipy(size, n_residues, seed, method):
    predicted, reference, mask = batch(size, n_residues, seed)
    found = distance_rmsd(predicted, reference, mask, method=method)
    single = distance_rmsd(predicted.float(), reference.float(), mask, method=method)
    assert single.dtype == torch.float32
    for k in range(size):
        x, y = predicted[k][mask[k]].numpy(), reference[k][mask[k]].numpy()
        expected = np.sqrt(np.mean((pdist(x) - pdist(y)) ** 2)) if len(x) > 1 else 0
        assert found[k] == pytest.approx(expected, abs=1e-12)
        assert single[k] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_derivative_is_right(method):
    predicted, reference, mask = batch(3, 9)
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distance_rmsd(x, reference, mask, method=method), (predicted,))


@pytest.mark.parametrize("method", METHODS)
def test_rows_in_several_chunks_and_proteins_on_several_threads(method, monkeypatch):
    predicted, reference, mask = batch(5, 31)
    whole = distance_rmsd(predicted, reference, mask, method=method, threads=1)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 5 * 31 * 4)
    monkeypatch.setattr(module, "_PAIRS_WORTH_A_THREAD", 100)
    leaves = [predicted.clone().requires_grad_() for _ in range(2)]
    parts = distance_rmsd(leaves[0], reference, mask, method=method, threads=3)
    torch.testing.assert_close(parts.detach(), whole)
    parts.sum().backward()
    monkeypatch.undo()
    distance_rmsd(leaves[1], reference, mask, method=method, threads=1).sum().backward()
    torch.testing.assert_close(leaves[0].grad, leaves[1].grad)


def test_threads_get_parts_of_equal_work():
    mask = torch.zeros(9, 100, dtype=torch.bool)
    mask[:, :10] = True
    mask[0] = True  # as much work as all others together, many times
    assert module._even_bounds(mask, 2) in ([0, 0, 9], [0, 1, 9])
    assert module._even_bounds(torch.ones(8, 5, dtype=torch.bool), 2) == [0, 4, 8]
    assert module._even_bounds(torch.zeros(8, 5, dtype=torch.bool), 2)[0] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fewer_than_two_resolved_residues_weigh_nothing(method, dtype):
    predicted, reference, mask = batch(3, 6, dtype=dtype)
    mask[0] = False
    mask[1] = False
    mask[1, 2] = True
    predicted[0, 0, 0] = reference[1, 0, 1] = predicted[2][~mask[2]] = float("nan")
    predicted.requires_grad_()
    rmsd = distance_rmsd(predicted, reference, mask, method=method)
    rmsd.sum().backward()
    assert rmsd[:2].tolist() == [0, 0]
    assert rmsd[2] > 0
    assert (predicted.grad[:2] == 0).all()
    assert (predicted.grad[2][~mask[2]] == 0).all()
    assert (predicted.grad[2][mask[2]] != 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coincident_atoms_and_perfect_matches_are_finite(method, dtype):
    predicted, reference, _ = batch(3, 6, dtype=dtype)
    predicted[0] = 0  # all atoms at one place, as untrained networks put them
    predicted[1] = reference[1]
    predicted[2, 1] = predicted[2, 0]
    predicted.requires_grad_()
    mask = torch.ones(3, 6, dtype=torch.bool)
    rmsd = distance_rmsd(predicted, reference, mask, method=method)
    rmsd.sum().backward()
    rmsd = rmsd.detach()
    assert rmsd[0] == pytest.approx(np.sqrt(np.mean(pdist(reference[0].double()) ** 2)), rel=1e-6)
    assert rmsd[1] == 0
    assert torch.isfinite(predicted.grad).all()
    assert (predicted.grad[:2] == 0).all()
    assert (predicted.grad[2] != 0).all()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30)
def test_rigid_motion_and_reflection_change_nothing(seed):
    predicted, reference, mask = batch(1, 12, seed)
    turned = Rotation.random(rng=np.random.default_rng(seed)).apply(predicted[0].numpy()) * [1, 1, -1] + 3
    before = distance_rmsd(predicted, reference, mask)
    torch.testing.assert_close(distance_rmsd(torch.from_numpy(turned)[None], reference, mask), before)


def test_both_methods_agree_in_single_precision():
    predicted, reference, mask = batch(4, 300, dtype=torch.float32)
    gradients = []
    for method in METHODS:
        leaf = (predicted * 3).requires_grad_()
        distance_rmsd(leaf, reference * 3, mask, method=method).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_following_the_derivative_makes_the_deviation_smaller():
    predicted, reference, mask = batch(2, 30)
    predicted.requires_grad_()
    before = distance_rmsd(predicted, reference, mask)
    before.sum().backward()
    after = distance_rmsd(predicted.detach() - 0.1 * predicted.grad, reference, mask)
    assert (after < before).all()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux")
@pytest.mark.parametrize("method", METHODS)
def test_memory_is_bounded(method):
    # One (B, L, L, 3) tensor would take 600 MB; torch's bound is some twenty temporaries of 8 MB.
    predicted, reference, mask = batch(8, 2500, dtype=torch.float32)
    predicted.requires_grad_()
    distance_rmsd(predicted[:, :5], reference[:, :5], mask[:, :5], method=method)  # compile first
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = peak_bytes()
    distance_rmsd(predicted, reference, mask, method=method).sum().backward()
    assert peak_bytes() - before < (20e6 if method == "kernels" else 250e6)


def peak_bytes():
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"predicted": torch.zeros(2, 5)}, DataError, "expected (B, residues, 3)"),
        ({"reference": torch.zeros(2, 4, 3)}, DataError, "do not fit"),
        ({"mask": torch.zeros(2, 4, dtype=torch.bool)}, DataError, "do not fit"),
        ({"mask": torch.ones(2, 5)}, DataError, "convert it to bool"),
        ({"reference": torch.zeros(2, 5, 3, dtype=torch.float64)}, DataError, "convert both"),
        ({"reference": torch.zeros(2, 5, 3, requires_grad=True)}, DataError, "detach it"),
        ({"mask": torch.ones(2, 5, dtype=torch.bool, device="meta")}, DataError, "bring them together"),
        ({"method": "fast"}, UsageError, "choose auto, kernels or chunks"),
    ],
)
def test_mistakes_are_named(change, error, message):
    arguments = {
        "predicted": torch.zeros(2, 5, 3),
        "reference": torch.zeros(2, 5, 3),
        "mask": torch.ones(2, 5, dtype=torch.bool),
        **change,
    }
    options = {"method": arguments.pop("method")} if "method" in arguments else {}
    with pytest.raises(error, match=re.escape(message)):
        distance_rmsd(*arguments.values(), **options)
