"""Learners by name: the modules of `built_in`, and plug-ins of the entry point group `levinthal.learners`.

A plug-in declares, in its `pyproject.toml`, something to be called with the settings that returns a `Learner`::

    [project.entry-points."levinthal.learners"]
    mine = "my_package:MyLearner"
"""

from __future__ import annotations

from typing import Any, cast

from levinthal.errors import UsageError
from levinthal.plugins import Registry
from levinthal.workloads.sampling.learners.learner import Learner

LEARNERS = Registry("learner", "levinthal.learners", "levinthal.workloads.sampling.learners.built_in")


def make_learner(name: str, **settings: Any) -> Learner:
    """Make a learner.

    Raises
    ------
    UsageError
        An unknown learner or setting, a value out of range, or a plug-in that is not a learner.
    """
    learner = LEARNERS.make(name, **settings)
    if getattr(learner, "name", None) != name or not hasattr(learner, "fit"):
        raise UsageError(f"learner {name!r} does not keep the contract: it needs a method `fit`, and `name` {name!r}")
    return cast(Learner, learner)
