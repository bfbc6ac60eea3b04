"""The bidirectional LSTM layer against torch's own, and its kernels against numpy in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from levinthal.errors import UsageError
from levinthal.kernels.products import PANEL, ROW_LIMIT, SUM_LENGTH, multiply_integers, multiply_panels, quantise_row
from levinthal.kernels.recurrence.gates import sigmoid, tanh
from levinthal.kernels.threads import compute_threads, together
from levinthal.workloads.rgn.model.lstm import BidirectionalLSTM
from levinthal.workloads.rgn.model.pack import float_panels, integer_panels

RAGGED = [40, 100, 7, 1, 63, 100, 12, 33, 90, 5, 5, 61, 18]


def torchs(recurrence: nn.LSTM, features: Tensor, lengths: Tensor) -> Tensor:
    packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(recurrence(packed)[0], batch_first=True, total_length=features.shape[1])[0]


def layer_with_biases(n_inputs: int, n_hidden: int, seed: int = 0) -> BidirectionalLSTM:
    torch.manual_seed(seed)
    layer = BidirectionalLSTM(n_inputs, n_hidden)
    for name, parameter in layer.recurrence.named_parameters():
        if name.startswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    return layer


@pytest.mark.parametrize(("n_inputs", "n_hidden"), [(41, 64), (5, 6), (130, 9), (3, 1)])
@pytest.mark.parametrize("lengths", [RAGGED, [17], [3, 9], [4, 4, 4]])
def test_values_and_gradients_are_those_of_torch(n_inputs, n_hidden, lengths):
    layer = layer_with_biases(n_inputs, n_hidden)
    features = torch.randn(len(lengths), max(lengths), n_inputs, requires_grad=True)
    where = torch.tensor(lengths)
    ours, theirs = layer(features, where), torchs(layer.recurrence, features, where)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    weights = torch.randn_like(ours)
    wanted = [features, *layer.recurrence.parameters()]
    for mine, other in zip(
        torch.autograd.grad(ours, wanted, weights), torch.autograd.grad(theirs, wanted, weights), strict=True
    ):
        assert (mine - other).abs().max() <= 1e-5 * other.abs().max() + 1e-7
    with torch.no_grad():
        torch.testing.assert_close(layer(features, where), ours.detach(), atol=1e-6, rtol=1e-6)


def test_gradcheck_in_float64():
    layer = layer_with_biases(3, 5).double()
    features = torch.randn(3, 4, 3, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 2, 3])
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, lengths), (features, *layer.recurrence.parameters()))


@pytest.mark.parametrize("precision", ["fp32", "int16"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_protein_alone_and_in_a_batch_is_the_same_whatever_the_padding(precision, threads):
    layer = layer_with_biases(150, 20)
    layer.inference_precision = precision
    features = torch.randn(len(RAGGED), 110, 150)
    lengths = torch.tensor(RAGGED)
    with torch.no_grad(), compute_threads(threads):
        together_ = layer(features, lengths)
        assert torch.all(together_[torch.arange(110) >= lengths[:, None]] == 0)
        features[torch.arange(110) >= lengths[:, None]] = torch.nan
        assert torch.equal(layer(features, lengths), together_)
    with torch.no_grad():
        for number, length in enumerate(RAGGED):
            alone = layer(features[number : number + 1, :length], lengths[number : number + 1])
            torch.testing.assert_close(alone[0], together_[number, :length], atol=1e-6, rtol=1e-6)


def test_gradients_do_not_depend_on_the_number_of_threads():
    layer = layer_with_biases(7, 12)
    features, lengths = torch.randn(len(RAGGED), 100, 7), torch.tensor(RAGGED)
    found = []
    for threads in (1, 4):
        with compute_threads(threads):
            found.append(torch.autograd.grad(layer(features, lengths).square().sum(), list(layer.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_padding_neither_gets_nor_spoils_gradients():
    layer = layer_with_biases(4, 8)
    features = torch.randn(2, 6, 4, requires_grad=True)
    lengths = torch.tensor([6, 2])
    (gradient,) = torch.autograd.grad(layer(features, lengths).sum(), features)
    assert torch.all(gradient[1, 2:] == 0)
    assert torch.all(gradient[1, :2] != 0)


def test_the_parameters_are_torchs_and_start_as_asked():
    layer = BidirectionalLSTM(41, 30, 0.01)
    theirs = nn.LSTM(41, 30, 1, bidirectional=True, batch_first=True)
    for name, parameter in layer.recurrence.named_parameters():
        assert float(parameter.detach().abs().max()) <= 0.01
        assert name.startswith("bias") == (float(parameter.detach().abs().max()) == 0.0)
    default = dict(BidirectionalLSTM(41, 30).recurrence.named_parameters())
    assert 0.9 / 30**0.5 < float(default["weight_hh_l0"].detach().abs().max()) <= 1 / 30**0.5
    assert float(default["bias_hh_l0"].detach().abs().max()) == 0.0
    layer.recurrence.load_state_dict(theirs.state_dict())
    features = torch.randn(3, 20, 41)
    torch.testing.assert_close(layer(features, torch.tensor([20, 20, 20])), theirs(features)[0], atol=1e-5, rtol=1e-5)


def test_int16_is_close_and_finer_than_bfloat16():
    layer = layer_with_biases(200, 128)
    features, lengths = torch.tanh(torch.randn(2, 80, 200)), torch.tensor([80, 50])
    with torch.no_grad():
        exact = copy.deepcopy(layer).double()(features.double(), lengths)
        layer.inference_precision = "int16"
        error = (layer(features, lengths) - exact).abs().max()
        rough = copy.deepcopy(layer)
        for parameter in rough.parameters():
            parameter.copy_(parameter.bfloat16().float())
        rough.inference_precision = "fp32"
        error_bfloat16 = (rough(features, lengths) - exact).abs().max()
    assert 1e-6 < error < 4e-4
    assert error < error_bfloat16 / 3


@pytest.mark.parametrize("precision", ["fp32", "int16"])
def test_changed_weights_are_seen(precision):
    layer = layer_with_biases(10, 16)
    layer.inference_precision = precision
    features, lengths = torch.randn(1, 9, 10), torch.tensor([9])

    def is_fresh() -> bool:
        with torch.no_grad():
            return torch.allclose(layer(features, lengths), torchs(layer.recurrence, features, lengths), atol=1e-3)

    assert is_fresh()
    with torch.no_grad():
        layer.recurrence.weight_hh_l0 *= -2.0
    assert is_fresh()
    layer(features, lengths).sum().backward()
    layer.recurrence.weight_ih_l0_reverse.data.neg_()  # leaves no trace in the tensor's version
    assert is_fresh()
    layer.recurrence.load_state_dict(layer_with_biases(10, 16, seed=1).recurrence.state_dict())
    assert is_fresh()
    layer.inference_precision = "fp32"
    assert is_fresh()


def test_inference_mode_and_copies():
    layer = layer_with_biases(10, 16)
    features, lengths = torch.randn(2, 9, 10), torch.tensor([9, 4])
    expected = layer(features, lengths).detach()
    with torch.inference_mode():
        assert torch.equal(layer(features, lengths), expected)
        assert torch.equal(copy.deepcopy(layer)(features, lengths), expected)
        made_here = layer_with_biases(10, 16)
        assert torch.equal(made_here(features, lengths), expected)


def test_other_types_run_on_torchs_lstm():
    layer = layer_with_biases(10, 16)
    features, lengths = torch.randn(3, 9, 10), torch.tensor([9, 4, 6])
    expected = layer(features, lengths)
    rough = copy.deepcopy(layer).bfloat16()(features.bfloat16(), lengths)
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), expected, atol=0.02, rtol=0.02)
    assert torch.all(rough[1, 4:] == 0)


def test_not_a_number_is_not_hidden():
    layer = layer_with_biases(4, 8)
    features = torch.randn(2, 5, 4)
    features[0, 2, 1] = torch.nan
    found = layer(features, torch.tensor([5, 5]))
    assert torch.isnan(found[0, 2:, :8]).all()
    assert torch.isfinite(found[1]).all()


@pytest.mark.parametrize(
    ("shape", "lengths", "says"),
    [
        ((2, 5, 3), [5, 5], "(proteins, residues, 4)"),
        ((2, 5, 4), [5], "one a protein"),
        ((2, 5, 4), [5, 6], "1 to 5"),
        ((2, 5, 4), [5, 0], "1 to 5"),
    ],
)
def test_mistakes_are_named(shape, lengths, says):
    with pytest.raises(UsageError, match=says.replace("(", r"\(").replace(")", r"\)")):
        BidirectionalLSTM(4, 8)(torch.zeros(shape), torch.tensor(lengths))


def test_gates_are_exact_to_1e_6():
    x = np.concatenate([np.linspace(-30, 30, 60_001), np.linspace(-0.01, 0.01, 2001), [1e30, -1e30, 100, -100, 0]])
    x = x.astype(np.float32)
    for function, reference in (
        (tanh, np.tanh(x.astype(np.float64))),
        (sigmoid, 0.5 + 0.5 * np.tanh(0.5 * x.astype(np.float64))),
    ):
        found = x.copy()
        function(found)
        assert np.abs(found - reference).max() < 2e-7
    small = np.geomspace(1e-30, 1e-3, 100).astype(np.float32)
    found = small.copy()
    tanh(found)
    np.testing.assert_allclose(found, np.tanh(small.astype(np.float64)), rtol=3e-7)
    odd = np.array([np.nan, np.inf, -np.inf], np.float32)
    for function, expected in ((tanh, [np.nan, 1, -1]), (sigmoid, [np.nan, 1, 0])):
        found = odd.copy()
        function(found)
        np.testing.assert_allclose(found, expected, atol=1e-30)


@settings(max_examples=30, deadline=None)
@given(m=st.integers(1, 14), k=st.integers(1, 150), n=st.integers(1, 100), seed=st.integers(0, 99))
def test_products_of_floats_and_of_integers(m, k, n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(m, k)).astype(np.float32)
    b = (rng.normal(size=(k, n)) * rng.lognormal(size=(k, n))).astype(np.float32)
    expected = a.astype(np.float64) @ b
    width = -(-n // PANEL) * PANEL
    c = np.full((m, width), np.nan, np.float32)
    multiply_panels(m, 0, width // PANEL, k, a.ravel(), k, float_panels(torch.from_numpy(b)), c.ravel(), width)
    scale = np.abs(a).astype(np.float64) @ np.abs(b)
    assert np.all(np.abs(c[:, :n] - expected) <= 1e-6 * scale)
    assert np.all(c[:, n:] == 0)
    matrix = integer_panels(torch.from_numpy(b))
    rounded = np.zeros((m, matrix.k), np.int16)
    units = np.array([quantise_row(row, target) for row, target in zip(a, rounded, strict=True)], np.float32)
    c[:] = np.nan
    multiply_integers(
        m, 0, width // PANEL, matrix.k, rounded.ravel(), matrix.k, units, matrix.values, matrix.scales, c.ravel(), width
    )
    # half a unit of each factor, for each product
    bound = (0.5 * units[:, None] * np.abs(b).sum(0) + 0.5 * matrix.scales[:n] * np.abs(a).sum(1)[:, None]) * 1.01
    assert np.all(np.abs(c[:, :n] - expected) <= bound + 1e-6 * scale)


@pytest.mark.parametrize("sign", [1, -1])
def test_integer_sums_do_not_overflow_at_their_worst(sign):
    k = 3 * SUM_LENGTH
    weights = torch.full((k, PANEL), 0.7)
    weights[:, 1] = torch.linspace(0.1, 5.0, k)
    weights[:, 2] = 0.0
    weights[5, 2] = 3.0
    matrix = integer_panels(weights * sign)
    rounded = np.full(k, ROW_LIMIT, np.int16)
    found = np.empty(PANEL, np.float32)
    multiply_integers(1, 0, 1, k, rounded, k, np.float32([1 / ROW_LIMIT]), matrix.values, matrix.scales, found, PANEL)
    np.testing.assert_allclose(found, sign * weights.double().sum(0).numpy(), rtol=2e-4, atol=1e-6)


def test_an_error_in_a_thread_is_raised():
    def fail() -> None:
        raise ValueError("in a thread")

    threads_before = torch.get_num_threads()
    with compute_threads(2), pytest.raises(ValueError, match="in a thread"):
        together([lambda: None, fail])
    assert torch.get_num_threads() == threads_before
