"""Data-parallel training: two gloo processes have the loss curve of one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cvae_examples import CONFIG, example_maps
from levinthal.errors import UsageError
from levinthal.harness.engines.ranks import end_ranks, start_ranks
from levinthal.workloads.cvae.data.maps import DenseMaps
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.training import stepper as stepper_module
from levinthal.workloads.cvae.training.history import History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.cvae.training.stepper import Stepper

PROGRAM = """
import json, sys
from pathlib import Path
from safetensors.torch import save_file
from torch import distributed
from levinthal.workloads.training.checkpoint import Keeping
import test_ranks as t

distributed.init_process_group("gloo")
out = Path(sys.argv[1])
options = json.loads(sys.argv[2])
gradients = t.gradients(options.get("batch_size", 15))
keep = Keeping(out, options.pop("resume", False))
history = t.fit(**options, keep=keep)
if distributed.get_rank() == 0:
    save_file(gradients, out / "gradients.safetensors")
    (out / "losses.json").write_text(json.dumps(t.losses(history)))
distributed.barrier()
distributed.destroy_process_group()
"""


def fit(**options: object) -> History:
    maps = example_maps(120)
    # batches of 15 frames: the shares of two ranks differ in size
    arguments = {"steps": 16, "batch_size": 15, "seed": 7, "deterministic": True} | options
    keep = arguments.pop("keep", None)
    return train(
        CVAEModel(CONFIG, seed=2),
        DenseMaps(maps[:100], 14),
        TrainingSettings(**arguments),
        validation=DenseMaps(maps[100:], 14),
        keep=keep,
    )


def gradients(batch_size: int) -> dict[str, torch.Tensor]:
    """Return the gradient of the first step, which RMSprop would not tell from a multiple of it."""
    model, source = CVAEModel(CONFIG, seed=2), DenseMaps(example_maps(100), 14)
    stepper = Stepper(model, source, batch_size, OptimizerSettings(), 7, Execution("fp32", compiled=True))
    stepper.step()
    stepper.close()
    return {name: p.grad.contiguous().clone() for name, p in model.named_parameters() if p.grad is not None}


def losses(history: History) -> list[list[float]]:
    return [[e.train.total, e.train.reconstruction, e.train.kl, e.validation.total] for e in history.epochs]


def fit_on_ranks(n_ranks: int, out: Path, **options: object) -> list[list[float]]:
    (out / "ranks_program.py").write_text(PROGRAM)
    path = os.pathsep.join(
        [str(out), str(Path(__file__).parent), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    )
    with (out / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        launcher = start_ranks(n_ranks, "ranks_program", [str(out), json.dumps(options)], log=log)
        try:
            launcher.communicate(timeout=120)
        finally:
            end_ranks(launcher)
    assert launcher.returncode == 0, (out / "log").read_text()
    return json.loads((out / "losses.json").read_text())


@pytest.mark.parametrize(("batch_size", "steps"), [(15, 16), (70, 8)])
def test_two_ranks_have_the_loss_curve_of_one_process(tmp_path: Path, batch_size: int, steps: int) -> None:
    """With fewer frames than twice the width of the dense layer they exchange factors, with more gradients."""
    assert 15 < 2 * CONFIG.dense <= 70
    alone = losses(fit(batch_size=batch_size, steps=steps))
    shared = fit_on_ranks(2, tmp_path, batch_size=batch_size, steps=steps)
    assert len(shared) == len(alone) >= 3
    for a, b in zip(alone, shared, strict=True):
        assert b == pytest.approx(a, abs=1e-4 * a[0])  # RMSprop soon makes more of the difference in rounding
    mine, theirs = gradients(batch_size), load_file(tmp_path / "gradients.safetensors")
    assert mine.keys() == theirs.keys()
    for name, gradient in mine.items():
        largest = float(gradient.abs().max())
        torch.testing.assert_close(theirs[name], gradient, rtol=1e-4, atol=1e-5 * largest, msg=name)


@pytest.mark.slow
def test_two_ranks_resume_what_two_ranks_began(tmp_path: Path) -> None:
    alone = losses(fit())
    fit_on_ranks(2, tmp_path, steps=9)
    resumed = fit_on_ranks(2, tmp_path, resume=True)
    assert resumed[-1] == pytest.approx(alone[-1], rel=1e-4)


def test_a_batch_smaller_than_the_ranks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepper_module, "rank_and_size", lambda: (0, 16))
    with pytest.raises(UsageError, match="cannot be shared by 16 ranks"):
        fit()


def test_an_interruption_leaves_no_ranks_behind(tmp_path: Path) -> None:
    program = "import os, time\nos.write(1, b'%d\\n' % os.getpid())\ntime.sleep(100)\n"
    (tmp_path / "sleeping_ranks.py").write_text(program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        launcher = start_ranks(2, "sleeping_ranks", [], log=subprocess.DEVNULL)
    assert launcher.stdout is not None
    processes = [int(launcher.stdout.readline()) for _ in range(2)]
    end_ranks(launcher)
    for process in processes:
        state = Path(f"/proc/{process}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"
