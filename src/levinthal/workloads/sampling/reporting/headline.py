"""The headline of a system: what share of the possible the declared policy reaches, else what it gains over plain."""

from __future__ import annotations

import math
from collections.abc import Sequence

from levinthal.harness import Run
from levinthal.workloads.sampling.study.comparison import EVENT, TARGET, PolicyComparison
from levinthal.workloads.sampling.study.evaluation import Cost
from levinthal.workloads.sampling.study.possible import PolicyShare, headline_share, telling_cost
from levinthal.workloads.sampling.study.result import HEADLINE, StudyResult

DECLARED_SHARE, DECLARED_GAIN = f"{HEADLINE} (declared policy)", "gain over the baseline (declared policy)"


def report_headline(
    run: Run, study: StudyResult, shares: Sequence[PolicyShare], comparisons: Sequence[PolicyComparison]
) -> str:
    """Record the share that each policy is known by; that of the declared one and its gain are the main figures.

    Returns
    -------
    str
        The headline in words, empty where there is nothing to compare.
    """
    cost, leader = telling_cost(study.budgets, study.cost), study.leader
    why = {each.policy: each.share.method for each in reversed(shares) if each.cost == cost}
    known = {policy: headline_share(shares, policy, cost) for policy in why}
    for policy, share in known.items():
        names = (HEADLINE, DECLARED_SHARE) if policy == leader else (HEADLINE,)
        value = share.share.value if share is not None and share.told else None
        reason = why[policy] if share is None else share.share.method
        for name in names:
            run.metric(name, value, unit="1", better="higher", kind="quality", reason=reason, labels={"policy": policy})
    gain = _gain(study, comparisons, leader, cost)
    ratio = gain.ratio if gain is not None and gain.ratio and math.isfinite(gain.ratio.value) else None
    if gain is not None:
        run.metric(
            DECLARED_GAIN, None if ratio is None else ratio.value, unit="1", better="higher", kind="quality",
            reason=gain.reason or "the baseline found nothing to divide by", labels={"policy": leader},
        )  # fmt: skip
    share = known.get(leader)
    if share is not None and share.told:
        value, low, high = share.share.value, share.share.low, share.share.high
        return (
            f"{leader} reaches {value:.2f}{_limits(low, high)} of the possible by {share.words}, at equal {cost}: "
            f"{study.baseline} is 0, who knows the answer 1."
        )
    if gain is None or ratio is None:
        return ""
    without = (
        "" if not study.ceilings else " No share of the possible: the ceiling is not surely ahead, or was not met."
    )
    return (
        f"{leader} over {study.baseline} by {gain.words}, at equal {cost}: {ratio.value:.2f} times"
        f"{_limits(ratio.low, ratio.high)}, {ratio.verdict}.{without}"
    )


def _gain(
    study: StudyResult, comparisons: Sequence[PolicyComparison], policy: str, cost: Cost
) -> PolicyComparison | None:
    """Return the ratio to the baseline that is told of such a system: of times to its event, if it has one."""
    by = ("cells seen", "") if study.reference is None else ("better", "")
    wanted = (policy, study.baseline, cost, *(("faster", EVENT) if study.system.observables.event else by))
    found = {
        (each.candidate, each.baseline, each.cost, each.name, each.labels.get(TARGET, "")): each for each in comparisons
    }
    return found.get(wanted)


def _limits(low: float, high: float) -> str:
    return f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) and math.isfinite(high) else ""
