"""Policies by name: the modules of `built_in`, and plug-ins of the entry point group `levinthal.policies`.

A plug-in declares, in its `pyproject.toml`, something to be called with the settings that returns a `Policy`::

    [project.entry-points."levinthal.policies"]
    mine = "my_package:MyPolicy"
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast

from levinthal.errors import UsageError
from levinthal.plugins import Registry
from levinthal.workloads.sampling.policies.view import Policy

POLICIES = Registry("policy", "levinthal.policies", "levinthal.workloads.sampling.policies.built_in")


@dataclass(frozen=True)
class Declared:
    """What a policy says of itself; see `levinthal.workloads.sampling.policies.view.Policy`."""

    needs_model: bool = True
    wants_target: bool = False
    is_control: bool = False
    wants_answer: bool = False
    is_ceiling: bool = False
    resamples: bool = False
    wants_event: bool = False
    recycles: bool = False


def declared_by(policy: object) -> Declared:
    """Return what a policy, or its class, declares; `directed`, of earlier versions, is read as `wants_target`."""
    said = {name: getattr(policy, name) for name in Declared.__dataclass_fields__ if hasattr(policy, name)}
    if "wants_target" not in said and hasattr(policy, "directed"):
        name = getattr(policy, "name", policy)
        warnings.warn(f"policy {name}: `directed` is now `wants_target`: declare that", FutureWarning, stacklevel=2)
        said["wants_target"] = policy.directed
    return Declared(**said)


def make_policy(name: str, **settings: Any) -> Policy:
    """Make a policy; each campaign needs its own.

    Parameters
    ----------
    name : str
        One of `POLICIES.names()`.
    **settings
        As in the dataclass of its settings.

    Raises
    ------
    UsageError
        An unknown policy or setting, a value out of range, or a plug-in that cannot be imported or is not a policy.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.sampling import View, make_policy
    >>> rng = np.random.default_rng(0)
    >>> embedding, frames = rng.normal(size=(200, 2)), np.zeros((200, 10, 3), np.float32)
    >>> view = View.of_trajectories(embedding, np.repeat([0, 1], 100), np.tile(np.arange(100), 2), frames)
    >>> policy = make_policy("random")
    >>> policy.refresh(view, rng)
    >>> policy.decide(0, view, rng).frame in range(200)
    True
    """
    policy = POLICIES.make(name, **settings)
    problems = []
    if getattr(policy, "name", None) != name:
        problems.append(f"its `name` is {getattr(policy, 'name', None)!r}, its entry point says {name!r}")
    problems += [
        f"its `{each}` is not True or False"
        for each in (*Declared.__dataclass_fields__, "directed")
        if not isinstance(getattr(policy, each, False), bool)
    ]
    asked = "resample" if getattr(policy, "resamples", False) is True else "decide"
    problems += [f"it has no method {method}" for method in ("refresh", asked) if not hasattr(policy, method)]
    if problems:
        raise UsageError(f"policy {name!r} does not keep the contract: {'; '.join(problems)}: update its package")
    return cast(Policy, policy)
