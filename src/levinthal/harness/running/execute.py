"""Runs: each repeat in a fresh process, everything on record as it happens, and one result at the end."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from levinthal.errors import Interrupted, LevinthalError, ResultError, UsageError
from levinthal.harness.contract.device import resolve_device
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import division_of, make_settings
from levinthal.harness.engines.open import parse_engine
from levinthal.harness.results.events import EVENTS_FILE, EventLog, read_events
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.mllog import export_mlperf_log
from levinthal.harness.results.plan import (
    PLAN_FILE,
    Plan,
    claim,
    default_folder,
    make_run_folder,
    read_plan,
    write_plan,
)
from levinthal.harness.results.result import Dataset, Repeat, Result, WorkloadId
from levinthal.harness.results.store import RESULT_FILE, load_result, read_repeat, write_result
from levinthal.harness.results.summary import summarise
from levinthal.harness.running.foreign import check_engine, check_links, remember_engine
from levinthal.harness.running.repeat import anything_kept, finished_repeats, run_repeat, utc_now
from levinthal.harness.running.watching import SilentWatcher, Watcher
from levinthal.metrics.machine import describe_machine
from levinthal.metrics.software import software

PRECISIONS = ("auto", "fp32", "bf16")
MLPERF_LOG = "mlperf.log"


def start_run(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    size: str = "tiny",
    repeats: int = 1,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    engine: str = "local",
    study: StudyPlan | None = None,
    profile: bool = False,
    out: Path | None = None,
    watcher: Watcher | None = None,
) -> Result:
    """Run a workload and return its result, which is also in `out/result.json`.

    Parameters
    ----------
    name : str
        The workload.
    settings : mapping, optional
        Values that override the preset of `size`.
    size : {"tiny", "small", "paper"}
        The preset.
    repeats : int
        How many times, each in a fresh process; repeat `i` has the seed `seed + i`.
    seed : int
        The seed of the first repeat.
    device, precision, engine : str
        See `Run`.
    study : StudyPlan, optional
        Measure the points of a study instead of running the workload; see `levinthal.harness.study.plan_study`.
    profile : bool
        Leave a trace of operators and phases beside each repeat; see `levinthal.harness.running.profiling`.
    out : Path, optional
        The run folder; `results/<workload>-<UTC time>` by default.
    watcher : Watcher, optional
        What shows the progress.

    Raises
    ------
    UsageError
        Something that was asked for does not exist; nothing is left behind.
    ResultError
        The run folder cannot be written to.
    Interrupted
        By Ctrl-C or SIGTERM; complete the run with `resume_run`.
    """
    workload = load_workload(name)
    chosen = make_settings(workload.Settings, size, settings)
    _check(repeats, seed, device, precision)
    engine = str(parse_engine(engine))
    remember_engine(engine)
    folder = (out or default_folder(name)).absolute()
    made = not folder.exists()
    make_run_folder(folder)
    plan = Plan(
        workload=name,
        version=workload.version,
        size=size,
        division=division_of(chosen, size),
        settings=chosen.model_dump(mode="json"),
        seeds=tuple(range(seed, seed + repeats)),
        device=device,
        precision=precision,
        engine=engine,
        created_utc=utc_now(),
        study=study,
        profile=profile,
        machine=describe_machine(),
        software=software(),
    )
    with claim(folder) as lock:
        make_run_folder(folder)  # nobody has begun a run here meanwhile
        with _cleared_where_nothing_was_done(plan, folder, made):
            write_plan(plan, folder)
            return _execute(plan, folder, watcher, lock)


@contextlib.contextmanager
def _cleared_where_nothing_was_done(plan: Plan, folder: Path, made: bool) -> Iterator[None]:
    """Leave the user's --out free for the next try after a mistake before anything was computed."""
    try:
        yield
    except LevinthalError as error:
        if not (folder / PLAN_FILE).exists():  # a full disk: there is nothing yet that could be gone on with
            _clear(folder, made)
        elif not isinstance(error, ResultError):
            if anything_kept(plan, folder):
                error.whole = f"{error}; what was done before is kept, levinthal resume {folder} goes on"
                error.args = (error.whole,)
            else:
                _clear(folder, made)
        raise


def _check(repeats: int, seed: int, device: str, precision: str) -> None:
    if repeats < 1:
        raise UsageError(f"repeats must be at least 1, not {repeats}")
    if seed < 0:
        raise UsageError(f"seed must not be negative, it is {seed}")
    if precision not in PRECISIONS:
        raise UsageError(f"precision {precision!r} is unknown: choose one of {', '.join(PRECISIONS)}")
    _check_device(device)


