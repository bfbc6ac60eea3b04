"""The journal of a run as an MLPerf log, and back.

Each line is `:::MLLOG {json}`, as the package `mlperf-logging` writes it. A repeat is what MLPerf calls a run: from
`init_start` (its process is launched) over `run_start` (its clock starts) to `run_stop`; a log holds all repeats of a
run one after the other, or a single one. A gate becomes `eval_accuracy` or `eval_error` with its target beside it.

The log loses nothing: every event is carried whole, once, in the metadata of the line it became (`read_mlperf_log`
takes them out again). The rule set `mlperf_rules/levinthal.yaml` makes the stock checker verify it::

    python -m mlperf_logging.compliance_checker --usage hpc --ruleset 3.0.0 --config RULES mlperf.log
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from levinthal.errors import ResultError
from levinthal.files.writing import write_whole
from levinthal.harness.results.schema1 import known_machine
from levinthal.metrics.description import Machine

Event = Mapping[str, Any]
EventType = Literal["POINT_IN_TIME", "INTERVAL_START", "INTERVAL_END"]

_PREFIX = ":::MLLOG "
_EVENT = "levinthal_event"
_NOT_SAID = "not submitted"


def mlperf_rules() -> Path:
    """Return the path of the rule set for the stock compliance checker."""
    return Path(str(resources.files("levinthal.harness.results") / "mlperf_rules" / "levinthal.yaml"))


def export_mlperf_log(events: Iterable[Event], path: Path, *, repeat: int | None = None) -> None:
    """Write the events of a run as an MLPerf log.

    Parameters
    ----------
    events : iterable of mapping
        The journal, in its order.
    path : Path
        The log; written beside and moved into place, so that it is never half there.
    repeat : int, optional
        Only this repeat, for tools that want a file for each run; by default all.

    Raises
    ------
    WriteError
        The log cannot be written.
    ResultError
        An event is not what a journal holds.
    """
    text = "".join(f"{line}\n" for line in mlperf_lines(events, repeat=repeat))
    write_whole(path, text)


def read_mlperf_log(path: Path) -> list[dict[str, Any]]:
    """Return the events that an exported log carries, as they were in the journal.

    Raises
    ------
    ResultError
        The log cannot be read, or a line of it is damaged.
    """
    events = []
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(f"cannot read {path}: {error}: name an exported MLPerf log") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith(_PREFIX):
            continue
        try:
            metadata = json.loads(line[len(_PREFIX) :])["metadata"]
        except (ValueError, KeyError, TypeError):
            raise ResultError(f"{path}, line {number}, is damaged: export the log again") from None
        if isinstance(metadata, dict) and _EVENT in metadata:
            events.append(metadata[_EVENT])
    return events


def mlperf_lines(events: Iterable[Event], *, repeat: int | None = None) -> Iterator[str]:
    """Yield the lines of the log; see `export_mlperf_log`."""
    journal = list(events)
    for number, event in enumerate(journal, start=1):
        if not isinstance(event.get("event"), str) or not isinstance(event.get("time_s"), int | float):
            raise ResultError(f"event {number} of the journal has no name or no time: it was not written by levinthal")
    if repeat is not None:
        journal = [event for event in journal if event.get("repeat", repeat) == repeat]
    superseded = _superseded(journal)
    before_s = journal[0]["time_s"] if journal else 0.0
    for position, event in enumerate(journal):
        if position in superseded:
            yield _line("superseded", event["event"], event, "POINT_IN_TIME")
        else:
            yield from _lines_of(event, before_s, alone=repeat is not None)
        if "repeat" not in event or event["event"] == "repeat_stop":
            before_s = event["time_s"]


def _superseded(journal: Sequence[Event]) -> set[int]:
    """Return the positions of events of an attempt that was cut off and made again, and of verdicts given again.

    Only what never came to its end is set aside. A repeat that ended twice stays in the log twice, where the rules
    find it.
    """
    positions: set[int] = set()
    attempt: dict[Any, list[int]] = {}
    for position, event in enumerate(journal):
        index = event.get("repeat")
        if index is None:
            continue
        if event["event"] == "repeat_start":
            positions.update(attempt.pop(index, ()))
        attempt.setdefault(index, []).append(position)
        if event["event"] == "repeat_stop":
            attempt.pop(index)
    verdicts = [position for position, event in enumerate(journal) if event["event"] == "run_stop"]
    return positions | set(verdicts[:-1])


def _line(
    key: str,
    value: object,
    event: Event,
    event_type: EventType,
    *,
    carry: bool = True,
    time_s: float | None = None,
    **metadata: object,
) -> str:
    metadata |= {key: event[key] for key in ("repeat", "labels") if event.get(key) not in (None, {})}
    if carry:
        metadata[_EVENT] = dict(event)
    lane = event.get("lane")
    record = {
        "namespace": lane if isinstance(lane, str) else "",
        "time_ms": int((event["time_s"] if time_s is None else time_s) * 1000),
        "event_type": event_type,
        "key": key,
        "value": value,
        "metadata": metadata,
    }
    try:
        text = json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResultError(
            f"event {event['event']!r} of the journal is not JSON ({error}): export needs the file"
        ) from None
    # The checker takes a line from its last token on, so a text that holds the token must not show it.
    return _PREFIX + text.replace(":::MLLOG", "::\\u003aMLLOG")


def _lines_of(event: Event, before_s: float, *, alone: bool) -> Iterator[str]:
    name = event["event"]
    if name == "run_start":
        yield from _run_start(event, alone=alone)
    elif name == "repeat_start":
        yield _line("init_start", None, event, "INTERVAL_START", carry=False, time_s=before_s)
        yield _line("seed", event.get("seed"), event, "POINT_IN_TIME", carry=False)
        yield _line("init_stop", None, event, "INTERVAL_END", carry=False)
        yield _line("run_start", None, event, "INTERVAL_START")
    elif name in {"phase_start", "phase_stop"}:
        side: EventType = "INTERVAL_START" if name == "phase_start" else "INTERVAL_END"
        yield _line(name, event.get("phase"), event, side)
    elif name == "gate":
        at_least = event.get("at_least")
        key, target = ("eval_error", event.get("at_most")) if at_least is None else ("eval_accuracy", at_least)
        yield _line(key, event.get("value"), event, "POINT_IN_TIME", gate=event.get("name"), target=target)
    elif name == "repeat_stop":
        status = "success" if event.get("verdict") == "passed" else "aborted"
        yield _line("run_stop", None, event, "INTERVAL_END", status=status)
    elif name == "run_stop":
        yield _line("verdict", event.get("verdict"), event, "POINT_IN_TIME", status=event.get("status"))
    else:
        yield _line(name, event.get("name"), event, "POINT_IN_TIME")


def _run_start(event: Event, *, alone: bool) -> Iterator[str]:
    machine = known_machine(event.get("machine"))
    facts = {
        "submission_benchmark": event.get("workload"),
        "submission_org": _NOT_SAID,
        "submission_division": event.get("division"),
        "submission_status": "research",
        "submission_platform": _platform(machine),
        "number_of_nodes": 1,
        "accelerators_per_node": len(machine.gpus),
        "workload_version": event.get("version"),
        "repeats": 1 if alone else event.get("repeats"),
    }
    for key, value in facts.items():
        yield _line(key, value, event, "POINT_IN_TIME", carry=key == "repeats")


def _platform(machine: Machine) -> str:
    cpu = f"{machine.cpu.model or 'unknown processor'}, {machine.cpu.cores or 'unknown number of'} cores"
    return " + ".join([cpu, *(gpu.name for gpu in machine.gpus)])
