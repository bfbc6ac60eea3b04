"""Training: it learns, repeats to the last digit, and says what went wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from levinthal.errors import DataError, UsageError
from levinthal.workloads.cvae.data.maps import DenseMaps
from levinthal.workloads.cvae.inference import decode, encode, evaluate
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.training.history import History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings

CONFIG = CVAEConfig(size=14, filters=(16, 16, 16), kernels=(3, 3, 3), strides=(1, 2, 1), dense=32, latent=2)


@pytest.fixture(scope="module")
def sources(two_states: tuple[np.ndarray, np.ndarray]) -> tuple[DenseMaps, DenseMaps]:
    maps = two_states[0]
    return DenseMaps(maps[:500], 14), DenseMaps(maps[500:], 14)


def fit(sources: tuple[DenseMaps, DenseMaps], **arguments: object) -> tuple[CVAEModel, History]:
    model = CVAEModel(arguments.pop("config", CONFIG))  # type: ignore[arg-type]
    options = {name: arguments.pop(name) for name in ("on_step", "on_epoch") if name in arguments}
    settings = TrainingSettings(**{"batch_size": 50, "precision": "fp32", **arguments})  # type: ignore[arg-type]
    return model, train(model, sources[0], settings, validation=sources[1], **options)  # type: ignore[arg-type]


def test_it_learns_the_two_states(
    sources: tuple[DenseMaps, DenseMaps], two_states: tuple[np.ndarray, np.ndarray]
) -> None:
    model, history = fit(sources, epochs=12)
    assert [epoch.steps for epoch in history.epochs] == list(range(10, 130, 10))
    last = history.epochs[-1]
    assert last.frames == 6000
    assert last.validation is not None
    assert history.frames_per_s > 0
    mean = np.clip(sources[0].maps.mean(0), 1e-3, 1 - 1e-3)
    held = sources[1].maps
    mean_map = -(held * np.log(mean) + (1 - held) * np.log(1 - mean)).sum((1, 2)).mean()
    assert last.validation.reconstruction < 0.7 * mean_map
    latent, _ = encode(model, sources[1])
    states = two_states[1][500:]
    middle = latent[states == 1].mean(0) - latent[states == 0].mean(0)
    sides = (latent - latent.mean(0)) @ middle > 0
    assert max(np.mean(sides == states), np.mean(sides != states)) > 0.95
    assert not model.training


def test_deterministic_runs_are_equal_to_the_last_digit(sources: tuple[DenseMaps, DenseMaps]) -> None:
    config = dataclasses.replace(CONFIG, dropout=0.2)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    runs = [fit(sources, epochs=2, seed=4, deterministic=True, precision="auto", config=config) for _ in range(2)]
    for a, b in zip(runs[0][1].epochs, runs[1][1].epochs, strict=True):
        assert (a.train, a.validation) == (b.train, b.validation)
    for a, b in zip(runs[0][0].parameters(), runs[1][0].parameters(), strict=True):
        assert torch.equal(a, b)
    other = fit(sources, epochs=2, seed=5, deterministic=True, config=config)[1]
    assert other.epochs[-1].validation != runs[0][1].epochs[-1].validation
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_kernels_train_as_torch_does(sources: tuple[DenseMaps, DenseMaps], monkeypatch: pytest.MonkeyPatch) -> None:
    losses = []
    for compiled in (True, False):
        monkeypatch.setattr(CVAEModel, "can_compile", property(lambda self, value=compiled: value))
        history = fit(sources, steps=10, deterministic=True)[1]
        assert history.execution == Execution("fp32", compiled)
        losses.append(history.epochs[-1].validation.total)  # type: ignore[union-attr]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


@pytest.mark.parametrize(
    ("clip", "decay_steps", "warmup"), [(None, None, 0), (0.05, None, 0), (None, 5, 0), (None, 5, 2)]
)
def test_optimiser_equals_torch_s(clip: float | None, decay_steps: int | None, warmup: int) -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((300, 500), (7,), (16, 4, 3, 3))]
    start[2] = start[2].contiguous(memory_format=torch.channels_last)
    ours, theirs = ([p.clone().requires_grad_() for p in start] for _ in range(2))
    settings = OptimizerSettings(0.01, epsilon=1e-6, clip_norm=clip, decay_steps=decay_steps, warmup_steps=warmup)
    mine, reference = RMSprop(ours, settings), torch.optim.RMSprop(theirs, lr=0.01, alpha=0.9, eps=1e-6)
    schedules = torch.optim.lr_scheduler
    falling = schedules.CosineAnnealingLR(reference, (decay_steps or 5) - warmup)
    if warmup:
        rising = schedules.LambdaLR(reference, lambda taken: (taken + 1) / warmup)
        falling = schedules.SequentialLR(reference, [rising, falling], [warmup])
    for taken in range(4):
        for a, b in zip(ours, theirs, strict=True):
            b.grad = torch.randn(b.shape, generator=generator)
            a.grad = b.grad.clone()
        if clip:
            torch.nn.utils.clip_grad_norm_(theirs, clip)
        mine.step(taken)
        reference.step()
        if decay_steps:
            falling.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_hooks_and_lengths(sources: tuple[DenseMaps, DenseMaps]) -> None:
    seen: list[int] = []
    history = fit(sources, steps=13, on_step=lambda step, loss: seen.append(step) if loss.isfinite() else None)[1]
    assert seen == list(range(1, 14))
    assert [epoch.steps for epoch in history.epochs] == [10, 13]
    assert len(fit(sources, epochs=5, on_epoch=lambda epoch: epoch.steps >= 20)[1].epochs) == 2
    assert fit(sources, steps=1, batch_size=10_000)[1].epochs[0].frames == 500


@pytest.mark.parametrize("beta", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("rate", [1e-4, 1e-2])
def test_no_nan_with_any_sane_settings(sources: tuple[DenseMaps, DenseMaps], beta: float, rate: float) -> None:
    optimizer = OptimizerSettings(learning_rate=rate)
    history = fit(sources, steps=40, config=dataclasses.replace(CONFIG, beta=beta), optimizer=optimizer)[1]
    assert np.isfinite(history.epochs[-1].validation.total)  # type: ignore[union-attr]


def test_a_loss_that_blows_up_is_named(sources: tuple[DenseMaps, DenseMaps]) -> None:
    with pytest.raises(DataError, match="not finite"):
        fit(sources, steps=20, optimizer=OptimizerSettings(learning_rate=1e30))


def test_mistakes(sources: tuple[DenseMaps, DenseMaps]) -> None:
    for arguments in (
        {},
        {"epochs": 1, "steps": 1},
        {"epochs": 0},
        {"steps": 1, "batch_size": 0},
        {"steps": 1, "precision": "x"},
    ):
        with pytest.raises(UsageError):
            fit(sources, **arguments)
    with pytest.raises(DataError, match="pad the maps"):
        train(CVAEModel(CONFIG), DenseMaps(np.zeros((3, 5, 5)), 5), TrainingSettings(steps=1))
    with pytest.raises(DataError, match="no frames"):
        train(CVAEModel(CONFIG), DenseMaps(np.zeros((0, 14, 14)), 14), TrainingSettings(steps=1))
    for settings in ({"learning_rate": 0.0}, {"rho": 1.0}, {"epsilon": 0.0}, {"clip_norm": -1.0}, {"warmup_steps": -1}):
        with pytest.raises(UsageError):
            OptimizerSettings(**settings)


def test_evaluation_is_the_mean_over_frames_whatever_the_batch(sources: tuple[DenseMaps, DenseMaps]) -> None:
    model = CVAEModel(dataclasses.replace(CONFIG, dropout=0.5))
    whole, parts = (evaluate(model, sources[1], batch_size=size) for size in (100, 33))
    assert whole.total == pytest.approx(parts.total, rel=1e-5)
    assert model.training
    latent, log_var = encode(model, sources[1], batch_size=33)
    assert latent.shape == log_var.shape == (100, 2)
    np.testing.assert_allclose(
        decode(model, encode(model, sources[1])[0]), decode(model, latent, batch_size=7), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(DataError, match="latent points"):
        decode(model, np.zeros((3, 5)))
    assert decode(model, np.zeros((0, 2))).shape == (0, 14, 14)
