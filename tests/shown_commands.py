"""Command lines of the documentation, held to the real parser, the real settings and what is installed."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer.main
from typer.testing import CliRunner

from documented import ROOT, Line
from levinthal.cli import app
from levinthal.datasets import data_set
from levinthal.harness.contract.plans import StageTimes
from levinthal.harness.contract.registry import WORKLOADS, load_workload
from levinthal.harness.contract.settings import make_settings, parse_assignments
from levinthal.harness.engines.open import parse_engine
from levinthal.harness.running.execute import PRECISIONS

STUDIES = {"study", "scale", "sweep", "infer", "precision", "transfer"}
AT_ONCE = {"settings", "describe", "list", "data list", "new"}
"""Commands that are carried out as they are: they take no time and leave nothing elsewhere."""
OTHERS = {"git", "cd", "ss", "srun", "head", "sbatch", "qsub", ".venv/bin/pre-commit", "reframe"}
"""Programs of others that pages show, which are not run here."""
_STANDS_FOR = {"NAME": "cvae", "WORKLOAD": "cvae", "KIND": "rooflines"}
_PLACEHOLDERS = {"KEY=VALUE", "key=value", "..."}
_PLUG_INS = re.compile(r",(mine|furthest)\b")
"""Policies and searches that a reader is told to write."""
MY_MODEL = "my_model"
"""The workload that a reader is told to write."""
PLUGIN = "diffusion"
"""That of `examples/plugin`, which is installed by a test of its own."""
_COMMAND = typer.main.get_command(app)


def named(words: Sequence[str]) -> tuple[str, Any, list[str]]:
    """Return the name of a command (`data fetch`), itself, and its arguments."""
    command, name, rest = _COMMAND, [], list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        name.append(rest.pop(0))
        command = command.commands[name[-1]]
    return " ".join(name), command, rest


def check_command(line: Line, folder: Path) -> None:
    """Fail where a command line would not be accepted; carry it out where that is quick.

    What stands between backticks in a sentence may lack arguments.
    """
    program, *rest = line.words
    stands_for = {**_STANDS_FOR, "NAME": MY_MODEL} if rest[:1] == ["new"] else _STANDS_FOR
    rest = [stands_for.get(word, _PLUG_INS.sub("", word)) for word in rest]
    if program == "levinthal":
        _check_ours(line, rest, folder)
    elif program == "make":
        targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert targets is not None
        assert rest, line
        assert set(rest) <= set(targets[1].split()), line
    elif program == "pip":
        _check_extras(line, rest)
    elif program == "python" and rest[0] != "-m":
        assert "NAME" in rest[0] or (ROOT / rest[0]).is_file(), line
    elif program != "python":
        assert program in OTHERS, f"{line}: a command that no test knows"
    if "-m" in rest and program in {"python", "srun"}:
        module = rest[len(rest) - rest[::-1].index("-m")]
        assert find_spec(module) is not None, f"{line}: there is no module {module}"


def _check_ours(line: Line, words: list[str], folder: Path) -> None:
    words = words[: words.index("...")] if "..." in words else words
    name, command, rest = named(words)
    assert name or words in ([], ["--help"], ["--version"]), f"{line}: there is no such command"
    left_out = [k for k, word in enumerate(rest) if word in _PLACEHOLDERS]
    rest = [word for k, word in enumerate(rest) if k not in left_out and k + 1 not in left_out]
    if not name or "--help" in rest:
        return
    try:
        given = command.make_context(name, list(rest)).params
    except Exception as error:  # of the parser that typer carries
        cut_short = line.shown.language == "inline" and type(error).__name__ in {"MissingParameter", "BadOptionUsage"}
        if cut_short or (line.shown.language == "inline" and name == "data"):
            return
        raise AssertionError(f"{line}: {getattr(error, 'message', error)}") from error
    if name in STUDIES:
        _check_study(line, name, rest, folder)
    elif name in AT_ONCE and PLUGIN not in rest:
        invoke([*name.split(), *rest], line)
    elif name in _CHECKS:
        _CHECKS[name](given)


def invoke(words: Sequence[str], where: object, statuses: tuple[int, ...] = (0,)) -> str:
    """Carry out a command in this process and return what it printed."""
    done = CliRunner().invoke(app, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise AssertionError(f"{where}: {done.exception}") from done.exception
    assert done.exit_code in statuses, f"{where}: {done.output}"
    return done.output


def _check_study(line: Line, name: str, words: Sequence[str], folder: Path) -> None:
    """Have its points planned, without the run that it goes on from, and look at the lines that it would run."""
    kept, given = [], iter(words)
    for word in given:
        if word in {"--run", "--from", "--out"}:
            next(given)
        else:
            kept.append(word)
    printed = invoke([name, *kept, "--dry-run", "--out", str(folder / "dry")], line).splitlines()
    assert printed, line
    for each in printed:
        found = shlex.split(each)
        if found[:2] == ["levinthal", "run"]:
            _check_run(named(found[1:])[1].make_context("run", found[2:]).params)


def _check_run(given: Mapping[str, Any]) -> None:
    assert given["precision"] in PRECISIONS
    assert re.fullmatch(r"auto|cpu|cuda(:\d+)?", given["device"])
    if "FILE" not in given["engine"]:
        parse_engine(given["engine"])
    assert given["repeats"] > 0
    assignments = parse_assignments(given["assignments"] or [])
    assert given["name"] != "all" or not assignments
    if given["name"] in (MY_MODEL, PLUGIN):
        return
    for each in WORKLOADS.names() if given["name"] == "all" else (given["name"],):
        make_settings(load_workload(each).Settings, given["size"], assignments)


def _check_plan(given: Mapping[str, Any]) -> None:
    make_settings(StageTimes, "tiny", parse_assignments(given["assignments"] or []))
    load_workload(given["name"])
    assert all(int(each) > 0 for key in ("replicas", "gpus") for each in given[key].split(","))


def _check_compare(given: Mapping[str, Any]) -> None:
    assert (given["reference"] is None) != (given["b"] is None)


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "run": _check_run,
    "plan": _check_plan,
    "compare": _check_compare,
    "data fetch": lambda given: data_set(given["name"]),
    "check": lambda given: given["workload"] in {None, MY_MODEL, PLUGIN} or load_workload(given["workload"]),
}


def _check_extras(line: Line, words: Sequence[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert words[0] == "install", line
    for word in words[1:]:
        if found := re.match(r"(\.|levinthal)\[(.+)\]$", word):
            assert set(found[2].split(",")) <= set(extras), f"{line}: there is no extra {found[2]}"


@cache
def option_names() -> frozenset[str]:
    """Return the options of all commands."""
    found, commands = set(), [_COMMAND]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        found.update(option for each in command.params for option in (*each.opts, *each.secondary_opts))
    return frozenset(found)


@cache
def setting_names() -> frozenset[str]:
    """Return the settings of all workloads, and what a plan is fed with."""
    kinds = [StageTimes, *(load_workload(name).Settings for name in WORKLOADS.names())]
    return frozenset(key for kind in kinds for key in (*kind.model_fields, *kind.renamed))


def home_of_its_own(folder: Path) -> dict[str, str]:
    """Return variables with which nothing is read from or written to the user's own folders."""
    names = ("LEVINTHAL_DATA", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    return {name: str(folder / name.lower()) for name in names} | {"COLUMNS": "120", "PATH": os.environ["PATH"]}
