"""Checkpoints: training goes on as if it had never stopped, and a damaged file is refused in one line."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.history import FORM, History, Progress
from levinthal.workloads.rgn.training.loop import BEST_WEIGHTS, train
from levinthal.workloads.rgn.training.optimiser import OptimiserSettings
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.validation import evaluate
from levinthal.workloads.rgn.training.weights import Provenance, load_weights, save_weights
from levinthal.workloads.training.checkpoint import CHECKPOINT, Keeping, load_checkpoint
from rgn_examples import TINY, make_records

MODEL = dataclasses.replace(TINY, input_dropout=0.3)
SETTINGS = TrainingSettings(
    steps=14,
    batch_size=6,
    optimiser=OptimiserSettings(learning_rate=0.01, clip_norm_pm=300.0, schedule="cosine"),
    curriculum=Curriculum(first_window=6, share=0.6),
    seed=3,
    deterministic=True,
    validation_interval=4,
    checkpoint_interval=3,
)

PROGRAM = """
import sys
from pathlib import Path
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.training.checkpoint import Keeping
import test_checkpoint as t
print("ready", flush=True)
train(RGNModel(t.MODEL), *t.sets()[:1], t.SETTINGS, validation=t.sets()[1], keep=Keeping(Path(sys.argv[1])),
      on_step=lambda step: print(step.step, flush=True))
