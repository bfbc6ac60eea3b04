"""`levinthal list`, `settings` and `describe`: what is installed, what can be set of a workload, what it measures."""

from __future__ import annotations

import inspect
import shutil
from typing import Annotated, Any, Literal

import typer

from levinthal.commands.sources import written_in
from levinthal.errors import LevinthalError


def list_installed(
    what: Annotated[Literal["workloads", "engines", "studies"], typer.Argument(help="What to list.")] = "workloads",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List what is installed: workloads, engines, kinds of studies."""
    if as_json:
        import json

        print(json.dumps(_engines() if what == "engines" else _studies() if what == "studies" else _workloads()))
    elif what == "engines":
        for engine in _engines():
            print(f"{engine['usage']}\n    {engine['about']}")
    elif what == "studies":
        for kind in _studies():
            print(f"{kind['name']}\n    {kind['about']}")
            for option in kind["options"]:
                print(f"    --option {option['key']}={option['default']}: {option['about']}")
    else:
        found = _workloads()
        wide = [max([12, *(len(each[key]) for each in found)]) for key in ("name", "package")]
        for each in found:
            version = "no version" if each["version"] is None else f"version {each['version']}"
            print(f"{each['name']:<{wide[0]}} {version:<10} {each['package']:<{wide[1]}} {each['about']}")


def settings(name: Annotated[str, typer.Argument(help="A workload.")]) -> None:
    """List a workload's settings: key, type, value by size, meaning."""
    _print_settings(name)


def describe(name: Annotated[str, typer.Argument(help="A workload.")]) -> None:
    """Describe a workload: its settings and what its figures mean."""
    import textwrap

    from levinthal.harness.contract.meanings import meanings_of
    from levinthal.harness.contract.registry import load_workload

    width, workload = _terminal_width(), load_workload(name)
    for paragraph in inspect.cleandoc(type(workload).__doc__ or "").split("\n\n"):
        print(textwrap.fill(" ".join(paragraph.split()), width), end="\n\n")
    _print_settings(name)
    meanings = meanings_of(name)
    print("\nWhat it measures:" if meanings else f"\n{name} does not say what its figures mean.")
    for figure, meaning in meanings.items():
        print(textwrap.fill(f"{figure}: {meaning}", width, initial_indent="  ", subsequent_indent="      "))


def _print_settings(name: str) -> None:
    from levinthal.commands.settings_table import settings_lines
    from levinthal.harness.contract.registry import load_workload

    for line in settings_lines(load_workload(name), _terminal_width()):
        print(line)


def _terminal_width() -> int:
    return min(max(shutil.get_terminal_size().columns, 80), 120)


def _engines() -> list[dict[str, Any]]:
    from levinthal.harness.engines.open import engine_usages

    return [{"usage": usage, "about": about} for usage, about in engine_usages().items()]


def _studies() -> list[dict[str, Any]]:
    from levinthal.harness.study.registry import STUDIES

    found = []
    for kind in STUDIES.names():
        study = STUDIES.load(kind)
        options = [
            {"key": key, "default": "..." if field.is_required() else str(field.default), "about": field.description}
            for key, field in study.Options.model_fields.items()
        ]
        found.append({"name": kind, "about": _first_line(study), "options": options})
    return found


def _workloads() -> list[dict[str, Any]]:
    from levinthal.harness.contract.registry import WORKLOADS, load_workload

    found: list[dict[str, Any]] = []
    for name, point in WORKLOADS.plug_ins().items():
        package = point.dist.name if point.dist is not None else "unknown"
        version, about = written_in(point.module, point.attr)
        if version is None:
            try:
                workload = load_workload(name)
            except LevinthalError as error:  # one that is broken does not hide the others
                found.append({"name": name, "version": None, "package": package, "about": f"cannot be used: {error}"})
                continue
            version, about = workload.version, _first_line(type(workload))
        found.append({"name": name, "version": version, "package": package, "about": about})
    return found


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]
