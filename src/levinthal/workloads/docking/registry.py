"""The docking searches by name: built-ins are the modules of `search/built_in`, plug-ins are entry points.

A plug-in derives from `search.contract.Search` and is declared in its package's `pyproject.toml`::

    [project.entry-points."levinthal.docking_searches"]
    mine = "my_package:MySearch"
"""

from __future__ import annotations

import dataclasses
from typing import Any

from levinthal.plugins import Registry


def _problems(name: str, search: Any) -> list[str]:
    """Return what of the contract a plug-in does not keep; its base class is not imported for that."""
    del name
    fields = {each.name for each in dataclasses.fields(search)} if dataclasses.is_dataclass(search) else set()
    wanted = {"n_poses"} | {field for declared, field in _GIVEN if getattr(search, declared, False)}
    found = [f"it is not a dataclass with the field {each}" for each in sorted(wanted - fields)]
    found += [
        f"it lacks {each}" for each in ("search", "warm_up", "at_budget") if not callable(getattr(search, each, None))
    ]
    if not isinstance(getattr(search, "shown", None), str):
        found.append("it has no text `shown`")
    return found


_GIVEN = (("all_cores", "threads"), ("needs_model", "model"))
"""What a search declares, and the field that it is then given."""


class _Searches(Registry):
    """The registry, and what a search learns."""

    def learns(self, name: str) -> str:
        """Return the kind of model that a search needs, empty where it needs none."""
        return str(getattr(self.load(name), "learns", "moves")) if self.declared(name, "needs_model") else ""


SEARCHES = _Searches(
    "docking search",
    "levinthal.docking_searches",
    package="levinthal.workloads.docking.search.built_in",
    problems=_problems,
)


def make_search(name: str, **given: Any) -> Any:
    """Return a `Search` with `n_poses` and, of `threads` and `model`, what it declares that it wants.

    Raises
    ------
    UsageError
        There is none of that name, or it does not keep the contract.
    MissingExtraError
        It needs an optional package.
    """
    unwanted = {field for declared, field in _GIVEN if not SEARCHES.declared(name, declared)}
    return SEARCHES.make(name, **{field: value for field, value in given.items() if field not in unwanted})
