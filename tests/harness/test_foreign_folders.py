"""A run folder from elsewhere: `resume` runs no program of it, and writes and clears nothing outside of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from levinthal.errors import ResultError
from levinthal.harness.results.store import load_result
from levinthal.harness.running.execute import resume_run
from levinthal.harness.running.foreign import check_links
from probes import probe_environment

ENGINE = """
import pathlib
from concurrent.futures import ProcessPoolExecutor
pathlib.Path({marker!r}).touch()
n_workers = 1
def make_executor():
    return ProcessPoolExecutor(1)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Make a run once, for all to copy."""
    folder = tmp_path_factory.mktemp("made")
    call = [sys.executable, "-m", "levinthal", "run", "probe", "--set", "mode=pool", "--out", "r"]
    subprocess.run(call, cwd=folder, env=probe_environment(), check=True, capture_output=True)
    return folder / "r"


@pytest.fixture
def stopped(made, tmp_path, monkeypatch) -> Path:
    """Return a run of which the repeat is to be made again."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(made, tmp_path / "r")
    undo(tmp_path / "r")
    return tmp_path / "r"


def undo(folder: Path) -> None:
    (folder / "result.json").unlink()
    (folder / "repeats/000/repeat.json").unlink()


def edit_plan(folder: Path, **values: object) -> None:
    path = folder / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_program_that_a_plan_names_is_not_run(levinthal, tmp_path, stopped):
    marker, program = tmp_path / "it ran", stopped / "engine.py"
    program.write_text(ENGINE.format(marker=str(marker)))
    edit_plan(stopped, engine=f"executor:{program}")
    done = levinthal("resume", "r")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"levinthal resume {stopped} --engine executor:{program}" in done.stderr
    assert not marker.exists()

    done = levinthal("resume", "r", "--engine", f"executor:{program}")  # named by the user
    assert done.returncode == 0, done.stderr
    assert marker.exists()

    undo(stopped)
    marker.unlink()
    assert levinthal("resume", "r").returncode == 0  # the very file has been used
    assert marker.exists()

    undo(stopped)
    marker.unlink()
    program.write_text(program.read_text() + "\n")
    assert levinthal("resume", "r").returncode == 2
    assert not marker.exists()


def test_where_nothing_is_remembered_the_engine_is_named_again(levinthal, tmp_path, stopped, monkeypatch):
    program = tmp_path / "engine.py"
    program.write_text(ENGINE.format(marker=str(tmp_path / "it ran")))
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file"))
    edit_plan(stopped, engine=f"executor:{program}")
    assert levinthal("resume", "r").returncode == 2
    assert levinthal("resume", "r", "--engine", f"executor:{program}").returncode == 0


def test_modules_in_the_folder_are_not_imported(tmp_path, stopped):
    for name in ("json", "torch", "pydantic", "levinthal_probes", "sitecustomize"):
        (stopped / f"{name}.py").write_text(f"open({str(tmp_path / 'it ran')!r}, 'w'); raise SystemExit(9)\n")
    call = [sys.executable, "-P", "-m", "levinthal", "resume", "."]  # -P: as the installed command
    done = subprocess.run(call, cwd=stopped, env=probe_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "it ran").exists()


LINKS = ("repeats/000", "repeats/000/kept", "mlperf.log", "report.html", "events.jsonl", ".lock")


@pytest.mark.parametrize("name", LINKS)
def test_a_link_that_leads_out_is_refused(tmp_path, stopped, name):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious").write_text("<html>precious")
    link = stopped / name
    shutil.rmtree(link) if link.is_dir() else link.unlink(missing_ok=True)
    link.symlink_to(mine if name.startswith("repeats") else mine / "precious")
    with pytest.raises(ResultError, match="leads out of the run folder"):
        resume_run(stopped)
    assert [path.read_text() for path in mine.iterdir()] == ["<html>precious"]


def test_links_within_the_folder_are_followed(levinthal, tmp_path, stopped):
    (stopped / "repeats").rename(stopped / "on the other disk")
    (stopped / "repeats").symlink_to("on the other disk")
    check_links(stopped)
    assert levinthal("resume", "r").returncode == 0
    assert load_result(stopped).verdict == "passed"
    (stopped / "up").symlink_to("..")
    with pytest.raises(ResultError):
        check_links(stopped)
