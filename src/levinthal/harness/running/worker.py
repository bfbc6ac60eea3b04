"""The process of one repeat, which the harness starts under guard with the arguments FOLDER, INDEX and DESCRIPTOR.

Whatever the workload prints goes to `log.txt` in the repeat's folder. What must reach the user even when the disk is
full is written to the pipe DESCRIPTOR.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path

from levinthal.errors import DataError, LevinthalError, MissingExtraError, ResultError, UsageError, to_line
from levinthal.files.reading import refused
from levinthal.files.writing import write_failure, write_whole
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.run import Run
from levinthal.harness.results.events import EVENTS_FILE, EventLog
from levinthal.harness.results.plan import PLAN_FILE, read_plan, repeat_folder
from levinthal.harness.results.store import REPEAT_FILE
from levinthal.harness.running.profiling import TRACE_FILE, Profile
from levinthal.harness.study.engine import run_study
from levinthal.harness.study.kind import Bench, Terms
from levinthal.harness.study.registry import study_of

_TRACE = "Chrome trace of the phases and of the operators within them: open it in ui.perfetto.dev or chrome://tracing."
LOADING = "load"
"""The phase in which the workload is imported and its settings are read; it leaves nothing."""


def main(folder: Path, index: int) -> None:
    """Execute one repeat and write its record.

    Raises
    ------
    LevinthalError
        A mistake of the user's, or a full disk: it stops the whole run and leaves no record of this repeat.
    """
    plan = read_plan(folder)
    own = repeat_folder(folder, index)
    events = EventLog(folder / EVENTS_FILE)
    run = Run(
        folder=own,
        events=events,
        index=index,
        seed=plan.seeds[index],
        device=plan.device,
        precision=plan.precision,
        engine=plan.engine,
    )
    mistake: LevinthalError | None = None
    failure: str | None = None
    events.append("repeat_start", repeat=index, seed=run.seed)
    profile = _profiled(run) if plan.profile else None
    try:
        with run.phase(LOADING, doing="the workload and its libraries"):
            workload = load_workload(plan.workload)
            with refused(ResultError, folder / PLAN_FILE, "holds other settings than this Levinthal's", "run again"):
                settings = workload.Settings.model_validate(plan.settings)
        if plan.study is None:
            workload.run(run, settings)
        else:
            device = run.device.partition(":")[0]
            terms = Terms(plan.size, settings, folder, seed=run.seed, device=device, precision=run.precision)
            run_study(study_of(plan.study, workload), Bench(run, plan.study, terms))
    except (UsageError, DataError, MissingExtraError, ResultError) as error:
        mistake = error
    except LevinthalError as error:
        failure = str(error)
    except Exception as error:  # whatever a workload raises is its repeat's failure, never the harness's
        mistake = write_failure(error, own)
        with contextlib.suppress(OSError):  # the log is on the disk
            traceback.print_exc()
        failure = f"{type(error).__name__}: {error} (the traceback is in {own / 'log.txt'})"
    finally:
        run.close()
    if mistake is not None:
        raise mistake
    if profile is not None:
        _keep_trace(run, profile)
    record = run.record(failure)
    write_whole(own / REPEAT_FILE, record.model_dump_json(indent=1) + "\n")
    events.append("repeat_stop", repeat=index, verdict=record.verdict, duration_s=record.duration_s, error=record.error)
    events.close()


def _profiled(run: Run) -> Profile:
    profile = Profile(run.device)
    run.around_phase = profile.around
    run.warn("This run was profiled: it is slower, and needs more memory, than one without --profile.")
    return profile


def _keep_trace(run: Run, profile: Profile) -> None:
    """Leave the trace among the artifacts; a profiler that fails costs nothing that was measured."""
    try:
        run.artifact(TRACE_FILE, profile.trace(run.record().phases, run.origin_s), _TRACE)
    except (UsageError, ResultError):
        raise
    except Exception as error:
        run.warn(f"The profile is missing, all else stands: {type(error).__name__}: {error}.")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pipe = int(sys.argv[3])
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except Exception as error:
        known = error if isinstance(error, LevinthalError) else write_failure(error, sys.argv[1])
        if known is None:
            raise
        os.write(pipe, to_line(known).encode())
        sys.exit(2)
