"""Kinds of studies: one from outside the package that is run, killed, resumed and reported; one in a single file."""

from __future__ import annotations

import ast
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import levinthal.harness.study.kinds as kinds
from import_graph import SOURCE, tree
from levinthal.errors import UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.harness.study.registry import STUDIES, plan_study
from probes import probe_environment

PLUGIN = Path(__file__).parents[2] / "plugin"
SEVEN = "study naps probe --option lengths=1,2,4 --option doomed=4 --repeats 2"


def test_a_kind_from_outside_survives_a_kill_and_is_reported(tmp_path: Path, levinthal) -> None:
    """The points that were measured before the kill stay as they are; one that fails costs no other."""
    study = subprocess.Popen(
        [sys.executable, "-m", "levinthal", *SEVEN.split(), "--out", "r"],
        cwd=tmp_path,
        env=probe_environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    first = tmp_path / "r/points/001-light-length1.0-nap1.json"
    deadline_s = time.monotonic() + 100
    while not first.exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    study.send_signal(signal.SIGKILL)
    study.wait()
    assert not (tmp_path / "r/result.json").exists()
    kept = first.stat().st_mtime_ns
    done = levinthal("resume", "r")
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == kept
    # a choice is made once for all points and repeats, whatever was killed
    assert (tmp_path / "r/pillows").read_text().split() == ["light", "deep"]
    result = load_result(tmp_path / "r")
    assert result.study is not None
    assert [(choice.labels, choice.taken) for choice in result.study.choices] == [
        ({"depth": "light"}, {"pillow": "light down"}),
        ({"depth": "deep"}, {"pillow": "deep down"}),
    ]
    # the median of two naps, of 1.1 and 1.2 times the length
    assert result.summary["sleep", {"depth": "deep", "length": 2.0}].median == pytest.approx(4.6)
    assert result.summary["deepness", {"depth": "deep", "length": 2.0}].median == pytest.approx(2.0)
    assert result.summary["deepness", {"depth": "light", "length": 1.0}].median == pytest.approx(1.0)
    doomed = result.summary["sleep", {"depth": "light", "length": 4.0}]
    assert doomed.median is None
    assert "nobody sleeps 4.0 s" in str(doomed.reason)
    assert any("light, length 4.0 s, nap 1: nobody sleeps" in note for note in result.repeats[0].notes)
    assert any("pillow deep down, chosen once" in note for note in result.repeats[1].notes)
    page = (tmp_path / "r/report.html").read_text()
    words = ("naps study", "sleep</strong> in s", "deep goes from", "levinthal study naps probe", "nobody sleeps 4.0 s")
    for each in words:
        assert each in page
    assert "levinthal study naps probe --size tiny --option lengths=1,2,4 --option doomed=4 --repeats 2" in page
    lines = done.stdout.splitlines()
    assert any(line.split()[:4] == ["deep,", "length", "2.0", "s"] for line in lines)
    for command in (("check", "r"), ("compare", "r", "r")):
        again = levinthal(*command)
        assert again.returncode == 0, again.stdout + again.stderr


def test_a_dry_run_names_the_points_and_leaves_nothing(tmp_path: Path, levinthal) -> None:
    done = levinthal(*SEVEN.split(), "--dry-run", "--out", "r")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 * 2 * 3 * 2
    assert done.stdout.splitlines()[0] == "light, length 1.0 s, nap 1"
    assert not (tmp_path / "r").exists()


def test_mistakes_are_one_line(levinthal) -> None:
    for command, said in (
        ("study nap probe", "did you mean naps?"),
        ("study naps probe --option length=1", "did you mean lengths?"),
        ("study naps probe --option lengths=long", "lengths"),
        ("study naps proper", "workload 'proper' is unknown"),
    ):
        refused = levinthal(*command.split())
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert said in refused.stderr


def test_a_built_in_kind_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file put beside the built-in kinds is found, planned and measured by; nothing else is told of it."""
    text = (PLUGIN / "levinthal_probe_study.py").read_text()
    (tmp_path / "day_dreams.py").write_text(f"{text}\nSTUDY = NapStudy\n")
    (tmp_path / "_helper.py").write_text("")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    monkeypatch.setattr(kinds.__spec__, "submodule_search_locations", kinds.__path__)
    assert "day-dreams" in STUDIES.built_in()
    plan = plan_study("day-dreams", load_workload("cvae"), {"lengths": "3"})
    assert (plan.kind, plan.command) == ("day-dreams", ("study", "day-dreams"))
    assert len(plan.points()) == 4
    sys.modules.pop("levinthal.harness.study.kinds.day_dreams")


@pytest.mark.parametrize("name", STUDIES.built_in())
def test_nothing_else_names_a_built_in_kind(name: str) -> None:
    """But for the commands that ask for it, and what reads files of the first version, which knew no other."""
    own = SOURCE / "harness" / "study" / "kinds" / f"{name.replace('-', '_')}.py"
    known = {own, *(SOURCE / "commands").glob("*.py"), SOURCE / "harness" / "results" / "schema1.py"}
    naming = {
        path
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value == name
    }
    assert naming <= known
    assert own in naming


def test_a_thing_that_is_not_a_study_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PLUGIN / "levinthal_probes-1.0.dist-info", tmp_path / "odd-1.0.dist-info")
    (tmp_path / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").write_text("[levinthal.studies]\nodd = pathlib:Path\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="does not keep the contract: it is not a levinthal"):
        STUDIES.load("odd")
