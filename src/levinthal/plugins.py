"""Things found by name: those of a folder of the package, and those that other packages declare as entry points.

One `Registry` serves each kind (policy, learner, system, docking search, engine, study, workload). A built-in is one
module of the kind's folder: its name is the module's, with hyphens, and the module holds the thing under the kind's
attribute::

    # policies/built_in/least_counts.py
    POLICY = LeastCountsPolicy

Nothing else mentions it. A plug-in declares, in its `pyproject.toml`::

    [project.entry-points."levinthal.policies"]
    mine = "my_package:MyPolicy"

Names are listed without importing anything; a thing is imported when it is asked for. What a thing can do or wants
(`needs_model`, `wants_target`, `is_control`, ...) it declares by attributes, which `Registry.declared` reads.
"""

from __future__ import annotations

import dataclasses
import math
import pkgutil
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

from levinthal.errors import LevinthalError, MissingExtraError, UsageError


def unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among those known, with the nearest one, or all, as its fix."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"
    return UsageError(f"{what} {name!r} is unknown: {hint}")


def check_values(settings: object, **allowed: float | tuple[Any, ...]) -> None:
    """Refuse settings of a thing that are out of range.

    Parameters
    ----------
    settings : object
        With an attribute for each key.
    **allowed
        A number is the least value, two are the least and the largest, words are the choices.

    Raises
    ------
    UsageError
        A value is not allowed, or not a number.
    """
    for name, bounds in allowed.items():
        value = getattr(settings, name)
        given = bounds if isinstance(bounds, tuple) else (bounds, math.inf)
        if isinstance(given[0], str):
            wrong, what = value not in given, f"choose {', '.join(given[:-1])} or {given[-1]}"
        else:
            low, high = given
            wrong = isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high
            what = f"it must be at least {low:g}" if high == math.inf else f"it must be from {low:g} to {high:g}"
        if wrong:
            raise UsageError(f"setting {name} is {value!r}: {what}")


def _no_problem(name: str, thing: object) -> list[str]:
    del name, thing
    return []


@lru_cache
def _names_in(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the built-ins in a package's folders; campaigns ask often, and an installation stays."""
    modules = pkgutil.iter_modules(folders)
    return tuple(sorted(each.name.replace("_", "-") for each in modules if not each.name.startswith("_")))


@dataclasses.dataclass(frozen=True)
class Registry:
    """All things of one kind, by name.

    Attributes
    ----------
    kind : str
        For messages: `policy`, `learner`.
    group : str
        Entry point group of plug-ins.
    package : str or None
        Package whose modules are the built-ins; None where even built-ins are entry points. A module whose name begins
        with an underscore is not one.
    attribute : str
        What a built-in's module calls it; by default the kind in capitals.
    problems : callable
        Given the name and the thing, says what of the contract it does not keep.
    """

    kind: str
    group: str
    package: str | None = None
    attribute: str = ""
    problems: Callable[[str, Any], list[str]] = _no_problem

    def built_in(self) -> tuple[str, ...]:
        """Return the names of the package's own, sorted."""
        if self.package is None:
            return ()
        spec = find_spec(self.package)
        assert spec is not None, self.package
        assert spec.submodule_search_locations is not None, self.package
        return _names_in(tuple(spec.submodule_search_locations))

    def plug_ins(self) -> dict[str, EntryPoint]:
        """Return the entry points of the group, sorted by name.

        Raises
        ------
        UsageError
            Two packages give the same name to different things.
        """
        found: dict[str, EntryPoint] = {}
        own = self.built_in()
        for point in sorted(entry_points(group=self.group), key=lambda point: point.name):
            other = found.setdefault(point.name, point)
            if other.value != point.value or point.name in own:
                owner = "Levinthal" if point.name in own else other.value
                raise UsageError(
                    f"{self.kind} {point.name!r} is declared by both {owner} and {point.value}: rename or uninstall one"
                )
        return found

    def names(self) -> tuple[str, ...]:
        """Return all names, the package's own first; nothing is imported."""
        return (*self.built_in(), *self.plug_ins())

    def check(self, names: Iterable[str]) -> None:
        """Refuse names that are not known; nothing is imported.

        Raises
        ------
        UsageError
            For the first of them, with the nearest name.
        """
        known = self.names()
        for name in names:
            if name not in known:
                raise unknown(self.kind, name, known)

    def load(self, name: str) -> Any:
        """Import a thing: a class or another factory.

        Raises
        ------
        UsageError
            No such thing, or one that cannot be imported or does not keep the contract.
        MissingExtraError
            It needs an optional package.
        """
        if name in self.built_in():
            module = import_module(f"{self.package}.{name.replace('-', '_')}")
            return getattr(module, self.attribute or self.kind.rpartition(" ")[2].upper())
        points = self.plug_ins()
        if name not in points:
            raise unknown(self.kind, name, self.names())
        point = points[name]
        try:
            thing = point.load()
        except LevinthalError:
            raise
        except ModuleNotFoundError as error:
            if error.name and not point.value.startswith(error.name.partition(".")[0]):
                raise MissingExtraError(error.name, "all", f"{self.kind} {name}") from None
            raise self._broken(point, "cannot be imported", f"{error}") from None
        except Exception as error:  # another package's code
            raise self._broken(point, "cannot be imported", repr(error)) from error
        self._check(name, point.value, thing)
        return thing

    def make(self, name: str, /, **settings: Any) -> Any:
        """Make a thing from its settings.

        One that has `Settings`, a dataclass, is called with an instance of it; any other with the settings themselves.

        Raises
        ------
        UsageError
            As for `load`; an unknown setting, or a value out of range.
        """
        thing = self.load(name)
        kind = getattr(thing, "Settings", None)
        fields = [each.name for each in dataclasses.fields(kind or thing)] if _is_data(kind or thing) else None
        for each in settings if fields is not None else ():
            if each not in fields:  # type: ignore[operator]
                raise unknown(f"setting of {self.kind} {name}:", each, fields)  # type: ignore[arg-type]
        try:
            return thing(kind(**settings)) if kind is not None else thing(**settings)
        except LevinthalError:
            raise
        except Exception as error:
            if name in self.built_in():
                raise
            if settings and isinstance(error, ValueError):  # how Python says that an argument is out of range
                raise UsageError(f"setting of {self.kind} {name}: {error}: give another value") from error
            point = self.plug_ins()[name]
            raise self._broken(point, "cannot be made", repr(error)) from error

    def declared(self, name: str, capability: str) -> bool:
        """Return what a thing declares of itself, false where it does not say."""
        return bool(getattr(self.load(name), capability, False))

    def _check(self, name: str, value: str, thing: object) -> None:
        if problems := self.problems(name, thing):
            raise UsageError(f"{self.kind} {name!r} ({value}) does not keep the contract: {'; '.join(problems)}")

    def _broken(self, point: EntryPoint, what: str, why: str) -> UsageError:
        return UsageError(f"{self.kind} {point.name!r} ({point.value}) {what}: {why}: fix or reinstall it")


def _is_data(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)
