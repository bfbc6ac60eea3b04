"""Figures of merit: what a result is worth in a number or two a workload, and those of a reference machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from levinthal.errors import LevinthalError, ResultError, UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.workload import FigureOfMerit
from levinthal.harness.results.labels import Finite, Record
from levinthal.harness.results.result import Better, Result
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.results.summary import counted_values
from levinthal.metrics.description import Cpu, Gpu

SHIPPED = Path(__file__).with_name("reference.json")
"""The reference machine that comes with the package."""

_SCHEMA = 1


class Merit(Record):
    """A figure of merit of one workload.

    Attributes
    ----------
    workload, name : str
        `cvae` and `training`.
    version : int
        Of the workload.
    size, division : str
        As it was run.
    unit : str
    better : {"higher", "lower"}
    weight : float
        In the mean of the suite.
    values : tuple of float
        Of the repeats that passed.
    gates : {"passed", "missed"}
        Whether every repeat met its gates; without that there is no value.
    reason : str
        Why there is no value.
    """

    workload: str
    name: str
    version: int
    size: str
    division: str
    unit: str
    better: Better
    weight: Finite
    values: tuple[Finite, ...]
    gates: str
    reason: str = ""

    @property
    def title(self) -> str:
        """Workload and figure, `cvae.training`."""
        return f"{self.workload}.{self.name}"

    @property
    def value(self) -> float | None:
        """The median over the repeats; None where a gate was missed or nothing was measured."""
        return float(np.median(self.values)) if self.values and self.gates == "passed" else None

    def line(self) -> str:
        """Return the line that other programs read: `FOM cvae.training = 1234.5 frames/s gates=passed`."""
        value = "-" if self.value is None else f"{self.value:.6g}"
        return f"FOM {self.title} = {value} {_plural(self.unit)} gates={self.gates}"


class Provenance(Record):
    """Where a reference was measured, and by what."""

    machine: Cpu
    gpus: tuple[Gpu, ...] = ()
    memory_bytes: int | None
    python: str | None
    levinthal: str | None
    code_sha256: str | None
    packages: Mapping[str, str | None]
    measured_utc: str
    n_repeats: int


class Reference(Record):
    """Figures of merit of a machine, to hold others against."""

    schema_: int = Field(default=_SCHEMA, alias="schema", le=_SCHEMA)
    provenance: Provenance
    figures: tuple[Merit, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """The machine in a few words."""
        gpus = [gpu.name for gpu in self.provenance.gpus]
        return ", ".join(filter(None, [self.provenance.machine.model, *gpus])) or "an unknown machine"


def merits_of(result: Result) -> list[Merit]:
    """Return the figures of merit that a result's workload declares.

    Raises
    ------
    UsageError
        The result is of a study, or its workload declares none.
    """
    if result.study is not None and result.study.command:
        raise UsageError(f"a {result.study.kind} study has no figure of merit: name a run of {result.workload.name}")
    try:
        declared: Sequence[FigureOfMerit] = getattr(load_workload(result.workload.name), "figures_of_merit", ())
    except LevinthalError:  # a result of a workload that is not installed here
        declared = ()
    if not declared:
        raise UsageError(f"workload {result.workload.name} declares no figures of merit")
    return [_merit(result, each) for each in declared]


def _merit(result: Result, declared: FigureOfMerit) -> Merit:
    summary = result.summary.get(declared.metric, declared.labels)
    passed = result.verdict == "passed"
    values: list[float] = []
    reason = "" if passed else "a gate was missed, or a repeat failed"
    if summary is None:
        reason = reason or f"the run did not measure {declared.metric}"
    else:
        values = counted_values(result.repeats)[summary.key]
        reason = reason or ("" if values else summary.reason or "it was not measured")
    return Merit(
        workload=result.workload.name,
        name=declared.name,
        version=result.workload.version,
        size=result.size,
        division=result.division,
        unit=summary.unit if summary is not None else "1",
        better=summary.better if summary is not None else "higher",
        weight=declared.weight,
        values=tuple(values),
        gates="passed" if passed else "missed",
        reason=reason,
    )


def read_reference(path: Path | None = None) -> Reference:
    """Read a reference, by default the one that comes with the package.

    Raises
    ------
    ResultError
        There is none, or the file is not one.
    """
    if path is None and not SHIPPED.exists():
        raise ResultError("no reference machine comes with this package: make one with levinthal fom --make-reference")
    file = path or SHIPPED
    return validated(Reference, read_json(file), file)


def make_reference(results: Sequence[Result]) -> Reference:
    """Return the reference that results of one machine are.

    Raises
    ------
    ResultError
        One of them did not pass or lacks a figure, or they are of several machines or kinds of code.
    """
    merits = [merit for result in results for merit in merits_of(result)]
    for merit in merits:
        if merit.value is None or merit.division != "closed":
            raise ResultError(f"{merit.title} cannot be a reference: {merit.reason or 'its division is open'}")
    if repeated := {merit.title for merit in merits if [each.title for each in merits].count(merit.title) > 1}:
        raise ResultError(f"{min(repeated)} was measured twice: give one run of each workload")
    first = results[0]
    for other in results[1:]:
        if other.machine.cpu.model != first.machine.cpu.model or other.software.code_sha256 != (
            first.software.code_sha256
        ):
            raise ResultError("a reference is of one machine and one code: measure all workloads again on one")
    provenance = Provenance(
        machine=first.machine.cpu,
        gpus=first.machine.gpus,
        memory_bytes=first.machine.memory.total_bytes,
        python=first.software.python,
        levinthal=first.software.levinthal,
        code_sha256=first.software.code_sha256,
        packages=first.software.packages,
        measured_utc=max(repeat.started_utc for result in results for repeat in result.repeats),
        n_repeats=min(len(result.repeats) for result in results),
    )
    return Reference(provenance=provenance, figures=tuple(merits))


def _plural(unit: str) -> str:
    """Return a unit as a person writes it: `frames/s` for `frame/s`."""
    head, sign, tail = unit.partition("/")
    return f"{head}s/{tail}" if sign and head.isalpha() and not head.endswith("s") and head.islower() else unit
