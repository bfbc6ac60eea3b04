"""Checkpoints: training goes on as if it had never stopped, and a damaged file is refused in one line."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cvae_examples import CONFIG, example_maps
from levinthal.errors import DataError, UsageError
from levinthal.workloads.cvae.data.maps import DenseMaps
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.training.checkpoint import FORM, Progress
from levinthal.workloads.cvae.training.history import History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.training.checkpoint import CHECKPOINT, Checkpoint, Keeping, load_checkpoint

MODEL = dataclasses.replace(CONFIG, dropout=0.2)
STEPS, EPOCH = 14, 6  # two whole epochs and a part
OPTIONS = {"steps": STEPS, "batch_size": 10, "seed": 3, "deterministic": True, "checkpoint_interval": 4}

PROGRAM = """
import sys
from pathlib import Path
import test_checkpoint as t
print("ready", flush=True)
_, history = t.fit(Path(sys.argv[1]), resume=True, on_step=lambda step, loss: print(step, flush=True))
last = history.epochs[-1]
print("end", history.resumed_at, last.train.total.hex(), last.validation.total.hex())
"""


def fit(folder: Path | None = None, **options: object) -> tuple[CVAEModel, History]:
    model, maps = CVAEModel(MODEL), example_maps(80)
    keep = None if folder is None else Keeping(folder, bool(options.pop("resume", False)))
    on_step = options.pop("on_step", None)
    settings = TrainingSettings(**{**OPTIONS, **options})  # type: ignore[arg-type]
    source, validation = DenseMaps(maps[:64], 14), DenseMaps(maps[64:], 14)
    return model, train(model, source, settings, validation=validation, on_step=on_step, keep=keep)  # type: ignore[arg-type]


def kept(folder: Path) -> Checkpoint[Progress]:
    return load_checkpoint(folder, FORM)


@pytest.fixture(scope="module")
def whole() -> tuple[CVAEModel, History]:
    return fit()


class KilledError(Exception):
    pass


def raise_at(step: int) -> object:
    def on_step(done: int, loss: torch.Tensor) -> None:
        if done == step:
            raise KilledError

    return on_step


def same(found: tuple[CVAEModel, History], whole: tuple[CVAEModel, History]) -> bool:
    """Compare all but durations."""
    losses = [[(e.steps, e.frames, e.train, e.validation) for e in history.epochs] for _, history in (found, whole)]
    return losses[0] == losses[1] and all(map(torch.equal, found[0].parameters(), whole[0].parameters()))


@pytest.mark.parametrize("step", [1, 4, 5, 6, 7, 8, 12, 13, 14])
def test_training_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, whole: tuple[CVAEModel, History], step: int
) -> None:
    with pytest.raises(KilledError):
        fit(tmp_path, on_step=raise_at(step))
    torch.manual_seed(step)  # the generators of whoever goes on are in any state
    found = fit(tmp_path, resume=True)
    assert same(found, whole)
    assert found[1].resumed_at == max(0, step - 1) // 4 * 4  # the state is written after the step is told
    assert kept(tmp_path).progress.steps == STEPS


def test_killed_by_the_kernel_at_any_step_it_resumes_to_the_same_loss(
    tmp_path: Path, whole: tuple[CVAEModel, History]
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    here = Path(__file__)
    path = os.pathsep.join([str(here.parent), str(here.parents[3]), os.environ.get("PYTHONPATH", "")])
    for victim in (5, 10):  # killed twice
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        ) as run:
            assert run.stdout is not None
            for line in run.stdout:
                if line.strip() == str(victim):
                    run.send_signal(signal.SIGKILL)
                    break
            run.stdout.read()
        assert run.returncode == -signal.SIGKILL
    assert kept(tmp_path).progress.steps in (8, 12)
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path})
    _, resumed_at, *losses = ended.stdout.splitlines()[-1].split()
    assert int(resumed_at) in (8, 12)
    last = whole[1].epochs[-1]
    assert last.validation is not None
    assert [float.fromhex(each) for each in losses] == [last.train.total, last.validation.total]


def test_a_longer_training_goes_on_from_the_end_of_a_shorter_one(
    tmp_path: Path, whole: tuple[CVAEModel, History]
) -> None:
    fit(tmp_path, steps=2 * EPOCH)
    assert same(fit(tmp_path, resume=True), whole)
    assert same(fit(tmp_path, resume=True), whole)  # nothing is left to do


def test_what_is_of_another_training_or_damaged_is_refused(tmp_path: Path) -> None:
    fit(tmp_path, steps=4)
    for options in ({"seed": 4}, {"batch_size": 9}, {"optimizer": OptimizerSettings(0.5)}):
        with pytest.raises(DataError, match="another training"):
            fit(tmp_path, resume=True, **options)
    source = DenseMaps(np.roll(example_maps(80), 1, axis=0)[:64], 14)
    settings = TrainingSettings(steps=1, batch_size=10, seed=3)
    with pytest.raises(DataError, match=r"another training .frames"):
        train(CVAEModel(MODEL), source, settings, keep=Keeping(tmp_path, resume=True))
    file = tmp_path / CHECKPOINT
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="does not hold what was written"):
        fit(tmp_path, resume=True)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"^[^\n]+$"):
        fit(tmp_path, resume=True)
    with pytest.raises(UsageError, match="at least 1"):
        fit(tmp_path, checkpoint_interval=0)


def test_optimiser_goes_on_from_its_state() -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((30, 50), (16, 4, 3, 3))]
    start[1] = start[1].contiguous(memory_format=torch.channels_last)
    gradients = [[torch.randn(p.shape, generator=generator) for p in start] for _ in range(4)]
    whole, part = ([p.clone().requires_grad_() for p in start] for _ in range(2))

    def update(optimiser: RMSprop, parameters: list[torch.Tensor], steps: range) -> None:
        for step in steps:
            for p, gradient in zip(parameters, gradients[step], strict=True):
                p.grad = gradient.clone()
            optimiser.step()

    update(RMSprop(whole, OptimizerSettings()), whole, range(4))
    first = RMSprop(part, OptimizerSettings())
    update(first, part, range(2))
    second = RMSprop(part, OptimizerSettings())
    second.load_state([square.contiguous() for square in first.state()])
    update(second, part, range(2, 4))
    assert all(map(torch.equal, whole, part))
    with pytest.raises(ValueError, match="other parameters"):
        second.load_state(first.state()[:1])
