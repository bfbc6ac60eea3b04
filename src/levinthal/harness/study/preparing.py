"""What a workload loads for a study, outside any repeat: a run to say things to, which are left as a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from levinthal.files.writing import write_whole
from levinthal.harness.contract.run import Run
from levinthal.harness.contract.trains import PREPARED, Prepared
from levinthal.harness.results.events import EVENTS_FILE, EventLog


@contextmanager
def preparing(folder: Path, *, seed: int, device: str, precision: str) -> Iterator[Run]:
    """Yield a run; what it was told of the data stands in `PREPARED` where the block ended well.

    Parameters
    ----------
    folder : Path
        Of the run; it is there.
    seed, device, precision
        As for `Run`.
    """
    events = EventLog(folder / EVENTS_FILE)
    run = Run(folder=folder, events=events, seed=seed, device=device, precision=precision)
    try:
        yield run
    finally:
        run.close()
        events.close()
    told = run.record()
    prepared = Prepared(dataset=told.dataset, warnings=told.warnings, notes=told.notes)
    write_whole(folder / PREPARED, prepared.model_dump_json(indent=1) + "\n")
