"""The compiled kernels against torch's own operations in float64."""

from __future__ import annotations

import itertools
import multiprocessing
import os

import numpy as np
import pytest
import torch
from torch.nn import functional

from levinthal.kernels.products import multiply
from levinthal.kernels.threads import compute_threads, in_parts, n_compute_threads, shares
from levinthal.workloads.cvae.model.convolution import Layer, convolution_stack, supports
from levinthal.workloads.cvae.model.dense import dense


def layer(transposed: bool, size: int, big: int, small: int, stride: int, relu: bool) -> Layer:
    return Layer(transposed, size, -(-size // stride), big, small, stride, relu)


def by_torch(x: torch.Tensor, layers: list[Layer], parameters: list[torch.Tensor]) -> torch.Tensor:
    y = x.permute(0, 3, 1, 2)
    for i, spec in enumerate(layers):
        weight, bias = parameters[2 * i : 2 * i + 2]
        if spec.transposed:
            left_over = spec.size_big - ((spec.size_small - 1) * spec.stride + 1)
            y = functional.conv_transpose2d(y, weight, bias, spec.stride, 1, left_over)
        else:
            y = functional.conv2d(y, weight, bias, spec.stride, 1)
        y = functional.relu(y) if spec.relu else y
    return y.permute(0, 2, 3, 1)


def drawn(
    layers: list[Layer], frames: int, dtype: torch.dtype, seed: int = 0
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    parameters = []
    for spec in layers:
        shape = (spec.channels_small, spec.channels_big, 3, 3)
        parameters.append(torch.randn(shape, generator=generator, dtype=dtype) / 3 / spec.shape_in[1] ** 0.5)
        parameters.append(torch.randn(spec.shape_out[1], generator=generator, dtype=dtype) / 3)
    size, channels = layers[0].shape_in
    return torch.randn(frames, size, size, channels, generator=generator, dtype=dtype), parameters


def compare(layers: list[Layer], frames: int, dtype: torch.dtype, tolerance: float) -> None:
    x, parameters = drawn(layers, frames, dtype)
    results = []
    for function in (convolution_stack, by_torch):
        leaves = [t.clone().requires_grad_() for t in (x, *parameters)]
        y = function(leaves[0], layers, leaves[1:])
        upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
        y.backward(upstream)
        results.append([y.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize(
    ("transposed", "stride", "size"),
    list(itertools.product((False, True), (1, 2), (1, 2, 3, 5, 6, 7, 11, 13, 14, 22, 27))),
)
def test_one_layer_equals_torch(transposed: bool, stride: int, size: int) -> None:
    compare([layer(transposed, size, 16, 32, stride, relu=True)], 3, torch.float64, 1e-12)


@pytest.mark.parametrize("size", [1, 2, 9, 22])
@pytest.mark.parametrize("transposed", [False, True])
def test_thin_layer_equals_torch(transposed: bool, size: int) -> None:
    compare([layer(transposed, size, 1, 16, 1, relu=not transposed)], 3, torch.float64, 1e-12)


@pytest.mark.parametrize("size", [13, 22])
def test_stacks_equal_torch(size: int) -> None:
    half = -(-size // 2)
    encoder = [
        layer(False, size, 1, 16, 1, True),
        layer(False, size, 16, 32, 2, True),
        layer(False, half, 32, 48, 1, True),
    ]
    decoder = [
        layer(True, half, 32, 48, 1, True),
        layer(True, size, 16, 32, 2, True),
        layer(True, size, 1, 16, 1, False),
    ]
    for stack in (encoder, decoder):
        compare(stack, 5, torch.float64, 1e-12)
        compare(stack, 5, torch.float32, 2e-4)


def test_gradients_by_finite_differences() -> None:
    half = 3
    layers = [layer(True, half, 16, 16, 1, True), layer(True, 5, 16, 16, 2, True), layer(True, 5, 1, 16, 1, False)]
    x, parameters = drawn(layers, 2, torch.float64, seed=3)
    leaves = [t.requires_grad_() for t in (x, *parameters)]
    function = lambda x, *p: convolution_stack(x, layers, p)  # noqa: E731
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)


def test_dense_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((7, 5), (4, 5), (4,))
    )
    torch.testing.assert_close(dense(x, weight, bias), functional.relu(functional.linear(x, weight, bias)))
    assert torch.autograd.gradcheck(dense, (x, weight, bias))


def test_result_does_not_depend_on_the_number_of_threads_beyond_rounding() -> None:
    layers = [layer(False, 11, 16, 32, 1, True)]
    x, parameters = drawn(layers, 7, torch.float32)
    results = []
    for threads in (1, 2, 3, 3):
        leaves = [t.clone().requires_grad_() for t in parameters]
        with compute_threads(threads):
            y = convolution_stack(x, layers, leaves)
            y.sum().backward()
        results.append([y.detach(), *(leaf.grad for leaf in leaves)])
    for once, again in zip(results[2], results[3], strict=True):
        assert torch.equal(once, again)
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=0)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-3)


def test_error_of_float32_is_small_beside_that_of_the_data() -> None:
    """Minimal filtering loses digits; it must stay far below what training notices (bf16 keeps 3e-3)."""
    layers = [layer(False, 22, 64, 64, 1, False)]
    x, parameters = drawn(layers, 4, torch.float32)
    exact = by_torch(x.double(), layers, [p.double() for p in parameters])
    error = (convolution_stack(x, layers, parameters) - exact).abs().max() / exact.abs().max()
    assert float(error) < 5e-5


@pytest.mark.parametrize(("m", "n", "k"), [(1, 16, 1), (6, 32, 5), (11, 48, 7), (13, 64, 9)])
def test_products(m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal((m, n))
    out = c.copy()
    panels = np.ascontiguousarray(b.reshape(k, n // 16, 16).transpose(1, 0, 2)).ravel()
    multiply(m, n, k, a.ravel(), 0, k, 1, b.ravel(), 0, n, 16, out.ravel(), 0, n, 16, True)
    np.testing.assert_allclose(out, c + a @ b)
    multiply(m, n, k, np.ascontiguousarray(a.T).ravel(), 0, 1, m, panels, 0, 16, 16 * k, out.ravel(), 0, n, 16, False)
    np.testing.assert_allclose(out, a @ b)


def test_what_the_kernels_cannot_do() -> None:
    assert supports(layer(False, 9, 16, 16, 2, True), 3)
    assert not supports(layer(False, 9, 16, 16, 2, True), 5)
    assert not supports(layer(False, 9, 16, 20, 1, True), 3)
    assert not supports(layer(False, 9, 16, 16, 3, True), 3)
    assert not supports(layer(False, 9, 1, 16, 2, True), 3)
    with pytest.raises(ValueError, match="last layer"):
        convolution_stack(torch.zeros(1, 9, 9, 16), [layer(False, 9, 16, 16, 1, False)] * 2, [])


def test_threads_restore_torch_and_pass_errors_on() -> None:
    before = torch.get_num_threads()
    with compute_threads(3):
        assert (torch.get_num_threads(), n_compute_threads()) == (1, 3)
        assert in_parts(lambda first, last: (first, last), shares(10)) == [(0, 3), (3, 6), (6, 10)]
        assert in_parts(lambda first, last: (first, last), shares(1)) == [(0, 1)]
        with pytest.raises(ZeroDivisionError):
            in_parts(lambda first, last: 1 // (last - 10), shares(10))
    assert torch.get_num_threads() == before


def test_a_forked_process_gets_threads_of_its_own() -> None:
    layers = [layer(False, 7, 16, 16, 1, True)]
    x, parameters = drawn(layers, 4, torch.float32)
    with compute_threads(2):
        expected = convolution_stack(x, layers, parameters)
        child = multiprocessing.get_context("fork").Process(
            target=lambda: torch.equal(convolution_stack(x, layers, parameters), expected) or os._exit(3)
        )
        child.start()
        child.join(30)
        if child.is_alive():
            child.kill()
    assert child.exitcode == 0
