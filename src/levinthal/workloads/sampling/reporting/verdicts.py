"""Ratios of policies as figures and comparisons, and in words what must not be overlooked of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.harness.results.result import CANNOT_TELL, Terms
from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.workloads.sampling.study.comparison import THREE, PolicyComparison
from levinthal.workloads.sampling.study.evaluation import Cost
from levinthal.workloads.sampling.study.possible import PolicyShare, telling_cost

BY_RATIO = "share of the possible by ratio"


def report_ratios(run: Run, comparisons: Sequence[PolicyComparison], baseline: str, controls: Collection[str]) -> None:
    """Record the ratios to the baseline as figures, those of controls last."""
    for each in sorted(comparisons, key=lambda each: each.candidate in controls):
        if each.baseline == baseline:
            run.metric(
                f"ratio of {each.name}" if each.name not in THREE else each.name,
                None if each.ratio is None else each.ratio.value,
                unit="1",
                better="higher",
                reason=each.reason or "the baseline found nothing to divide by",
                labels={"policy": each.candidate, "baseline": each.baseline, "cost": each.unit, **each.labels},
            )


def report_comparisons(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Record every ratio, those of the three first."""
    costs = list(dict.fromkeys(each.cost for each in comparisons))

    def place(each: PolicyComparison) -> tuple[bool, bool, int]:
        return each.candidate in controls, each.name not in THREE, costs.index(each.cost)

    for each in sorted(comparisons, key=place):
        ratio, method, reason = each.ratio, "", each.reason
        if ratio is not None:
            missed = ratio.n_missed_baseline, ratio.n_missed_candidate
            late = "; within the budget {} of {} and {} of {} did not arrive"
            method = ratio.method + late.format(missed[0], each.baseline, missed[1], each.candidate) * any(missed)
            if not np.isfinite(ratio.value):
                reason = f"the baseline found nothing: {ratio.verdict}, at least {ratio.low:.3g} times"
        run.comparison(
            each.name,
            candidate=each.candidate,
            baseline=each.baseline,
            terms=Terms(amount=each.budget, unit=each.cost),
            value=None if ratio is None else ratio.value,
            interval=None if ratio is None else (ratio.low, ratio.high),
            n=0 if ratio is None else ratio.n_pairs,
            verdict=CANNOT_TELL if ratio is None or not np.isfinite(ratio.value) else ratio.verdict,
            method=method,
            reason=reason,
            labels={"cost": each.unit, **each.labels},
        )


def report_controls(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Say plainly where a policy gave nothing over a control, and where it is behind one: all three ratios together."""
    groups: dict[tuple[str, str], list[PolicyComparison]] = {}
    for each in comparisons:
        judged = each.name in THREE and each.ratio is not None
        if judged and each.baseline in controls and each.candidate not in controls:
            groups.setdefault((each.candidate, each.baseline), []).append(each)
    for (candidate, control), group in groups.items():
        ahead, behind = (
            [each for each in group if each.ratio and told(each.ratio)] for told in (_is_ahead, _is_behind)
        )
        if not ahead:
            how = "better than" if behind else "as well as"
            shown = "; ".join(map(_shown, group))
            run.note(f"The control {control} does {how} {candidate} at equal {group[0].cost}: {shown}.")
        elif behind:
            shown = "; ".join(map(_shown, behind))
            run.note(f"{candidate} is behind the control {control} at equal {group[0].cost}: {shown}.")


def _is_ahead(ratio: PolicyRatio) -> bool:
    return ratio.verdict != CANNOT_TELL and ratio.value > 1.0


def _is_behind(ratio: PolicyRatio) -> bool:
    return ratio.verdict != CANNOT_TELL and ratio.value < 1.0


def _shown(each: PolicyComparison) -> str:
    ratio = each.ratio
    assert ratio is not None
    limits = f" [{ratio.low:.2g}, {ratio.high:.2g}]" if np.isfinite(ratio.low) else ""
    return f"{each.words} {ratio.value:.2g}{limits}, {ratio.verdict}"


def report_shares(run: Run, shares: Sequence[PolicyShare], baseline: str, cost: Cost) -> None:
    """Record what share of the possible each policy reaches, and say it of each in a sentence."""
    for each in shares:
        labels = {"policy": each.policy, "ratio": each.name, "cost": each.cost.removesuffix("s"), **each.labels}
        share, told = each.share, each.told
        reason = "" if told else share.method
        run.metric(BY_RATIO, share.value if told else None, unit="1", better="higher", kind="quality",
                   reason=reason, labels=labels)  # fmt: skip
        if told:
            limits = (share.value, share.low, share.high)
            run.samples(f"{BY_RATIO} and its limits", limits, unit="1", labels=labels)
    cost = telling_cost([each.cost for each in shares], cost)
    for policy in dict.fromkeys(each.policy for each in shares):
        own = [each for each in shares if each.policy == policy and each.cost == cost]
        said = "; ".join(map(_share_shown, own))
        run.note(f"{policy} between {baseline} (0) and those who know the answer (1), at equal {cost}: {said}.")


def _share_shown(each: PolicyShare) -> str:
    if not each.told:
        return f"{each.words} not told ({each.share.method})"
    return f"{each.words} {each.share.value:.2f} [{each.share.low:.2f}, {each.share.high:.2f}]"
