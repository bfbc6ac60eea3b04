"""The model against the same model in plain torch, and its loss against closed forms."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.kernels.threads import compute_threads
from levinthal.workloads.cvae.model.config import PRESETS, CVAEConfig, flops_per_frame
from levinthal.workloads.cvae.model.network import CVAEModel, Output, evidence_loss
from levinthal.workloads.cvae.model.precision import Execution, candidates, choose_execution, execution_context
from levinthal.workloads.cvae.settings import CVAESettings

_PLAIN = runpy.run_path(str(Path(__file__).parents[4] / "benchmarks" / "plain_cvae.py"))
PlainCVAE, convert_weights = _PLAIN["PlainCVAE"], _PLAIN["convert_weights"]

CONFIGS = [
    CVAEConfig(size=22, filters=(16,) * 4),
    CVAEConfig(size=13, filters=(16, 32, 16, 48), latent=5),
    CVAEConfig(size=9, filters=(16, 16), kernels=(3, 3), strides=(1, 1)),
    CVAEConfig(size=21, filters=(16,) * 4, strides=(1, 1, 1, 2)),
    CVAEConfig(size=15, filters=(10, 6, 8), kernels=(5, 3, 5), strides=(2, 2, 3)),
]


def with_biases(model: CVAEModel) -> CVAEModel:
    """Draw biases: at zero an empty map sits on the kink of ReLU, where the gradient is a matter of rounding."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def batch(config: CVAEConfig, frames: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    maps = (torch.rand(frames, config.size, config.size, generator=generator) < 0.3).double()
    return maps, torch.randn(frames, config.latent, generator=generator).double()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.size}-{c.strides}")
def test_model_equals_plain_model(config: CVAEConfig, compiled: bool) -> None:
    model = with_biases(CVAEModel(config)).double()
    if compiled and not model.can_compile:
        pytest.skip("these kernels' sizes are torch's")
    model.compiled = compiled
    plain = PlainCVAE(config).double()
    plain.load_state_dict(convert_weights(model.state_dict(), config, to_plain=True))
    maps, noise = batch(config)
    losses, gradients = [], []
    for net in (model, plain):
        with compute_threads(2):
            output = net(maps, noise)
            loss = evidence_loss(output, maps, 0.7)
            loss.total.backward()
        losses.append([*loss, output.logits, output.z_mean])
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    assert output.logits.shape == maps.shape
    for ours, theirs in zip(*losses, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    expected = convert_weights(gradients[1], config, to_plain=False)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-8, atol=1e-10)


def test_conversion_there_and_back() -> None:
    config = CONFIGS[1]
    state = CVAEModel(config, seed=3).state_dict()
    back = convert_weights(convert_weights(state, config, to_plain=True), config, to_plain=False)
    assert all(torch.equal(state[name], back[name]) for name in state)


def test_bf16_is_near_fp32() -> None:
    config = CVAEConfig(size=13, filters=(16,) * 4)
    model = with_biases(CVAEModel(config))
    maps, noise = (t.float() for t in batch(config))
    exact = evidence_loss(model(maps, noise), maps)
    with execution_context(model, Execution("bf16")):
        rough = evidence_loss(model(maps, noise), maps)
        rough.total.backward()
    difference = (rough.total - exact.total).abs() / exact.total
    assert rough.total.dtype == torch.float32
    assert float(difference.detach()) < 0.01
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


def test_loss_against_closed_forms() -> None:
    maps = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).repeat(5, 1, 1)
    mean, log_var = torch.full((5, 2), 3.0), torch.full((5, 2), math.log(4.0))
    loss = evidence_loss(Output(torch.zeros(5, 2, 2), mean, log_var), maps, beta=0.5)
    assert float(loss.reconstruction) == pytest.approx(4 * math.log(2), rel=1e-6)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(3.0, 2.0), torch.distributions.Normal(0.0, 1.0)
    )
    assert float(loss.kl) == pytest.approx(2 * float(expected), rel=1e-6)
    assert float(loss.total) == pytest.approx(float(loss.reconstruction) + 0.5 * float(loss.kl), rel=1e-6)


def test_sample_has_the_posterior_s_spread() -> None:
    """exp(0.5 log_var) is the standard deviation; the lineage's exp(log_var) fails this."""
    config = CVAEConfig(size=5, filters=(16,), kernels=(3,), strides=(1,), latent=1)
    model = CVAEModel(config)
    seen = []
    model.decode = lambda z: seen.append(z) or torch.zeros(len(z), 5, 5)  # type: ignore[method-assign]
    with torch.no_grad():
        model.z_log_var.weight.zero_()
        model.z_log_var.bias.fill_(math.log(9.0))
        model(torch.zeros(20_000, 5, 5), torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)))
    assert float(seen[0].std()) == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize(
    ("size", "latent", "gflop", "parameters"), [(22, 3, 0.175, 2.21e6), (28, 10, 0.284, 3.45e6), (106, 10, 4.07, None)]
)
def test_published_sizes(size: int, latent: int, gflop: float, parameters: float | None) -> None:
    config = CVAEConfig(size=size, latent=latent)
    assert flops_per_frame(config) / 1e9 == pytest.approx(gflop, rel=2e-3)
    if parameters:
        assert config.n_parameters == pytest.approx(parameters, rel=3e-3)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.size}-{c.strides}")
