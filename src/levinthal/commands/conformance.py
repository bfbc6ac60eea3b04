"""The rules a workload must keep, checked by really running it, as gymnasium's checker does for environments."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path

from levinthal.errors import LevinthalError, UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import SIZES, Settings, make_settings
from levinthal.harness.contract.trains import Trains
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.result import Result
from levinthal.harness.review.check import broken_by_result
from levinthal.harness.running.execute import start_run

TINY_LIMIT_S = 90.0
"""A workload's `tiny` takes at most this long on two cores."""


def broken_by_workload(name: str) -> list[str]:
    """Return a line for each rule that an installed workload breaks, with the fix.

    Parameters
    ----------
    name : str
        The workload; its size `tiny` is run once in a temporary folder.

    Raises
    ------
    UsageError
        There is no such workload, or it cannot be loaded.
    """
    workload = load_workload(name)
    lines = [*_broken_by_class(workload), *_broken_by_settings(workload.Settings), *_broken_by_scaling(workload)]
    if lines:
        return lines
    with tempfile.TemporaryDirectory(prefix="levinthal-check-") as scratch:
        folder = Path(scratch) / name
        try:
            result = start_run(name, out=folder)
        except LevinthalError as error:
            return [f"tiny runs: {error}: fix what the message names"]
        lines += broken_by_result(folder)
        lines += _broken_by_run(result)
    return lines


def _broken_by_class(workload: Workload) -> Iterator[str]:
    if not (type(workload).__doc__ or "").strip():
        yield "workload is documented: the class has no docstring: its first line is shown by levinthal list"
    parameters = list(inspect.signature(workload.run).parameters)
    if parameters != ["run", "settings"]:
        yield f"run(run, settings): the parameters are {parameters}: name them run and settings"


def _broken_by_settings(kind: type[Settings]) -> Iterator[str]:
    for size in SIZES:
        try:
            settings = make_settings(kind, size)
        except UsageError as error:
            yield f"presets are valid: size {size}: {error}: fix Settings.sizes"
            continue
        if kind.model_validate(settings.model_dump(mode="json")) != settings:
            yield f"settings survive JSON: size {size} changes when saved and read: use plain types"
    try:
        make_settings(kind, "tiny", {"no_such_key_": "1"})
    except UsageError:
        pass
    else:
        yield "unknown keys are refused: Settings takes any key: keep extra='forbid'"
    for name, field in kind.model_fields.items():
        if not field.description:
            yield f"settings are documented: {name} has no description: use Field(description=...)"


def _broken_by_scaling(workload: Workload) -> Iterator[str]:
    if not isinstance(workload, Trains):
        return
    if not workload.scaling_cases:
        yield "scaling has cases: scaling_cases is empty: name at least one problem size"
    for name, case in workload.scaling_cases.items():
        if not case.batch_sizes:
            yield f"scaling cases have batch sizes: case {name} has none: give at least one"
        for batch_size in case.batch_sizes:
            try:
                make_settings(workload.Settings, "tiny", {**case.settings, "batch_size": batch_size})
            except UsageError as error:
                yield f"scaling cases are valid settings: case {name}, batch {batch_size}: {error}: fix scaling_cases"


def _broken_by_run(result: Result) -> Iterator[str]:
    for repeat in result.repeats:
        if repeat.error is not None:
            yield f"tiny runs: {repeat.error}: fix it; levinthal run keeps the log"
        elif repeat.verdict == "failed":
            missed = ", ".join(gate.name for gate in repeat.gates if not gate.passed)
            yield f"tiny passes its gates: missed {missed}: fix the workload or set a gate it can meet"
        if repeat.error is None and not any(metric.kind == "speed" for metric in repeat.metrics):
            yield "tiny measures something: no speed metric was recorded: call run.metric"
        if repeat.duration_s is not None and repeat.duration_s > TINY_LIMIT_S:
            yield f"tiny is tiny: it took {repeat.duration_s:.0f} s, the limit is {TINY_LIMIT_S:.0f} s: make it smaller"
