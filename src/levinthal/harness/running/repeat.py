"""One repeat: its process is started, watched and ended, and its record written where it could not."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from levinthal.errors import ResultError, from_line
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.engines.processes import END, child_environment, guarded_command, lifeline
from levinthal.harness.results.events import EVENTS_FILE, EventLog, EventTail, read_events
from levinthal.harness.results.plan import KEPT_FOLDER, Plan, repeat_folder
from levinthal.harness.results.result import Phase, Repeat
from levinthal.harness.results.store import REPEAT_FILE
from levinthal.harness.running.watching import Watcher
from levinthal.harness.running.worker import LOADING

_POLL_S = 0.05
_GRACE_S = 3.0


_PROGRAM = "levinthal.harness.running.worker"


def run_repeat(plan: Plan, folder: Path, index: int, events: EventLog, watcher: Watcher, lock: int) -> None:
    """Execute a repeat in a fresh process and wait for it; it leaves a record, whatever happens to it.

    Parameters
    ----------
    plan : Plan
    folder : Path
        The run's.
    index : int
        Which repeat.
    events : EventLog
        The journal, which the repeat appends to as well.
    watcher : Watcher
        What shows the progress.
    lock : int
        Descriptor of the claim on the folder; the repeat holds it too, so that nobody goes on with the run before
        everything that may write is gone.

    Raises
    ------
    LevinthalError
        A mistake of the user's that the repeat found.
    WriteError
        The folder cannot be written to: nothing is lost, the repeat is made again by `levinthal resume`.
    """
    own = repeat_folder(folder, index)
    with as_write_error(own, fix="free the space, then levinthal resume"):
        _clear_repeat(own)
        log = (own / "log.txt").open("wb")
    tail = EventTail(events.path)
    read_end, write_end = os.pipe()
    with log, os.fdopen(read_end, "rb") as pipe:
        child = subprocess.Popen(
            guarded_command(_PROGRAM, [str(folder), str(index), str(write_end)], lifeline()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end, lock, lifeline()),
            env=child_environment(),
            start_new_session=True,
        )
        os.close(write_end)
        try:
            while child.poll() is None:
                _report_events(tail, watcher)
                watcher.waited()
                time.sleep(_POLL_S)
        finally:
            _stop(child)
        _report_events(tail, watcher)
        message = pipe.read()
    if error := from_line(message.decode()):
        raise error
    if not (own / REPEAT_FILE).exists():
        _record_crash(plan, folder, index, child.returncode, events)
        _report_events(tail, watcher)


def _clear_repeat(own: Path) -> None:
    """Make the folder of a repeat; of one that a kill left, only what the workload kept to go on from stays."""
    own.mkdir(exist_ok=True)
    for child in own.iterdir():  # no half-made file may look like this try's
        if child.name != KEPT_FOLDER:
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()


def _report_events(tail: EventTail, watcher: Watcher) -> None:
    for event in tail.poll():
        watcher.event(event)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a repeat's process and all that it started: by itself, else by its guard, else by what remains."""
    for sign, patience_s in ((signal.SIGTERM, _GRACE_S), (END, _GRACE_S), (signal.SIGKILL, None)):
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(patience_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # workers that outlived it


def _record_crash(plan: Plan, folder: Path, index: int, status: int, events: EventLog) -> None:
    """Write the record of a repeat whose process died without one."""
    own = repeat_folder(folder, index)
    if status < 0:
        name = signal.Signals(-status).name
        hint = ": out of memory?" if -status == signal.SIGKILL else ""
        error = f"its process was killed by {name}{hint}"
    else:
        error = f"its process ended with status {status}: see {own / 'log.txt'}"
    started_utc, phases = _recover(folder, index)
    record = Repeat(
        index=index, seed=plan.seeds[index], started_utc=started_utc, phases=phases, error=error, verdict="failed"
    )
    write_whole(own / REPEAT_FILE, record.model_dump_json(indent=1) + "\n")
    events.append("repeat_stop", repeat=index, verdict="failed", duration_s=None, error=error)


def _recover(folder: Path, index: int) -> tuple[str, tuple[Phase, ...]]:
    """Return when the last try of a repeat began and the phases it finished, from the journal."""
    started_utc = utc_now()
    phases: list[Phase] = []
    for event in read_events(folder / EVENTS_FILE):
        if event.get("repeat") != index:
            continue
        if event["event"] == "repeat_start" and "time_s" in event:
            started_utc = datetime.fromtimestamp(event["time_s"], UTC).isoformat(timespec="milliseconds")
            phases = []
        elif event["event"] == "phase_stop":
            fields = {key: event.get(key) for key in Phase.model_fields if key != "name"}
            with contextlib.suppress(ValidationError):  # somebody edited the journal
                phases.append(Phase(name=event.get("phase"), **fields))
    return started_utc, tuple(phases)


def finished_repeats(plan: Plan, folder: Path) -> dict[int, Path]:
    """Return the records that there are, by the repeats' numbers."""
    paths = {index: repeat_folder(folder, index) / REPEAT_FILE for index in range(len(plan.seeds))}
    return {index: path for index, path in paths.items() if path.exists()}


def anything_kept(plan: Plan, folder: Path) -> bool:
    """Return whether a run did what a next try would have to do again: a phase, a point, a state to go on from.

    What is not known to be nothing is something.
    """
    try:
        if finished_repeats(plan, folder) or any((folder / "points").glob("*.json")):
            return True
        if any(any(kept.iterdir()) for kept in (folder / "repeats").glob(f"*/{KEPT_FOLDER}")):
            return True
        return any(
            event["event"] == "phase_stop" and not event.get("failed") and event.get("phase") != LOADING
            for event in read_events(folder / EVENTS_FILE)
        )
    except (OSError, ResultError):
        return True


def utc_now() -> str:
    """Return the time, as it stands in records."""
    return datetime.now(UTC).isoformat(timespec="seconds")
