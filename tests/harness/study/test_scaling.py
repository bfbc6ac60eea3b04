"""Scaling studies through the command line, of a workload whose steps have a known length, and of the CVAE."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levinthal.commands.conformance import _broken_by_scaling
from levinthal.errors import UsageError
from levinthal.harness import ScalingCase
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.engines.ranks import shell_line, torchrun_command
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.store import load_result
from levinthal.harness.study.registry import plan_study, study_of
from probes import probe_environment

WORK_S, LOADING_S, EXCHANGE_S = 0.2, 0.02, 0.06  # of levinthal_probes.SleepingTrainer


FIGURES = (
    "time per epoch", "training", "speed-up", "parallel efficiency", "share of communication", "share of data loading",
    "share of compute",
)  # fmt: skip


def medians(folder: Path, case: str, batch_size: int, n_ranks: int) -> dict[str, float | None]:
    summary = load_result(folder).summary
    labels = {"case": case, "batch size": batch_size, "ranks": n_ranks}
    return {figure: summary[figure, labels].median for figure in FIGURES}


@pytest.mark.slow
def test_a_study_measures_what_is_known_and_survives_kills(tmp_path: Path, levinthal) -> None:
    """A rank of one point dies, then the whole study is killed and resumed: the other points are kept as they are."""
    command = [
        "scale", "ladder", "--world-sizes", "1,2", "--cases", "short", "--seconds", "1", "--set", "doomed=16",
        "--out", "r",
    ]  # fmt: skip
    study = subprocess.Popen(
        [sys.executable, "-m", "levinthal", *command],
        cwd=tmp_path,
        env=probe_environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    first = tmp_path / "r/points/000-short-batch8-ranks1.json"
    deadline_s = time.monotonic() + 100
    while not first.exists() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    study.send_signal(signal.SIGKILL)
    study.wait()
    kept = first.stat().st_mtime_ns
    done = levinthal("resume", "r")
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == kept
    two = medians(tmp_path / "r", "short", 8, 2)
    one_s, two_s = WORK_S + LOADING_S, WORK_S / 2 + LOADING_S + EXCHANGE_S
    # sleeps are a little too long, on a busy machine more so
    expected = {
        "time per epoch": 640 / 8 * two_s, "training": 8 / two_s, "speed-up": one_s / two_s,
        "parallel efficiency": one_s / two_s / 2, "share of communication": EXCHANGE_S / two_s,
        "share of data loading": LOADING_S / two_s, "share of compute": WORK_S / 2 / two_s,
    }  # fmt: skip
    assert two == pytest.approx(expected, rel=0.15)
    one = medians(tmp_path / "r", "short", 8, 1)
    baseline = (one["speed-up"], one["parallel efficiency"], one["share of communication"])
    assert baseline == pytest.approx((1.0, 1.0, 0.0))
    assert medians(tmp_path / "r", "short", 16, 1)["time per epoch"] == pytest.approx(40 * one_s, rel=0.15)
    assert medians(tmp_path / "r", "short", 16, 2) == dict.fromkeys(FIGURES)
    result = load_result(tmp_path / "r")
    assert result.dataset.name == "short: naps"
    assert [(choice.labels, choice.taken) for choice in result.study.choices] == [({"case": "short"}, {"threads": 1})]
    assert any("ended with status" in note and "batch 16, 2 ranks" in note for note in result.repeats[0].notes)
    assert {gate.name: gate.value for gate in result.repeats[0].gates} == {
        "losses that are not finite": 0.0,
        "largest difference of a parameter between ranks": 0.0,
        "relative difference of the first losses from the baseline": pytest.approx(0.0, abs=1e-6),
    }
    last = done.stdout.splitlines()[-1]
    assert last == "parallel efficiency at 2 ranks (strong scaling): short not measured"
    assert "short, batch 8, 2 ranks" in done.stdout
    page = (tmp_path / "r/report.html").read_text()
    assert "A. short" in page
    assert "levinthal scale ladder" in page
    assert levinthal("check", "r").returncode == 0, levinthal("check", "r").stdout
    assert not [line for line in ps() if "scaling_rank" in line and str(tmp_path) in line]


def ps() -> list[str]:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_dry_run_prints_lines_that_work_unchanged(tmp_path: Path, levinthal) -> None:
    printed = levinthal(
        "scale", "ladder", "--world-sizes", "2,1", "--batch-sizes", "long=4", "--batch-sizes", "short=6", "--repeats",
        "2", "--seconds", "0.1", "--dry-run", "--out", "r",
    ).stdout.splitlines()  # fmt: skip
    assert len(printed) == 8
    assert not (tmp_path / "r").exists()
    (line,) = (each for each in printed if "000-long-batch4-ranks1.json" in each)
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, env=probe_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r/points/000-long-batch4-ranks1.json").exists()


def test_nodes_are_srun_s(tmp_path: Path) -> None:
    """Two launchers meet at the node that Slurm names; a script stands in for srun, this machine for both nodes."""
    (tmp_path / "srun").write_text(
        "#!/bin/sh\n"
        'while [ "${1#--}" != "$1" ]; do shift; done\n'
        'export SLURM_NODEID=0; "$@" & first=$!\n'
        'export SLURM_NODEID=1; "$@"; wait $first\n'
    )
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho localhost\necho another\n")
    (tmp_path / "who.py").write_text(
        "import os\n"
        "who = ' '.join(os.environ[k] for k in ('RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE'))\n"
        "os.write(1, f'{who}\\n'.encode())\n"
    )
    for script in ("srun", "scontrol"):
        (tmp_path / script).chmod(0o755)
    line = shell_line(torchrun_command(2, "who", [], n_nodes=2))
    environment = {
        **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path),
        "SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "node[1-2]",
    }  # fmt: skip
    done = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")[:-1]) == ["0 2 1", "1 2 1"]
    with pytest.raises(UsageError, match="evenly"):
        torchrun_command(3, "who", [], n_nodes=2)
    assert shlex.split(line)[:4] == ["srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1"]


def test_mistakes_are_one_line(levinthal, tmp_path: Path) -> None:
    refused = levinthal("scale", "probe", "--world-sizes", "1,2", "--out", "r")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "cannot be spread over ranks" in refused.stderr
    assert not (tmp_path / "r").exists()


def test_what_a_study_varies() -> None:
    cvae = load_workload("cvae")

    def planned(**asked: object) -> StudyPlan:
        return plan_study("scaling", cvae, {"world_sizes": "1,2", **asked})

    found = planned(world_sizes="4,1,2,1", batch_sizes="32;22x22=2048,256")
    assert found.axis("ranks").values == (1, 2, 4)
    points = found.points()
    assert [(point["case"], point["batch size"]) for point in points[::3]] == [
        ("22x22", 2048), ("22x22", 256), ("106x106", 32),
    ]  # fmt: skip
    assert found.words(points[0]) == "22x22, batch 2048, 1 rank"
    assert found.stems()[points[1]] == "22x22-batch2048-ranks2"
    assert len(set(found.stems().values())) == len(points) == 9
    weak = planned(world_sizes="4", batch_sizes="8", cases="22x22", mode="weak")
    (point,) = weak.points()
    assert weak.words(point) == "22x22, batch 8 a rank, 4 ranks"
    assert study_of(weak, cvae)._items_of_a_step(point) == 32
    strong = planned(world_sizes="4", batch_sizes="8", cases="22x22")
    assert study_of(strong, cvae)._items_of_a_step(strong.points()[0]) == 8
    for wrong in (
        {"world_sizes": "0"}, {"world_sizes": "1,x"}, {"world_sizes": ""}, {"batch_sizes": "33x33=4"},
        {"batch_sizes": "22x22="}, {"cases": "33x33"}, {"mode": "sideways"}, {"nodes": 0}, {"seconds": 0.0},
        {"world_sizes": "1,3", "nodes": 2},
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"^[^\n]+$"):
            planned(**wrong)
    # what is asked for again is the same study
    again = study_of(StudyPlan.model_validate_json(found.model_dump_json()), cvae).plan()
    assert (again.axes, again.parts) == (found.axes, found.parts)


def test_conformance_looks_at_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cvae", "rgn"):
        assert list(_broken_by_scaling(load_workload(name))) == []
    cvae = load_workload("cvae")
    monkeypatch.setattr(type(cvae), "scaling_cases", {"a": ScalingCase({"filters": 0}, (4,)), "b": ScalingCase({}, ())})
    first, second = _broken_by_scaling(cvae)
    assert "case a, batch 4: setting filters" in first
    assert "case b has none" in second


@pytest.mark.slow
def test_the_cvae_scales(levinthal, tmp_path: Path) -> None:
    done = levinthal(
        "scale", "cvae", "--world-sizes", "1,2", "--cases", "22x22", "--batch-sizes", "17", "--size", "smoke",
        "--seconds", "0.2", "--precision", "fp32", "--out", "r",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = medians(tmp_path / "r", "22x22", 17, 2)
    assert 0 < figures["parallel efficiency"] <= 3
    assert figures["share of data loading"] < 0.5
    (repeat,) = load_result(tmp_path / "r").repeats
    assert repeat.dataset is not None
    assert repeat.dataset.synthetic
    gates = {gate.name: gate.value for gate in repeat.gates}
    assert gates["relative difference of the first losses from the baseline"] < 5e-3
    assert gates["largest difference of a parameter between ranks"] == 0.0
