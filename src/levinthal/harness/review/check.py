"""The rules a result must keep before anyone should trust it; each broken one is named with its fix.

A rule is a pure function from what is known of a result to the sentences that say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levinthal.errors import LevinthalError
from levinthal.files.checksums import digest_of
from levinthal.files.paths import path_inside
from levinthal.harness.results.events import EVENTS_FILE, read_events
from levinthal.harness.results.figures import Metric
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Repeat, Result
from levinthal.harness.results.schema1 import event_key
from levinthal.harness.results.store import load_result, schema_of
from levinthal.harness.results.summary import summarise
from levinthal.metrics.machine import THREAD_VARIABLES

_NUMBER = re.compile(r"(?<![\w.-])\d[\d.,]*")


def labels_in_names(result: Result) -> Iterator[str]:
    """Say which metric has a number, or one of its own labels, in its name."""
    for metric in _metrics(result):
        if found := _NUMBER.search(metric.name):
            yield f"metric {metric.name!r} has the number {found[0]} in its name"
        for label, value in metric.labels.items():
            if re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", metric.name):
                yield f"metric {metric.name!r} has its label {label} {value} in its name"


def unlike_namesakes(result: Result) -> Iterator[str]:
    """Say which metrics of one name differ in unit, direction, kind or in what their labels tell."""
    first: dict[str, Metric] = {}
    for metric in _metrics(result):
        namesake = first.setdefault(metric.name, metric)
        for what in ("unit", "better", "kind"):
            if (one := getattr(namesake, what)) != (other := getattr(metric, what)):
                yield f"{what} is {one} for {str(namesake)!r} and {other} for {str(metric)!r}"
        if namesake.labels.keys() != metric.labels.keys():
            yield f"{str(namesake)!r} and {str(metric)!r} have other labels"


def _metrics(result: Result) -> Iterator[Metric]:
    """Yield each metric once, however many repeats have it."""
    seen: set[Key] = set()
    for metric in (metric for repeat in result.repeats for metric in repeat.metrics):
        if metric.key not in seen:
            seen.add(metric.key)
            yield metric


_PAPER_REPEATS = 3
_OVERRUN_S = 0.05  # clocks of phases and repeats are read a moment apart


@dataclass(frozen=True)
class Rule:
    """A rule with what to do when it is broken; `find` yields a sentence for each breach.

    Results in a format older than `since` need not keep it.
    """

    name: str
    fix: str
    find: Callable[[Result, Path | None], Iterator[str]]
    since: int = 1


def broken_by_result(path: Path) -> list[str]:
    """Return a line for each rule that a result breaks: the rule, what is wrong, and how to fix it.

    Parameters
    ----------
    path : Path
        A `result.json` or a run folder; files beside the result are checked with it.

    Raises
    ------
    ResultError
        The result cannot be read at all.
    """
    result = load_result(path)
    folder = path if path.is_dir() else path.parent
    rules = [rule for rule in RULES if rule.since <= schema_of(path)]
    return [f"{rule.name}: {what}: {rule.fix}" for rule in rules for what in rule.find(result, folder)]


def _verdict(result: Result, _: Path | None) -> Iterator[str]:
    for repeat in result.repeats:
        honest = repeat.error is None and all(gate.passed for gate in repeat.gates)
        if (repeat.verdict == "passed") != honest:
            yield f"repeat {repeat.index} says {repeat.verdict}, its gates and error say otherwise"
    if not result.repeats:
        yield "there is no repeat"
    if (result.verdict == "passed") != all(repeat.verdict == "passed" for repeat in result.repeats):
        yield f"the run says {result.verdict}, its repeats say otherwise"


def _summary(result: Result, _: Path | None) -> Iterator[str]:
    written, fresh = ({each.key: each for each in side} for side in (result.summary, summarise(result.repeats)))
    for key in sorted(written | fresh, key=str):
        if key not in written or key not in fresh:
            yield f"metric {str(key)!r} is in {'the summary' if key in written else 'the repeats'} alone"
        elif fresh[key] != written[key]:
            yield f"metric {str(key)!r} has median {written[key].median}, its repeats give {fresh[key].median}"


def _gated(result: Result, _: Path | None) -> Iterator[str]:
    for repeat in result.repeats:
        if repeat.error is None and not repeat.gates:
            yield f"repeat {repeat.index} reports figures without any gate or sanity check"
        if repeat.verdict == "failed":
            for metric in repeat.metrics:
                if metric.kind == "speed" and metric.value is not None:
                    yield f"repeat {repeat.index} failed and still reports the speed {str(metric)!r}"
            for comparison in repeat.comparisons:
                yield f"repeat {repeat.index} failed and still reports the comparison {str(comparison)!r}"


def _phases(result: Result, _: Path | None) -> Iterator[str]:
    for repeat in result.repeats:
        lanes: dict[str, float] = {}
        for phase in sorted(repeat.phases, key=lambda phase: phase.start_s):
            end_s = phase.start_s + phase.duration_s
            if repeat.duration_s is not None and end_s > repeat.duration_s + _OVERRUN_S:
                yield f"repeat {repeat.index}: phase {phase.name!r} ends {end_s - repeat.duration_s:.2f} s after it"
            if phase.start_s < lanes.get(phase.lane, 0.0) - _OVERRUN_S:
                yield f"repeat {repeat.index}: phase {phase.name!r} overlaps another on lane {phase.lane!r}"
            lanes[phase.lane] = max(end_s, lanes.get(phase.lane, 0.0))
        if repeat.error is None and not repeat.phases:
            yield f"repeat {repeat.index} has no phase"


def _seeds(result: Result, _: Path | None) -> Iterator[str]:
    seeds = [repeat.seed for repeat in result.repeats]
    if len(set(seeds)) < len(seeds):
        yield f"the seeds {seeds} are not all different"
    indices = sorted(repeat.index for repeat in result.repeats)
    if indices != list(range(len(indices))):
        yield f"the repeats are numbered {indices}"


def _data(result: Result, _: Path | None) -> Iterator[str]:
    for repeat in result.repeats:
        if repeat.error is None and repeat.dataset is None:
            yield f"repeat {repeat.index} does not say which data it used"
        elif repeat.dataset is not None and repeat.dataset.sha256 is None:
            yield f"repeat {repeat.index}: data set {repeat.dataset.name!r} has no checksum"


def _machine(result: Result, _: Path | None) -> Iterator[str]:
    machine, software = result.machine, result.software
    needed = {
        "machine.cpu.model": machine.cpu.model,
        "machine.cpu.threads": machine.cpu.threads,
        "machine.memory.total_bytes": machine.memory.total_bytes,
        "machine.system.name": machine.system.name,
        "software.python": software.python,
        "software.levinthal": software.levinthal,
        "software.code_sha256": software.code_sha256,
    }
    yield from (f"{name} is missing" for name, value in needed.items() if not value)


def _private(result: Result, _: Path | None) -> Iterator[str]:
    others = set(result.machine.threads.variables) - set(THREAD_VARIABLES)
    yield from (f"machine.threads.variables holds {name!r}" for name in sorted(others))


def _enough(result: Result, _: Path | None) -> Iterator[str]:
    if result.size == "paper" and len(result.repeats) < _PAPER_REPEATS:
        yield f"{len(result.repeats)} repeat(s) of size paper"


def _closed(result: Result, _: Path | None) -> Iterator[str]:
    from levinthal.harness.contract.registry import WORKLOADS, load_workload
    from levinthal.harness.contract.settings import division_of, make_settings

    if result.workload.name not in WORKLOADS.names():
        return
    workload = load_workload(result.workload.name)
    if workload.version != result.workload.version:
        return
    try:
        settings = make_settings(workload.Settings, result.size, result.settings)
    except LevinthalError as error:
        yield str(error)
        return
    if result.division != division_of(settings, result.size):
        yield f"the division is {result.division}, the settings are those of {division_of(settings, result.size)}"


def _artifacts(result: Result, folder: Path | None) -> Iterator[str]:
    if folder is None:
        return
    for repeat in result.repeats:
        for artifact in repeat.artifacts:
            try:
                path = path_inside(folder, artifact.path)
                if path is None:
                    yield f"{artifact.path} lies outside the run folder"
                elif not path.is_file():
                    yield f"{artifact.path} is missing"
                elif digest_of(path) != artifact.sha256:
                    yield f"{artifact.path} does not have the checksum on record"
            except (OSError, RuntimeError, ValueError):  # a loop of links, a name that no file can have, no permission
                yield f"{artifact.path} cannot be read"


def _journal(result: Result, folder: Path | None) -> Iterator[str]:
    if folder is None or not (folder / EVENTS_FILE).exists():
        return
    logged: dict[int, dict[Key, Any]] = {}
    warned: dict[int, list[str]] = {}
    for event in read_events(folder / EVENTS_FILE):
        index = event.get("repeat")
        if not isinstance(index, int):
            continue
        if event["event"] == "repeat_start":
            logged[index], warned[index] = {}, []  # a repeat tried again starts from the beginning
        elif event["event"] == "metric":
            try:
                logged.setdefault(index, {})[event_key(event, result.workload.name)] = event.get("value")
            except (AttributeError, KeyError, TypeError, ValueError):  # a label that is a list has no hash
                yield f"{EVENTS_FILE} has a metric of repeat {index} without a name, or with labels that are none"
        elif event["event"] == "warning":
            warned.setdefault(index, []).append(str(event.get("sentence")))
    for repeat in result.repeats:
        yield from _unlike_journal(repeat, logged.get(repeat.index))
        if set(repeat.warnings) != set(warned.get(repeat.index, ())):
            yield f"repeat {repeat.index}: its warnings are not those of {EVENTS_FILE}"


def _unlike_journal(repeat: Repeat, logged: Mapping[Key, Any] | None) -> Iterator[str]:
    if logged is None:
        yield f"repeat {repeat.index} is not in {EVENTS_FILE}"
        return
    for metric in repeat.metrics:
        if metric.value is not None and logged.get(metric.key) != metric.value:
            said = logged.get(metric.key)
            yield f"repeat {repeat.index}: {str(metric)!r} is {metric.value}, {EVENTS_FILE} says {said}"


def _one_writer(_: Result, folder: Path | None) -> Iterator[str]:
    if folder is None or not (folder / EVENTS_FILE).exists():
        return
    said: set[str] = set()
    started: set[int] = set()  # since the run was started or resumed
    stopped: set[int] = set()
    for event in read_events(folder / EVENTS_FILE):
        kind, index = event["event"], event.get("repeat")
        if kind == "run_resumed":
            started.clear()
        if not isinstance(index, int):
            continue
        if kind == "repeat_start" and index in started:
            said.add(f"repeat {index} was started twice")
        elif kind == "repeat_stop" and index in stopped:
            said.add(f"repeat {index} was stopped twice")
        elif index in stopped:
            said.add(f"repeat {index} went on after its end")
        started |= {index} if kind == "repeat_start" else set()
        stopped |= {index} if kind == "repeat_stop" else set()
    yield from sorted(said)


RULES: tuple[Rule, ...] = (
    Rule("verdict follows gates", "the file was edited: run again", _verdict),
    Rule("summary follows repeats", "the file was edited: run again", _summary, 3),
    Rule(
        "gate before speed",
        "give the workload a gate, or a sanity check of the answer; a failed repeat reports no speed",
        _gated,
    ),
    Rule("names are without labels", "give run.metric labels={...}", lambda result, _: labels_in_names(result), 2),
    Rule("one name, one meaning", "choose another name", lambda result, _: unlike_namesakes(result), 2),
    Rule("phases are consistent", "time each phase with run.phase", _phases),
    Rule("repeats are distinct", "use levinthal run --repeats, which gives each repeat its own seed", _seeds),
    Rule("data are named", "call run.dataset with a checksum in the workload", _data),
    Rule("machine is described", "run again with this Levinthal", _machine),
    Rule("nothing private is kept", "delete the key and run again with an unchanged Levinthal", _private),
    Rule("enough repeats", f"run size paper with --repeats {_PAPER_REPEATS} or more", _enough),
    Rule("division follows settings", "run again with this Levinthal", _closed),
    Rule("artifacts are whole", "copy the whole run folder, or run again", _artifacts),
    Rule("one writer", "two processes wrote this run, or its journal was edited: run again", _one_writer, 2),
    Rule("journal agrees", "the result or its journal was edited: run again", _journal),
)
