"""The description of the machine and its software as rows of a table, whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from levinthal.report.rounding import count, exact, rounded

__all__ = ["Group", "Row", "bytes_words", "described", "machine_words", "spelled"]

T = TypeVar("T")

Speller = Callable[[str], str]

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
_CPU_MODEL = ("cpu_model", "cpu.model", "cpu.name", "processor", "cpu")
_CORES = ("logical_cores", "cpu.logical_cores", "cpu.cores", "cores")
_MEMORY = ("memory_bytes", "memory.total_bytes", "memory_total_bytes", "memory.bytes")
_GPU = ("gpus", "gpu", "accelerators")


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


def described(document: Mapping[str, Any], general: str, *, verbatim: bool = False) -> tuple[Group, ...]:
    """Turn a nested description into groups of rows.

    Parameters
    ----------
    document : mapping
        Any JSON object. A nested object becomes a group; what lies deeper is joined to the label.
    general : str
        The heading of the rows that lie at the top.
    verbatim : bool
        Whether keys and values are shown exactly as they are typed, as settings have to be.
    """
    spell: Speller = str if verbatim else spelled
    top: list[Row] = []
    groups: list[Group] = []
    for key, value in _with_reasons(document):
        if isinstance(value, Mapping) and not _is_quantity(value):
            rows = tuple(_rows((), value, spell))
            groups += [Group(_heading(spell(key)), rows)] if rows else []
        elif _is_table(value):
            for number, entry in enumerate(value, 1):
                groups.append(Group(f"{_heading(spell(key))} {number}", tuple(_rows((), entry, spell))))
        else:
            top += _rows((key,), value, spell)
    return (Group(general, tuple(top)), *groups) if top else tuple(groups)


def machine_words(machine: Mapping[str, Any]) -> str:
    """Say in a few words what the machine is: processor, cores, memory and accelerators, as far as is known."""
    words = []
    model = _first(machine, _CPU_MODEL, str)
    if model:
        words.append(str(model))
    cores = _first(machine, _CORES, int)
    if cores:
        words.append(f"{count(int(cores))} {'core' if cores == 1 else 'cores'}")
    memory = _first(machine, _MEMORY, int)
    if memory:
        words.append(f"{bytes_words(int(memory))} memory")
    for key in _GPU:
        entries = machine.get(key)
        entries = [entries] if isinstance(entries, Mapping) else entries if isinstance(entries, list) else []
        names = [str(entry["name"]) for entry in entries if isinstance(entry, Mapping) and entry.get("name")]
        words += [name if names.count(name) == 1 else f"{names.count(name)} × {name}" for name in dict.fromkeys(names)]
    return ", ".join(words) or "a machine that was not described"


def bytes_words(number: int) -> str:
    """Write a size in bytes with a binary prefix."""
    if abs(number) < 1024:
        return f"{number} B"
    power = 1 if abs(number) < 1024**2 else 2 if abs(number) < 1024**3 else 3 if abs(number) < 1024**4 else 4
    size = number / 1024**power
    return f"{size:.3g} {'KMGT'[power - 1]}iB" if abs(size) < 999.5 else f"{size:,.0f} {'KMGT'[power - 1]}iB"


def _rows(path: tuple[str, ...], value: object, spell: Speller) -> Iterator[Row]:
    if isinstance(value, Mapping) and not _is_quantity(value):
        for key, entry in _with_reasons(value):
            yield from _rows((*path, key), entry, spell)
    elif _is_table(value):
        for number, entry in enumerate(value, 1):
            yield from _rows((*path, str(number)), entry, spell)
    elif spell is str:
        yield _verbatim(".".join(path), value)
    else:
        yield _row(path, value)


def _verbatim(name: str, value: object) -> Row:
    if isinstance(value, str):
        return Row(name, value or "empty")
    return Row(name, json.dumps(value, ensure_ascii=False, default=str), measured=value is not None)


def _row(path: tuple[str, ...], value: object) -> Row:
    unit, reason, key = "", "", path[-1]
    if isinstance(value, Mapping):
        unit, reason, value = str(value.get("unit") or ""), str(value.get("reason") or ""), value.get("value")
    if not unit and (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
        suffix = next((suffix for suffix in _UNITS if f"_{key.lower()}".endswith(suffix)), "")
        unit = _UNITS.get(suffix, "")
        key = key[: -len(suffix)] if suffix and len(key) >= len(suffix) else key if not suffix else "size"
    label = " · ".join(spelled(part) for part in (*path[:-1], key))
    if value is None:
        return Row(label, reason or "not known", measured=False)
    if isinstance(value, bool):
        return Row(label, "yes" if value else "no")
    if isinstance(value, int | float) and unit == "B":
        return Row(label, bytes_words(int(value)), f"{count(int(value))} B")
    if isinstance(value, float):
        return Row(label, f"{rounded(value).whole} {unit}".strip(), exact(value))
    if isinstance(value, list | tuple):
        return Row(label, ", ".join(map(str, value)) or "none")
    return Row(label, f"{value} {unit}".strip() or "empty")


def _with_reasons(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the entries of an object, a null or empty one joined with the reason that is kept for it.

    A reason lies beside the entry as `<key>_reason`, or in the object `reasons` under the entry's dotted name.
    """
    reasons = document.get("reasons")
    reasons = reasons if isinstance(reasons, Mapping) else {}
    for key, value in document.items():
        name = str(key)
        reason = reasons.get(name, document.get(f"{name}_reason"))
        deeper = {dotted[len(name) + 1 :]: why for dotted, why in reasons.items() if str(dotted).startswith(f"{name}.")}
        if value in (None, [], {}) and isinstance(reason, str):
            yield name, {"value": None, "reason": reason}
        elif isinstance(value, Mapping) and deeper and "reasons" not in value:
            yield name, {**value, "reasons": deeper}
        elif not (name == "reasons" and reasons) and not (name.endswith("_reason") and name[:-7] in document):
            yield name, value


def _is_quantity(value: Mapping[str, Any]) -> bool:
    """Say whether an object is one number: `{"value": 41.2, "unit": "GB/s"}`, or null with a reason."""
    return "value" in value and set(value) <= {"value", "unit", "reason"}


def _is_table(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def spelled(key: str) -> str:
    """Write a key as words, acronyms as usual: `l2_cache` as `L2 cache`, `numa_nodes` as `NUMA nodes`."""
    return " ".join(_ACRONYMS.get(word, word) for word in key.split("_"))


def _heading(text: str) -> str:
    return text[:1].upper() + text[1:]


def _first(document: Mapping[str, Any], paths: Sequence[str], kind: type[T]) -> T | None:
    for path in paths:
        value: object = document
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, kind) and value and not isinstance(value, bool):
            return value
    return None