"""


def sets() -> tuple[ProteinSet, ProteinSet]:
    return (
        ProteinSet.from_records(make_records(25), label="synthetic"),
        ProteinSet.from_records(make_records(8, seed=1)),
    )


def fit(folder: Path | None = None, **options: object) -> tuple[RGNModel, History]:
    model = RGNModel(MODEL)
    train_set, validation = sets()
    chosen = options.pop("settings", SETTINGS)
    keep = None if folder is None else Keeping(folder, bool(options.pop("resume", False)))
    return model, train(model, train_set, chosen, validation=validation, keep=keep, **options)  # type: ignore[arg-type]


def kept(folder: Path) -> Progress:
    return load_checkpoint(folder, FORM).progress


@pytest.fixture(scope="module")
def whole() -> tuple[RGNModel, History]:
    return fit()


class KilledError(Exception):
    pass


def raise_at(step: int) -> object:
    def on_step(done: object) -> None:
        if done.step == step:  # type: ignore[attr-defined]
            raise KilledError

    return on_step


def same(found: tuple[RGNModel, History], whole: tuple[RGNModel, History]) -> bool:
    """Compare all but durations."""
    steps = [[step._replace(duration_s=0.0) for step in history.steps] for _, history in (found, whole)]
    held_out = [
        [(v.step, v.drmsd_nm, v.loss_nm, v.drmsd_nm_by_group) for v in history.validations]
        for _, history in (found, whole)
    ]
    return (
        steps[0] == steps[1]
        and held_out[0] == held_out[1]
        and all(map(torch.equal, found[0].parameters(), whole[0].parameters()))
    )


@pytest.mark.parametrize("step", [1, 3, 4, 8, 9, 13, 14])
def test_training_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, whole: tuple[RGNModel, History], step: int
) -> None:
    with pytest.raises(KilledError):
        fit(tmp_path, on_step=raise_at(step))
    # the generators of whoever goes on are in any state
    torch.manual_seed(step)
    found = fit(tmp_path, resume=True)
    assert same(found, whole)
    assert found[1].elapsed_s > 0
    assert kept(tmp_path).steps == found[1].steps
    again = fit(tmp_path, resume=True)
    assert same(again, whole)


def test_training_goes_on_after_a_kill(tmp_path: Path, whole: tuple[RGNModel, History]) -> None:
    here = Path(__file__).resolve()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parents[3]), os.environ.get("PYTHONPATH", "")]),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "ready\n"
        for line in process.stdout:
            if int(line) == 7:
                time.sleep(0.002)
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(kept(tmp_path).steps) <= SETTINGS.steps  # type: ignore[operator]
    assert same(fit(tmp_path, resume=True), whole)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    fit(tmp_path)
    for changes in ({"seed": 4}, {"batch_size": 5}, {"steps": 15}, {"optimiser": OptimiserSettings()}):
        with pytest.raises(DataError, match="another training"):
            fit(tmp_path, resume=True, settings=dataclasses.replace(SETTINGS, **changes))
    train_set, _ = sets()
    with pytest.raises(DataError, match="another training"):
        train(RGNModel(MODEL), train_set.subset(range(20)), SETTINGS, keep=Keeping(tmp_path, True))
    with pytest.raises(DataError, match="another model"):
        train(RGNModel(dataclasses.replace(MODEL, n_hidden=8)), train_set, SETTINGS, keep=Keeping(tmp_path, True))
    # without resume it begins again
    assert len(fit(tmp_path)[1].steps) == 14


def test_constant_rates_can_train_on_beyond_the_end(tmp_path: Path) -> None:
    constant = dataclasses.replace(SETTINGS, curriculum=None, optimiser=OptimiserSettings(learning_rate=0.01))
    fit(tmp_path, settings=dataclasses.replace(constant, steps=5))
    on = fit(tmp_path, resume=True, settings=dataclasses.replace(constant, steps=9))
    straight = fit(settings=dataclasses.replace(constant, steps=9))
    assert on[1].column("loss_nm").tolist() == straight[1].column("loss_nm").tolist()


def test_the_best_weights_are_kept_and_predict_elsewhere(tmp_path: Path) -> None:
    model, history = fit(tmp_path)
    best, provenance = load_weights(tmp_path / BEST_WEIGHTS)
    assert history.best is not None
    assert evaluate(best, sets()[1]).mean_nm == pytest.approx(history.best.drmsd_nm, rel=1e-5)
    assert provenance.label == "synthetic"
    assert provenance.steps == history.best.step
    assert provenance.validation_drmsd_nm == history.best.drmsd_nm
    assert provenance.training_drmsd_nm is not None
    assert best.config == MODEL
    assert not best.training
    save_weights(tmp_path / "last", model, Provenance("proteinnet", 14, float("nan")))
    last, provenance = load_weights(tmp_path / "last")
    assert provenance == Provenance("proteinnet", 14, None, None)
    assert all(map(torch.equal, last.parameters(), model.parameters()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    fit(folder)
    return folder


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_refused_in_one_line(files: Path, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([CHECKPOINT, BEST_WEIGHTS]))
    content = bytearray((files / name).read_bytes())
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    (tmp_path / name).write_bytes(content)
    wrong = None
    try:
        kept(tmp_path) if name == CHECKPOINT else load_weights(tmp_path / name)
    except LevinthalError as error:
        wrong = str(error)
    if wrong is not None:
        assert "\n" not in wrong
        assert str(tmp_path / name) in wrong
        return
    # a digit in the description changed; numbers of the tensors cannot
    with safe_open(files / name, "pt") as a, safe_open(tmp_path / name, "pt") as b:
        assert a.metadata() != b.metadata()
        assert all(torch.equal(a.get_tensor(key), b.get_tensor(key)) for key in a.keys())  # noqa: SIM118


def test_files_of_other_kinds_are_refused(files: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_weights(tmp_path / "none")
    with pytest.raises(DataError, match="format"):
        load_weights(files / CHECKPOINT)
    (tmp_path / CHECKPOINT).write_bytes((files / BEST_WEIGHTS).read_bytes())
    with pytest.raises(DataError, match="format"):
        kept(tmp_path)
    with pytest.raises(DataError, match="cannot write"):
        save_weights(files / BEST_WEIGHTS / "below-a-file", RGNModel(TINY), Provenance())


def test_a_header_that_asks_for_a_giant_is_refused_before_it_is_built(files: Path, tmp_path: Path) -> None:
    with safe_open(files / BEST_WEIGHTS, "pt") as file:
        metadata = dict(file.metadata())
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    about = json.loads(metadata["about"])
    about["architecture"]["n_hidden"] = 10**9
    save_file(tensors, tmp_path / "giant", {**metadata, "about": json.dumps(about)})
    with pytest.raises(DataError, match="architecture it names"):
        load_weights(tmp_path / "giant")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = RGNModel(TINY)
    with torch.no_grad():
        model.alphabet[0, 0] = float("inf")
    save_weights(tmp_path / "weights", model, Provenance())
    with pytest.raises(DataError, match="not finite"):
        load_weights(tmp_path / "weights")
