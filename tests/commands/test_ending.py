"""Whatever ends a command is one line and the status that is documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from levinthal.cli import main
from levinthal.commands.ending import INTERNAL_ERROR, MISTAKE, end
from levinthal.errors import DataError, LevinthalError, SimulationError, WriteError, from_line, to_line
from probes import probe_environment


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "levinthal"


def test_what_nobody_foresaw_has_a_status_of_its_own_and_a_log(levinthal, tmp_path, state):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import levinthal.commands.listing as it\n"
        "def settings(name):\n    raise KeyError('nobody\\nforesaw')\n"
        "it.settings = settings\n"
    )
    environment = probe_environment()
    environment["PYTHONPATH"] = f"{broken}{os.pathsep}{environment['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "levinthal", "settings", "cvae"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == INTERNAL_ERROR == 70
    (line,) = done.stderr.splitlines()
    assert line.startswith("levinthal: internal error (KeyError:")
    (log,) = state.iterdir()
    assert str(log) in line
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_long_message_is_cut_and_the_whole_is_logged(capsys, state):
    text = f"{'no such file: ' * 500}: choose another"
    assert end(DataError(text)) == MISTAKE
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 1300
    assert "choose another" in line
    (log,) = state.iterdir()
    assert " ".join(text.split()) in log.read_text()


def test_what_a_terminal_would_obey_is_shown(capsys):
    assert str(DataError("a\x1b[31m\udcff\x00b\nc")) == "a\\x1b[31m\\udcff\\x00b c"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), MISTAKE),
        (OSError(36, "File name too long", "n" * 300), MISTAKE),
        (OSError(28, "No space left on device"), MISTAKE),
        (RecursionError("too deep"), INTERNAL_ERROR),
        (ValueError(""), INTERNAL_ERROR),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_status_says_whose_fault_it_is(capsys, error, status):
    assert end(error) == status
    assert len(capsys.readouterr().err.splitlines()) == (status != 130)


def test_a_full_standard_output_is_one_line(tmp_path):
    call = [sys.executable, "-m", "levinthal", "settings", "cvae"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == MISTAKE
        (line,) = done.stderr.splitlines()
        assert "No space left" in line
        # and where nothing at all can be said
        assert subprocess.run(call, stdout=full, stderr=full, check=False).returncode == MISTAKE


@pytest.mark.parametrize("error", [DataError("a"), WriteError("b" * 5000), SimulationError("c"), LevinthalError("d")])
def test_an_error_goes_through_a_pipe(error):
    again = from_line(to_line(error))
    assert again is not None
    assert again.whole == error.whole
    assert isinstance(again, type(error))
    for other in ("", "{}", "[1]", "text", json.dumps({"levinthal_error": 3}), "[" * 100_000):
        assert from_line(other) is None


def test_names_that_no_file_can_have_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() sets its own
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    for path in ("n" * 300, loop, loop / "a", "n/" * 3000, "\udcff", "", "/dev/zero/x"):
        for command in (
            ["check", path], ["report", path], ["resume", path], ["compare", path, path],
            ["run", "cvae", "--config", path], ["run", "cvae", "--out", path if str(path) else "/proc/x", "--seed=-1"],
        ):  # fmt: skip
            monkeypatch.setattr(sys, "argv", ["levinthal", *map(str, command)])
            with pytest.raises(SystemExit) as ended:
                main()
            told = capsys.readouterr().err
            assert ended.value.code == MISTAKE, (command, told)
            assert "internal error" not in told
            assert len(told.splitlines()) == 1