def test_counts_equal_torch_s(config: CVAEConfig) -> None:
    model = CVAEModel(config)
    assert config.n_parameters == sum(p.numel() for p in model.parameters())
    maps, noise = (t.float() for t in batch(config))
    with FlopCounterMode(display=False) as counter:
        loss = evidence_loss(model(maps, noise), maps).total
        assert counter.get_total_flops() == len(maps) * flops_per_frame(config, training=False)
        loss.backward()
    assert counter.get_total_flops() == len(maps) * flops_per_frame(config)


def test_lstm_layers_read_the_rows_in_order_and_everything_is_drawn_from_the_seed() -> None:
    config = CVAEConfig(size=13, filters=(16, 16), kernels=(3, 3), strides=(1, 2), dense=24, recurrent=True)
    model = CVAEModel(config, seed=1)
    assert config.n_parameters == sum(p.numel() for p in model.parameters())
    assert not model.can_compile
    assert candidates(model, "fp32") == [Execution("fp32")]
    maps, noise = (t.float() for t in batch(config))
    again = CVAEModel(config, seed=1)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))
    # a peer layer by layer: the state after the last row of the second LSTM is what is encoded
    rows = maps
    for layer in range(2):
        own = {name[:-1] + "0": p for name, p in model.encoder_rows.named_parameters() if name.endswith(str(layer))}
        peer = torch.nn.LSTM(rows.shape[2], 24, batch_first=True)
        peer.load_state_dict(own)
        rows = peer(rows)[0]
    mean = model.z_mean(torch.relu(model.encoder_dense(rows[:, -1])))
    torch.testing.assert_close(model.encode(maps)[0], mean, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(model.encode(maps)[0], model.encode(maps.flip(1))[0])
    evidence_loss(model(maps, noise), maps).total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    # its products: the gates of 13 rows, the dense layer, mean and log-variance; the decoder is that of any model
    gates = 13 * 4 * 24 * (13 + 24 + 24 + 24)
    other = CVAEConfig(size=13, filters=(16, 16), kernels=(3, 3), strides=(1, 2), dense=24)
    convolutions = 13**2 * 9 * 16 + 7**2 * 9 * 256
    apart = gates + 24 * 24 - convolutions - other.flat * 24
    assert flops_per_frame(config, training=False) - flops_per_frame(other, training=False) == 2 * apart


def test_the_published_objective_is_the_mean_over_latent_dimensions() -> None:
    settings = make_settings(CVAESettings, "tiny", {"objective": "published", "latent": 5})
    mean, log_var = torch.randn(4, 5), torch.randn(4, 5)
    maps = torch.zeros(4, 3, 3)
    loss = evidence_loss(Output(torch.zeros(4, 3, 3), mean, log_var), maps, settings.model_beta)
    keras = -0.5 * (1 + log_var - mean.square() - log_var.exp()).mean(dim=1)  # K.mean(..., axis=-1) of the lineage
    assert float(loss.total - loss.reconstruction) == pytest.approx(float(keras.mean()), rel=1e-5)
    assert make_settings(CVAESettings, "tiny", {"latent": 5, "beta": 0.7}).model_beta == 0.7


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0}, {"filters": (16, 16)}, {"kernels": (3, 3, 3, 4)}, {"strides": (1, 2, 1, 4)}, {"dropout": 1.0},
        {"beta": math.nan}, {"beta": -1.0}, {"latent": 0}, {"filters": (16, 16, 16, 0)},
    ],
)  # fmt: skip
def test_impossible_architectures_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError) as error:
        CVAEConfig(**{"size": 22, **change})
    assert "\n" not in str(error.value)


def test_architecture_survives_json() -> None:
    for config in PRESETS.values():
        assert CVAEConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UsageError, match="unknown keys"):
        CVAEConfig.from_dict({"size": 3, "depth": 4})
    with pytest.raises(UsageError, match="incomplete"):
        CVAEConfig.from_dict({})


def test_choice_by_measurement() -> None:
    model = CVAEModel(CVAEConfig(size=9, filters=(16, 16), kernels=(3, 3), strides=(1, 2)))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    chosen = choose_execution(model, "auto", 8)
    rates = dict(chosen.measured_frames_per_s)
    assert set(rates) == {"fp32 compiled", "fp32 torch", "bf16 torch"}
    assert rates[chosen.name] > 0
    assert choose_execution(model, "auto", 8) is chosen
    assert choose_execution(model, "bf16", 8) == Execution("bf16")
    assert not model.compiled
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(UsageError, match="fp16"):
        candidates(model, "fp16")


def test_convolutions_the_kernels_lack_go_to_torch() -> None:
    model = CVAEModel(CVAEConfig(size=9, filters=(10,), kernels=(5,), strides=(1,)))
    assert not model.can_compile
    assert candidates(model, "fp32") == [Execution("fp32")]
