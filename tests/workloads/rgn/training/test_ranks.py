"""Ranks: two processes train as one does, and nothing of them is left behind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import distributed

from levinthal.errors import DataError, UsageError, from_line, to_line
from levinthal.proteins.records import RecordCache, write_cache
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training import ranks
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.history import Step, Validation
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.optimiser import OptimiserSettings
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.weights import load_weights
from rgn_examples import TINY, make_records

# 25 examples in sevens: shares differ in size, and a batch of 4 leaves ranks 2 each
SETTINGS = TrainingSettings(
    steps=10,
    batch_size=7,
    validation_interval=4,
    optimiser=OptimiserSettings(learning_rate=0.01, clip_norm_pm=300.0),
    curriculum=Curriculum(first_window=6, share=0.4),
)


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("caches")
    write_cache(folder / "train", make_records(25))
    write_cache(folder / "validation", make_records(9, seed=1))
    return folder / "train", folder / "validation"


def test_two_ranks_train_as_one_process_does(caches: tuple[Path, Path], tmp_path: Path) -> None:
    steps: list[Step] = []
    held_out: list[Validation] = []
    model, shared = ranks.train_on_ranks(
        2,
        ranks.RankedTraining(
            TINY, SETTINGS, caches[0], tmp_path, validation=caches[1], label="synthetic", seed=5, device="cpu"
        ),
        on_step=steps.append,
        on_validation=held_out.append,
    )
    alone = RGNModel(TINY, seed=5)
    train_set, validation = (ProteinSet.from_cache(RecordCache(path)) for path in caches)
    single = train(alone, train_set, SETTINGS, validation=validation)
    for column in ("loss_nm", "gradient_norm_pm"):
        np.testing.assert_allclose(shared.column(column), single.column(column), rtol=1e-4)
    assert shared.column("residues").tolist() == single.column("residues").tolist()
    assert (shared.column("padded_residues") <= single.column("padded_residues") + 30).all()
    assert [v.step for v in shared.validations] == [4, 8, 10]
    for a, b in zip(shared.validations, single.validations, strict=True):
        assert a.drmsd_nm == pytest.approx(b.drmsd_nm, rel=1e-4)
        assert a.drmsd_nm_by_group == pytest.approx(b.drmsd_nm_by_group, rel=1e-4)
    for mine, theirs in zip(model.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    assert tuple(steps) == shared.steps
    assert tuple(held_out) == shared.validations
    assert shared.stopped_by == "steps"
    assert load_weights(tmp_path / ranks.WEIGHTS)[1].label == "synthetic"
    assert json.loads((tmp_path / "summary.json").read_text())["steps"] == 10


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Let a shell script stand in for the ranks."""
    script = tmp_path / "python"
    script.write_text("\n".join(["#!/bin/sh", *lines]))
    script.chmod(0o755)
    monkeypatch.setattr(ranks.sys, "executable", str(script))


def start(caches: tuple[Path, Path], out: Path, **options: object) -> None:
    training = ranks.RankedTraining(TINY, SETTINGS, caches[0], out, device="cpu")
    ranks.train_on_ranks(2, training, **options)  # type: ignore[arg-type]


def is_alive(process_id: int) -> bool:
    try:
        # a zombie that nobody waits for is dead too
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_interruption_ends_the_ranks(
    caches: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = json.dumps({"step": Step(1, 0.5, 0, 0.1, 10, 12, 3.0, clipped=False, skipped=False)})
    program(
        tmp_path,
        monkeypatch,
        "echo a library says hello",
        f"sleep 100 & echo $! > {tmp_path}/pid",
        f"echo '{step}'",
        "wait",
    )

    def interrupt(step: Step) -> None:
        assert step.gradient_norm_pm == 3.0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(caches, tmp_path / "out", on_step=interrupt)
    child = int((tmp_path / "pid").read_text())
    deadline_s = time.monotonic() + 5.0
    while (alive := is_alive(child)) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not alive


def test_what_went_wrong_in_a_rank_is_said_in_one_line(
    caches: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, f"echo '{to_line(UsageError('no GPU here'))}'", "exit 1")
    with pytest.raises(UsageError, match=r"^no GPU here$"):
        start(caches, tmp_path / "out")
    program(tmp_path, monkeypatch, "exit 3")
    with pytest.raises(DataError, match=r"2 ranks failed: .*ranks\.log"):
        start(caches, tmp_path / "out")
    with pytest.raises(UsageError, match="at least 1"):
        ranks.train_on_ranks(0, ranks.RankedTraining(TINY, SETTINGS, caches[0], tmp_path))


@pytest.fixture
def as_only_rank(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(ranks, "die_with_parent", lambda: None)
    begin = distributed.init_process_group
    store = f"file://{tmp_path}/store"
    monkeypatch.setattr(
        distributed, "init_process_group", lambda backend: begin(backend, init_method=store, rank=0, world_size=1)
    )


@pytest.mark.usefixtures("as_only_rank")
def test_a_rank_writes_what_it_was_asked_for(
    caches: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    settings = {"steps": 2, "batch_size": 4, "optimiser": {"learning_rate": 0.01}}
    config.write_text(json.dumps({"model": TINY.to_dict(), "training": settings}))
    arguments = ["--data", caches[0], "--out", tmp_path / "out", "--config", config, "--device", "cpu"]
    ranks.main([*map(str, arguments), "--report"])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Step(*each["step"]).step for each in told] == [1, 2]
    model, provenance = load_weights(tmp_path / "out" / ranks.WEIGHTS)
    assert model.config == TINY
    assert (provenance.label, provenance.steps) == ("unlabelled", 2)
    assert not distributed.is_initialized()


@pytest.mark.usefixtures("as_only_rank")
@pytest.mark.parametrize(
    "config", ["", "[]", "{}", '{"model": {}, "training": {}}', '{"model": 3, "training": {"steps": 1}}']
)
def test_a_config_that_is_none_is_refused(
    config: str, caches: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(config)
    arguments = ["--data", caches[0], "--out", tmp_path / "out", "--config", tmp_path / "config.json"]
    with pytest.raises(SystemExit) as ended:
        ranks.main(list(map(str, arguments)))
    assert ended.value.code == 2
    sent, said = capsys.readouterr()
    assert said.count("\n") == 1
    assert said == f"error: {from_line(sent)}\n"


def test_started_by_hand_without_ranks_it_says_how(
    caches: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(SystemExit, match="--ranks N"):
        ranks.main(["--data", str(caches[0]), "--out", str(tmp_path), "--config", "none"])
