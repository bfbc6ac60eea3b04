"""The settings of a workload as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from levinthal.harness.contract.settings import Settings, make_settings
from levinthal.harness.contract.workload import Workload


def settings_lines(workload: Workload, width: int) -> Iterator[str]:
    """Yield a heading, and for each setting its key, its type, its value at each size, and its description.

    Parameters
    ----------
    workload : Workload
    width : int
        Columns of the terminal.
    """
    kind = workload.Settings
    values = {size: make_settings(kind, size).model_dump() for size in kind.sizes}
    yield from textwrap.wrap(
        f"{workload.name}, version {workload.version}. Type --set KEY=VALUE, or write KEY = VALUE into a TOML file for "
        f"--config. Keys marked * leave a run in the closed division.",
        width,
    )
    for key, field in kind.model_fields.items():
        yield ""
        mark = " *" if key in kind.free_keys else ""
        yield from _wrapped(f"{key}{mark}  ({type_name(field.annotation)})  {_by_size(key, values)}", width, 0)
        bounds = ", ".join(_bound(each) for each in field.metadata if _bound(each))
        about = " ".join((field.description or "").split())
        yield from _wrapped(f"{about} [{bounds}]" if bounds else about, width, 4)
    if kind.renamed:
        yield ""
        yield from _wrapped(f"earlier names: {_earlier(kind)}", width, 0)


def type_name(annotation: Any) -> str:
    """Return a type as a person reads it: `int`, `tiny | small`, `int or auto`, `list of int`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is None or annotation is NoneType:
        return "none"
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " or ".join(type_name(each) for each in arguments)
    if origin in (tuple, list):
        items = [each for each in arguments if each is not Ellipsis]
        return f"list of {' or '.join(dict.fromkeys(map(type_name, items))) or 'any'}, as A,B"
    if arguments:  # Annotated
        return type_name(arguments[0])
    names = {bool: "true | false", str: "text", float: "number", int: "whole number"}
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation)).lower()


def _by_size(key: str, values: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the value of a key where it is the same at all sizes, else that of each size."""
    shown = {size: _shown(each[key]) for size, each in values.items()}
    if len(set(shown.values())) == 1:
        return f"= {next(iter(shown.values()))}"
    return "= " + ", ".join(f"{value} ({size})" for size, value in shown.items())


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(_shown(each) for each in value) or "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == "":
        return "(none)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bound(constraint: Any) -> str:
    for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="), ("multiple_of", "a multiple of")):
        if (bound := getattr(constraint, name, None)) is not None:
            return f"{sign} {bound}"
    return ""


def _earlier(kind: type[Settings]) -> str:
    return ", ".join(f"{old} (now {new})" for old, new in kind.renamed.items())


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=" " * indent, subsequent_indent=" " * max(indent, 4), break_on_hyphens=False
    )
