"""The description of the machine, its software and settings as rows of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from levinthal.metrics.description import Machine, Peaks, Software
from levinthal.report.rounding import count, exact, rounded

Path = tuple[str, ...]

_ACRONYMS = {
    "cpu": "CPU",
    "cpus": "CPUs",
    "gpu": "GPU",
    "gpus": "GPUs",
    "numa": "NUMA",
    "mhz": "MHz",
    "gemm": "GEMM",
    "l1d": "L1 data",
    "l2": "L2",
    "l3": "L3",
    "uuid": "UUID",
    "pci": "PCI",
}
_UNITS = {
    "_bytes": "B",
    "_gflop_s": "GFLOP/s",
    "_gflops": "GFLOP/s",
    "_gb_s": "GB/s",
    "_gib": "GiB",
    "_gb": "GB",
    "_mhz": "MHz",
    "_ghz": "GHz",
    "_celsius": "°C",
    "_percent": "%",
    "_w": "W",
    "_j": "J",
    "_ms": "ms",
    "_s": "s",
}


@dataclass(frozen=True)
class Row:
    """One property; `title` holds every digit of a number that was rounded."""

    label: str
    value: str
    title: str = ""
    measured: bool = True


@dataclass(frozen=True)
class Group:
    """Rows that belong together, under a heading."""

    heading: str
    rows: tuple[Row, ...]


def machine_groups(machine: Machine, peaks: Peaks | None) -> tuple[Group, ...]:
    """Return what is known of a machine and its measured peaks; where a figure is null its row says why."""
    document = {**machine.model_dump(exclude={"reasons"}), "peaks": None}
    reasons = {**machine.reasons, "peaks": "the workload did not ask for them"}
    if peaks is not None:
        document["peaks"] = peaks.model_dump(exclude={"reasons"})
        reasons |= {f"peaks.{key}": why for key, why in peaks.reasons.items()}

    def row(path: Path, value: object) -> Row:
        return _measured(path[1:] or path, value, reasons.get(".".join(path), ""))

    return _groups(document, "Machine", row, _spelled)


def software_groups(software: Software) -> tuple[Group, ...]:
    """Return the versions, as they are written."""
    return settings_groups({**software.model_dump(exclude={"packages"}), **software.packages}, "Software")


def settings_groups(settings: Mapping[str, Any], general: str = "Settings") -> tuple[Group, ...]:
    """Return keys and values exactly as they are typed; those at the top under the heading `general`."""
    return _groups(settings, general, _verbatim, str)


def machine_words(machine: Machine) -> str:
    """Say in a few words what the machine is: processor, cores, memory and accelerators, as far as is known."""
    cores, memory = machine.cpu.cores, machine.memory.total_bytes
    names = [gpu.name for gpu in machine.gpus]
    words = (
        machine.cpu.model,
        f"{count(cores)} {'core' if cores == 1 else 'cores'}" if cores else None,
        f"{bytes_words(memory)} memory" if memory else None,
        *(name if names.count(name) == 1 else f"{names.count(name)} × {name}" for name in dict.fromkeys(names)),
    )
    return ", ".join(filter(None, words)) or "a machine that was not described"


def bytes_words(number: int) -> str:
    """Write a size in bytes with a binary prefix."""
    if abs(number) < 1024:
        return f"{number} B"
    power = 1 if abs(number) < 1024**2 else 2 if abs(number) < 1024**3 else 3 if abs(number) < 1024**4 else 4
    size = number / 1024**power
    return f"{size:.3g} {'KMGT'[power - 1]}iB" if abs(size) < 999.5 else f"{size:,.0f} {'KMGT'[power - 1]}iB"


def _groups(
    document: Mapping[str, Any], general: str, row: Callable[[Path, object], Row], spell: Callable[[str], str]
) -> tuple[Group, ...]:
    """Make a group of each nested object, another of what lies at the top."""
    top: list[Row] = []
    groups: list[Group] = []
    for key, value in document.items():
        if isinstance(value, Mapping):
            parts = [(spell(key), value)]
        elif _is_table(value):
            parts = [(f"{spell(key)} {number}", entry) for number, entry in enumerate(value, 1)]
        else:
            top.append(row((str(key),), value))
            continue
        for heading, part in parts:
            rows = tuple(row(path, leaf) for path, leaf in _leaves((str(key),), part))
            groups += [Group(heading[:1].upper() + heading[1:], rows)] if rows else []
    return (Group(general, tuple(top)), *groups) if top else tuple(groups)


def _leaves(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    entries: Iterator[tuple[Any, object]]
    if isinstance(value, Mapping):
        entries = iter(value.items())
    elif _is_table(value):
        entries = iter(enumerate(value, 1))
    else:
        yield path, value
        return
    for key, entry in entries:
        yield from _leaves((*path, str(key)), entry)


def _verbatim(path: Path, value: object) -> Row:
    name = ".".join(path[1:] or path)
    if isinstance(value, str):
        return Row(name, value or "empty")
    return Row(name, json.dumps(value, ensure_ascii=False, default=str), measured=value is not None)


def _measured(path: Path, value: object, reason: str) -> Row:
    """Return a figure with the unit that its key ends in, as all keys of this project do."""
    unit, key = "", path[-1]
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        suffix = next((suffix for suffix in _UNITS if f"_{key.lower()}".endswith(suffix)), "")
        unit = _UNITS.get(suffix, "")
        key = key[: -len(suffix)] if suffix and len(key) >= len(suffix) else key if not suffix else "size"
    label = " · ".join(_spelled(part) for part in (*path[:-1], key))
    if value is None:
        return Row(label, reason or "not known", measured=False)
    if isinstance(value, bool):
        return Row(label, "yes" if value else "no")
    if isinstance(value, int | float) and unit == "B":
        return Row(label, bytes_words(int(value)), f"{count(int(value))} B")
    if isinstance(value, float):
        return Row(label, f"{rounded(value).whole} {unit}".strip(), exact(value))
    if isinstance(value, list | tuple):
        return Row(label, ", ".join(map(str, value)) or reason or "none", measured=bool(value) or not reason)
    return Row(label, f"{value} {unit}".strip() or "empty")


def _is_table(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _spelled(key: str) -> str:
    """Write a key as words, acronyms as usual: `l2_cache` as `L2 cache`, `numa_nodes` as `NUMA nodes`."""
    return " ".join(_ACRONYMS.get(word, word) for word in key.split("_"))
