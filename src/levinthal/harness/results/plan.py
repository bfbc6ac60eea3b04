"""What a run is to do, written before anything is done, so that a killed run can be completed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from levinthal.errors import ResultError, UsageError
from levinthal.files.reading import refused
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.schema1 import upgrade_plan
from levinthal.harness.results.store import RESULT_FILE, read_json, validated
from levinthal.metrics.description import Machine, Software

PLAN_FILE = "plan.json"
KEPT_FOLDER = "kept"
"""In a repeat's folder: what lies in it survives a kill."""

_LOCK = ".lock"
_PATIENCE_S = 3.0


class Plan(BaseModel):
    """Everything a repeat's process needs to know, and what the machine looked like when the run began."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[2] = 2
    workload: str
    version: int
    size: str
    division: Literal["closed", "open"]
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    device: str
    precision: str
    engine: str
    created_utc: str
    machine: Machine
    software: Software
    study: StudyPlan | None = None
    profile: bool = False


def default_folder(name: str) -> Path:
    """Return `results/NAME-<UTC time>`, with a number behind it where that is taken."""
    stem = f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder = Path("results") / stem
    number = 2
    while folder.exists():
        folder = Path("results") / f"{stem}-{number}"
        number += 1
    return folder


def make_run_folder(folder: Path) -> None:
    """Make the folder of a new run.

    Raises
    ------
    UsageError
        It holds something already: no result is ever overwritten.
    WriteError
        It cannot be made.
    """
    with as_write_error(folder, fix="choose an --out you may write to"):
        if folder.exists() and (not folder.is_dir() or any(not _is_of_no_run(path) for path in folder.iterdir())):
            if (folder / PLAN_FILE).exists() and not (folder / RESULT_FILE).exists():
                fix = f"complete it with levinthal resume {folder}, or choose another --out"
            else:
                fix = "choose another --out; nothing is ever overwritten"
            raise UsageError(f"{folder} exists already: {fix}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "repeats").mkdir(exist_ok=True)


def _is_of_no_run(path: Path) -> bool:
    """Return whether a file of a folder is what a run leaves that was killed before it had a plan."""
    return path.name == _LOCK or (path.name == "repeats" and path.is_dir() and not any(path.iterdir()))


def repeat_folder(folder: Path, index: int) -> Path:
    """Return the folder of one repeat inside a run folder."""
    return folder / "repeats" / f"{index:03d}"


def write_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into a run folder; errors as for `write_whole`."""
    write_whole(folder / PLAN_FILE, plan.model_dump_json(indent=1) + "\n")


def read_plan(folder: Path) -> Plan:
    """Read the plan of a run folder.

    Raises
    ------
    ResultError
        There is none, or it cannot be read.
    """
    with refused(ResultError, folder, "cannot be looked for", "name a run folder"):
        there = (folder / PLAN_FILE).is_file()
    if not there:
        raise ResultError(f"{folder} is not a run folder: it has no {PLAN_FILE}")
    return validated(Plan, read_json(folder / PLAN_FILE), folder / PLAN_FILE, upgrade_plan)


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[int]:
    """Hold a run folder for this process and those that inherit the descriptor; the claim ends with the last of them.

    Raises
    ------
    ResultError
        Another process holds it, and goes on holding it for some seconds (what a kill has left is ended in that time);
        or it cannot be written to.
    """
    with as_write_error(folder):
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        deadline_s = time.monotonic() + _PATIENCE_S
        while not _locked(descriptor):
            if time.monotonic() > deadline_s:
                raise ResultError(f"{folder} is being run by another process: wait for it, or stop it first")
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
