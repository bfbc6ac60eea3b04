"""Learners by name."""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from levinthal.errors import UsageError
from levinthal.workloads.sampling.learners.components import CoordinatesLearner, PCALearner
from levinthal.workloads.sampling.loop.retraining import Learner

__all__ = ["LEARNERS", "make_learner"]

LEARNERS = ("coordinates", "pca", "cvae")


def make_learner(name: str, **settings: Any) -> Learner:
    """Make a learner: "coordinates", "pca" or "cvae".

    Raises
    ------
    UsageError
        An unknown learner or setting, or a value out of range.
    """
    kind: type[Any]
    if name == "coordinates":
        kind = CoordinatesLearner
    elif name == "pca":
        kind = PCALearner
    elif name == "cvae":
        from levinthal.workloads.sampling.learners.cvae import CVAELearner  # brings torch

        kind = CVAELearner
    else:
        raise _unknown("learner", name, LEARNERS)
    known = tuple(each.name for each in fields(kind))
    for each in settings:
        if each not in known:
            raise _unknown(f"setting of learner {name}:", each, known)
    learner: Learner = kind(**settings)
    return learner


def _unknown(what: str, name: str, known: tuple[str, ...]) -> UsageError:
    near = get_close_matches(name, known, n=1)
    return UsageError(f"{what} {name!r} is unknown: {f'did you mean {near[0]}?' if near else f'there are {known}'}")
