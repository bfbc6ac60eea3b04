"""Workloads by name, found through the entry point group `levinthal.workloads`; none is imported until it is asked for.

A plug-in declares, in its `pyproject.toml`::

    [project.entry-points."levinthal.workloads"]
    mine = "my_package:MyWorkload"
"""

from __future__ import annotations

from levinthal.errors import LevinthalError, UsageError
from levinthal.harness.contract.settings import SIZES, Settings
from levinthal.harness.contract.workload import Workload
from levinthal.plugins import Registry


def _problems(name: str, kind: object) -> list[str]:
    """Say what could not be run; the finer rules are those of `levinthal check --workload`."""
    settings = getattr(kind, "Settings", None)
    found = []
    if getattr(kind, "name", None) != name:
        found.append(f"its `name` is {getattr(kind, 'name', None)!r}, its entry point says {name!r}")
    if not isinstance(getattr(kind, "version", None), int):
        found.append("its `version` is not an integer")
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        found.append("its `Settings` is not a subclass of levinthal.harness.Settings")
    elif missing := [size for size in SIZES if size not in settings.sizes]:
        found.append(f"its Settings.sizes lacks {', '.join(missing)}")
    if not callable(getattr(kind, "run", None)):
        found.append("it has no method run(run, settings)")
    return found


WORKLOADS = Registry("workload", "levinthal.workloads", problems=_problems)


def load_workload(name: str) -> Workload:
    """Import a workload and make it.

    Raises
    ------
    UsageError
        No such workload, or one that cannot be imported or made or does not keep the contract.
    MissingExtraError
        It needs an optional package.
    """
    kind = WORKLOADS.load(name)
    try:
        return kind()  # type: ignore[no-any-return]
    except LevinthalError:
        raise
    except Exception as error:  # another package's code
        raise UsageError(f"workload {name!r} cannot be made: {error!r}: fix or reinstall it") from error
