"""What a study found, in sentences that stand beside its verdict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from levinthal.workloads.sampling.study.evaluation import coverage_at, first_arrival
from levinthal.workloads.sampling.study.result import StudyResult

__all__ = ["findings"]


def findings(study: StudyResult, headline: str = "") -> Iterator[str]:
    """Yield the headline, or what each policy saw; whether the event was met, and where nothing was learned."""
    cost = study.cost
    budget = study.budgets[cost]
    cells = {
        policy: float(np.median([coverage_at(each, cost, budget) for each in side]))
        for policy, side in study.outcomes.items()
    }
    ranked = sorted(cells, key=lambda policy: -cells[policy])
    seen = ", ".join(f"{policy} {cells[policy]:g}" for policy in ranked)
    several = any(len(side) > 1 for side in study.outcomes.values())
    yield headline or f"Cells seen within {_amount(budget)} {cost}{', medians of the campaigns' * several}: {seen}."
    if event := study.system.observables.event:
        every = [outcome for side in study.outcomes.values() for outcome in side]
        met = sum(first_arrival(outcome, cost) <= budget for outcome in every)
        if not headline or not met:
            yield f"{met or 'None'} of {len(every)} campaign(s) met the event ({event})."
    for policy, side in study.outcomes.items():
        if study.declared[policy].needs_model and not any(outcome.n_models for outcome in side):
            yield (
                f"{policy}: no model yet: this was plain simulation. The first is trained on first_training_frames; "
                "raise core_seconds or steps, or lower that."
            )
        elif policy != study.baseline and not any(outcome.n_restarts for outcome in side):
            yield f"{policy}: no walker was restarted: this was plain simulation."


def _amount(budget: float) -> str:
    return f"{budget:,.0f}" if budget >= 1000 else f"{budget:.3g}"
