"""Policies by name; others come through the entry point group `levinthal.policies`.

A plug-in declares, in its `pyproject.toml`, something to be called with the settings that returns a `Policy`::

    [project.entry-points."levinthal.policies"]
    mine = "my_package:make_my_policy"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, cast

from levinthal.errors import LevinthalError, UsageError
from levinthal.workloads.sampling.policies.controls import PlainPolicy, PlainSettings, RandomPolicy, RandomSettings
from levinthal.workloads.sampling.policies.counts import (
    ClusterSettings,
    FastPolicy,
    FastSettings,
    LeastCountsPolicy,
    ReapPolicy,
    ReapSettings,
)
from levinthal.workloads.sampling.policies.directed import DirectedPolicy, DirectedSettings
from levinthal.workloads.sampling.policies.outliers import DbscanPolicy, DbscanSettings, LofPolicy, LofSettings
from levinthal.workloads.sampling.policies.view import Policy

__all__ = ["BUILT_IN", "GROUP", "BuiltIn", "make_policy", "policy_names"]

GROUP = "levinthal.policies"


@dataclass(frozen=True)
class BuiltIn:
    """A policy of the house and the dataclass of its settings."""

    policy: Callable[[Any], Policy]
    settings: type[Any]


BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "plain": BuiltIn(PlainPolicy, PlainSettings),
        "random": BuiltIn(RandomPolicy, RandomSettings),
        "least-counts": BuiltIn(LeastCountsPolicy, ClusterSettings),
        "dbscan": BuiltIn(DbscanPolicy, DbscanSettings),
        "lof": BuiltIn(LofPolicy, LofSettings),
        "fast": BuiltIn(FastPolicy, FastSettings),
        "reap": BuiltIn(ReapPolicy, ReapSettings),
        "directed": BuiltIn(DirectedPolicy, DirectedSettings),
    }
)


def _plug_ins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value or point.name in BUILT_IN:
            owner = "Levinthal" if point.name in BUILT_IN else other.value
            raise UsageError(
                f"policy {point.name!r} is declared by both {owner} and {point.value}: rename or uninstall one of them"
            )
    return found


def policy_names() -> tuple[str, ...]:
    """Return the names of all policies: those of the house, then plug-ins.

    Raises
    ------
    UsageError
        Two packages give the same name to different policies.
    """
    return (*BUILT_IN, *_plug_ins())


def _unknown(what: str, name: str, known: tuple[str, ...]) -> UsageError:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    return UsageError(f"{what} {name!r} is unknown: {hint}")


def make_policy(name: str, **settings: Any) -> Policy:
    """Make a policy; each campaign needs its own.

    Parameters
    ----------
    name : str
        One of `policy_names`.
    **settings
        As in the dataclass of its settings.

    Raises
    ------
    UsageError
        An unknown policy or setting, a value out of range, or a plug-in that cannot be imported or is no policy.
    """
    if name in BUILT_IN:
        built_in = BUILT_IN[name]
        known = tuple(each.name for each in fields(built_in.settings))
        for each in settings:
            if each not in known:
                raise _unknown(f"setting of policy {name}:", each, known)
        return built_in.policy(built_in.settings(**settings))
    points = _plug_ins()
    if name not in points:
        raise _unknown("policy", name, (*BUILT_IN, *points))
    point = points[name]
    try:
        policy = point.load()(**settings)
    except LevinthalError:
        raise
    except Exception as error:
        raise UsageError(f"policy {name!r} ({point.value}) cannot be made: {error!r}: mend or reinstall it") from error
    problems = []
    if getattr(policy, "name", None) != name:
        problems.append(f"its `name` is {getattr(policy, 'name', None)!r}, its entry point says {name!r}")
    if not isinstance(getattr(policy, "directed", None), bool):
        problems.append("its `directed` is not True or False")
    problems += [f"it has no method {method}" for method in ("refresh", "decide") if not hasattr(policy, method)]
    if problems:
        raise UsageError(f"policy {name!r} ({point.value}) does not keep the contract: {'; '.join(problems)}")
    return cast(Policy, policy)