def _check_device(device: str) -> None:
    """Refuse a device that is not here before anything is computed; what `auto` means, a repeat finds out."""
    if device != "auto":
        resolve_device(device)


def resume_run(folder: Path, watcher: Watcher | None = None, *, engine: str | None = None) -> Result:
    """Complete the repeats that a run lacks; a run that is complete is returned as it is.

    Parameters
    ----------
    folder : Path
        Of the run; it may come from elsewhere.
    watcher : Watcher, optional
        What shows the progress.
    engine : str, optional
        Where what is left runs, in place of where the run was begun. It has to be given where that is a program which
        this user has not used yet.

    Raises
    ------
    ResultError
        Not a run folder, one that is still running, begun by another version or on another machine, or one that would
        run a program or write elsewhere.
    """
    folder = folder.absolute()
    plan = read_plan(folder)
    check_links(folder)
    with claim(folder) as lock:
        if (folder / RESULT_FILE).exists():
            return load_result(folder)
        version = load_workload(plan.workload).version
        if version != plan.version:
            raise ResultError(
                f"{folder} was begun with {plan.workload} version {plan.version}, installed is {version}: run it again"
            )
        if engine is None:
            check_engine(plan.engine, folder)
        else:
            plan = plan.model_copy(update={"engine": str(parse_engine(engine))})
            remember_engine(plan.engine)
            write_plan(plan, folder)
        then, now = plan.machine.cpu, describe_machine().cpu
        for key in ("model", "cores", "threads"):
            if (begun := getattr(then, key)) != (here := getattr(now, key)):
                raise ResultError(
                    f"{folder} was begun on another machine (its cpu {key} is {begun}, here it is {here}): "
                    "resume it there, or run it again here"
                )
        _check_device(plan.device)
        return _execute(plan, folder, watcher, lock, resumed=True)


def _execute(plan: Plan, folder: Path, watcher: Watcher | None, lock: int, *, resumed: bool = False) -> Result:
    events = EventLog(folder / EVENTS_FILE)
    if resumed:
        events.append("run_resumed")
        _complete_journal(plan, folder, events)
    else:
        events.append(
            "run_start",
            workload=plan.workload,
            version=plan.version,
            size=plan.size,
            division=plan.division,
            settings=dict(plan.settings),
            seeds=list(plan.seeds),
            repeats=len(plan.seeds),
            machine=plan.machine.model_dump(mode="json"),
        )
    watcher = watcher or SilentWatcher()
    watcher.run_started(plan, folder)
    try:
        with _stoppable():
            for index in range(len(plan.seeds)):
                if index not in finished_repeats(plan, folder):
                    run_repeat(plan, folder, index, events, watcher, lock)
    except KeyboardInterrupt:
        events.append("run_interrupted")
        raise Interrupted(folder, len(finished_repeats(plan, folder)), len(plan.seeds)) from None
    finally:
        watcher.close()
    result = _assemble(plan, [read_repeat(path, plan.workload) for path in finished_repeats(plan, folder).values()])
    events.append("run_stop", verdict=result.verdict, status="success" if result.verdict == "passed" else "aborted")
    events.close()
    timed = (event for event in read_events(folder / EVENTS_FILE) if "time_s" in event)
    export_mlperf_log(timed, folder / MLPERF_LOG)
    write_result(result, folder / RESULT_FILE)
    watcher.run_stopped(result, folder)
    return result


def _complete_journal(plan: Plan, folder: Path, events: EventLog) -> None:
    """Add the end of a repeat whose record was written, but whose last event was not, before a kill."""
    reported = {event.get("repeat") for event in read_events(events.path) if event["event"] == "repeat_stop"}
    for index, path in finished_repeats(plan, folder).items():
        if index not in reported:
            record = read_repeat(path, plan.workload)
            ending = record.model_dump(include={"verdict", "duration_s", "error"})
            events.append("repeat_stop", repeat=index, **ending)


def _assemble(plan: Plan, repeats: list[Repeat]) -> Result:
    datasets = [repeat.dataset for repeat in repeats if repeat.dataset is not None]
    return Result(
        workload=WorkloadId(name=plan.workload, version=plan.version),
        dataset=datasets[0] if datasets else Dataset(name="none", version="0", sha256=None, synthetic=True),
        size=plan.size,
        division=plan.division,
        settings=plan.settings,
        study=next((repeat.study for repeat in repeats if repeat.study is not None), plan.study),
        machine=plan.machine,
        software=plan.software,
        repeats=tuple(repeats),
        summary=summarise(repeats),
        verdict="passed" if all(repeat.verdict == "passed" for repeat in repeats) else "failed",
    )


def _clear(folder: Path, made: bool) -> None:
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    if made:
        folder.rmdir()


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM stop a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
