"""Kinds of studies by name, and the plan of one from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levinthal.harness.contract.settings import make_settings
from levinthal.harness.contract.workload import Workload
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.study.kind import Study
from levinthal.plugins import Registry


def _problems(name: str, kind: object) -> list[str]:
    del name
    return [] if isinstance(kind, type) and issubclass(kind, Study) else ["it is not a levinthal.harness.study Study"]


STUDIES = Registry(kind="study", group="levinthal.studies", package="levinthal.harness.study.kinds", problems=_problems)


def plan_study(kind: str, workload: Workload, asked: Mapping[str, Any]) -> StudyPlan:
    """Return the plan of a study.

    Parameters
    ----------
    kind : str
        Its name.
    workload : Workload
    asked : mapping of str to value
        Options of the kind.

    Raises
    ------
    UsageError
        An unknown kind or option, or one that does not fit the workload.
    """
    thing = STUDIES.load(kind)
    options = make_settings(thing.Options, "tiny", asked)
    plan = thing(workload, options).plan()
    arguments = [f"{key}={value}" for key, value in asked.items()]
    return StudyPlan.model_validate(
        {
            "command": ("study", kind),
            "arguments": [word for argument in arguments for word in ("--option", argument)],
            **plan.model_dump(exclude_unset=True),
            "kind": kind,
            "options": options.model_dump(mode="json"),
        }
    )


def study_of(plan: StudyPlan, workload: Workload) -> Study[Any]:
    """Return the study that a plan is of; errors as for `plan_study`."""
    thing = STUDIES.load(plan.kind)
    study: Study[Any] = thing(workload, make_settings(thing.Options, "tiny", plan.options))
    return study
