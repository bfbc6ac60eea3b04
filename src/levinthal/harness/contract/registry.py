"""Workloads by name, found through the entry point group `levinthal.workloads`; none is imported until it is asked for.

A plug-in declares, in its `pyproject.toml`::

    [project.entry-points."levinthal.workloads"]
    mine = "my_package:MyWorkload"
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from levinthal.errors import LevinthalError, MissingExtraError, UsageError
from levinthal.harness.contract.settings import SIZES, Settings
from levinthal.harness.contract.workload import Workload

__all__ = ["GROUP", "load_workload", "workload_entry_points"]

GROUP = "levinthal.workloads"


def workload_entry_points() -> dict[str, EntryPoint]:
    """Return the installed workloads' entry points by name, sorted.

    Raises
    ------
    UsageError
        Two packages give the same name to different workloads.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise UsageError(
                f"workload {point.name!r} is declared by both {other.value} and {point.value}: uninstall one of them"
            )
    return found


def load_workload(name: str) -> Workload:
    """Import a workload and make it.

    Raises
    ------
    UsageError
        No such workload, or one that cannot be imported or does not keep the contract.
    MissingExtraError
        It needs an optional package.
    """
    points = workload_entry_points()
    if name not in points:
        near = get_close_matches(name, points, n=1)
        hint = f"did you mean {near[0]}?" if near else f"installed are {', '.join(points) or 'none'}"
        raise UsageError(f"workload {name!r} is unknown: {hint}")
    point = points[name]
    try:
        workload = point.load()()
    except LevinthalError:
        raise
    except ModuleNotFoundError as error:
        if error.name and not point.value.startswith(error.name.partition(".")[0]):
            raise MissingExtraError(error.name, "all", f"workload {name}") from None
        raise UsageError(f"workload {name!r} ({point.value}) cannot be imported: {error}: reinstall it") from None
    except Exception as error:
        raise UsageError(f"workload {name!r} ({point.value}) cannot be imported: {error!r}: reinstall it") from error
    _check_contract(name, point, workload)
    return workload  # type: ignore[no-any-return]


def _check_contract(name: str, point: EntryPoint, workload: object) -> None:
    """Refuse what could not be run; the finer rules are those of `levinthal check --workload`."""
    settings = getattr(workload, "Settings", None)
    problems = []
    if getattr(workload, "name", None) != name:
        problems.append(f"its `name` is {getattr(workload, 'name', None)!r}, its entry point says {name!r}")
    if not isinstance(getattr(workload, "version", None), int):
        problems.append("its `version` is not an integer")
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        problems.append("its `Settings` is not a subclass of levinthal.harness.Settings")
    elif missing := [size for size in SIZES if size not in settings.sizes]:
        problems.append(f"its Settings.sizes lacks {', '.join(missing)}")
    if not callable(getattr(workload, "run", None)):
        problems.append("it has no method run(run, settings)")
    if problems:
        raise UsageError(f"workload {name!r} ({point.value}) does not keep the contract: {'; '.join(problems)}")
