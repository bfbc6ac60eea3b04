"""A training that is killed goes on from its last checkpoint, to what an uninterrupted one gives, to the last bit."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from levinthal.harness.results.store import load_result
from probes import probe_environment

RGN = (
    "rgn", "--size", "smoke", "--set", "deterministic=true", "--set", "steps=60", "--set", "validation_interval=25",
    "--set", "families=12", "--set", "target_lengths=30",
)  # fmt: skip
CASES = [
    pytest.param((*RGN, "--set", "checkpoint_interval=7"), id="rgn"),
    pytest.param((*RGN, "--set", "checkpoint_interval=7", "--set", "ranks=2"), id="rgn ranks"),
    pytest.param(
        ("docking", "--size", "smoke", "--set", "training_steps=60", "--set", "checkpoint_interval=7"), id="docking"
    ),
]  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "levinthal", *arguments],
        cwd=folder,
        env=probe_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def found_by(folder: Path) -> dict[str, Any]:
    """Return all that does not depend on the clock."""
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None
    curves = {each.key: (each.x, each.y) for each in repeat.curves if not {each.x_unit, each.unit} & {"s", "ms"}}
    quality = {each.key: each.value for each in repeat.metrics if each.kind == "quality"}
    return {"quality": quality, "gates": repeat.gates, "curves": curves}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", CASES)
def test_killed_inside_training_it_ends_as_if_it_never_was(levinthal, tmp_path, arguments):
    state = tmp_path / "killed/repeats/000/kept/training/training.safetensors"
    run = start(tmp_path, "run", *arguments, "--out", "killed")
    deadline = time.monotonic() + 100
    while not state.exists():
        assert run.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    run.kill()
    run.wait()
    done = levinthal("resume", "killed")
    assert done.returncode in (0, 1), done.stderr
    assert levinthal("run", *arguments, "--out", "whole").returncode == done.returncode
    assert found_by(tmp_path / "killed") == found_by(tmp_path / "whole")
    weights = {"rgn": "weights.safetensors", "docking": "policy.safetensors"}[arguments[0]]
    one, other = (tmp_path / name / "repeats/000" / weights for name in ("killed", "whole"))
    assert one.read_bytes() == other.read_bytes()
    (repeat,) = load_result(tmp_path / "killed").repeats
    (note,) = [each for each in repeat.notes if each.startswith("Training went on after step")]
    assert 7 <= int(note.split()[5]) < 60
    assert not state.exists()
    kept = {path.name for path in (tmp_path / "killed/repeats/000/training").glob("*.safetensors")}
    assert kept >= ({"training.safetensors", "best.safetensors"} if arguments[0] == "rgn" else set())
