"""A repeat under torch's profiler: its operators and its phases in one trace, for chrome://tracing or ui.perfetto.dev.

Operators, and kernels on a GPU, are those of the repeat's own process. Phases that workers report lie on lanes of their
own, without operators.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from levinthal.harness.results.result import Phase

TRACE_FILE = "trace.json.gz"

_MAIN = "main"
_PROCESS = "Levinthal"


class Profile:
    """A profile that runs from when it is made.

    Parameters
    ----------
    device : str
        Kernels are recorded on `cuda`.
    """

    def __init__(self, device: str) -> None:
        from torch.profiler import ProfilerActivity, profile, record_function

        on_gpu = (ProfilerActivity.CUDA,) if device.startswith("cuda") else ()
        self._record = record_function
        self._profile = profile(activities=[ProfilerActivity.CPU, *on_gpu])
        self._profile.start()
        self._unix_s = time.time() - time.perf_counter()

    def around(self, phase: str) -> AbstractContextManager[Any]:
        """Return a context whose operators are those of a phase."""
        return self._record(phase)

    def trace(self, phases: Iterable[Phase], origin_s: float) -> bytes:
        """End the profile and return the trace, compressed.

        Parameters
        ----------
        phases : iterable of Phase
        origin_s : float
            When the repeat began, on the clock of `time.perf_counter`.
        """
        self._profile.stop()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trace.json"
            self._profile.export_chrome_trace(str(file))
            document = json.loads(file.read_text(encoding="utf-8"))
        base_us = document.get("baseTimeNanoseconds", 0) / 1e3
        document["traceEvents"] += list(_lanes(phases, 1e6 * (origin_s + self._unix_s) - base_us))
        return gzip.compress(json.dumps(document).encode(), compresslevel=6, mtime=0)


def _lanes(phases: Iterable[Phase], origin_us: float) -> Iterable[dict[str, Any]]:
    """Yield the phases as events, those of the main lane first."""
    numbers: dict[str, int] = {_MAIN: 0}
    for phase in phases:
        row = numbers.setdefault(phase.lane, len(numbers))
        counted = {} if phase.items is None else {"items": phase.items}
        yield {
            "ph": "X", "cat": "phase", "name": phase.name, "pid": _PROCESS, "tid": row,
            "ts": origin_us + 1e6 * phase.start_s, "dur": 1e6 * phase.duration_s, "args": counted,
        }  # fmt: skip
    for lane, number in numbers.items():
        yield {"ph": "M", "name": "thread_name", "pid": _PROCESS, "tid": number, "args": {"name": lane}}
