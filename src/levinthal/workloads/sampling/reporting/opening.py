"""What a study opens with: of each system where each policy stands between plain simulation and those who know.

One picture, and in words where sampling that is driven by a model pays and where it does not.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levinthal.harness import Run
from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of
from levinthal.workloads.sampling.study.comparison import TARGET, PolicyComparison
from levinthal.workloads.sampling.study.evaluation import Cost
from levinthal.workloads.sampling.study.possible import TELLING, PolicyShare, telling_cost
from levinthal.workloads.sampling.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vP*X<>"
_CAPTION = (
    "Of each system the bar from plain simulation (0) to the best of those who know the answer (1), chosen on other "
    "seeds, and where each policy stands, with 95 % intervals. Hollow: controls. An arrow: the interval goes on."
)
_LINE = 90
_NOBODY_KNOWS = "no policy that knows the answer took part: add oracle to the policies"
_SHOWN, _ROOM = (-0.6, 1.3), 1.85


@dataclass(frozen=True, eq=False)
class SystemStanding:
    """Where the policies stand on a system.

    Attributes
    ----------
    system : str
        Its name.
    cost : str
        At equal what.
    ratio : str
        By which ratio, in words.
    shares : mapping of str to PolicyShare
        Of each policy but the baseline and the ceilings; empty where nothing is told.
    controls : tuple of str
        Those of them that are controls.
    driven : tuple of str
        Those that look at a model.
    over : mapping of str to PolicyRatio
        That ratio of those driven by a model, to the baseline.
    ahead : mapping of str to bool
        Whether they are surely ahead of it and of each control that does not know the answer.
    why : str
        Why no share is told.
    """

    system: str
    cost: Cost
    ratio: str
    shares: Mapping[str, PolicyShare]
    controls: tuple[str, ...]
    driven: tuple[str, ...]
    over: Mapping[str, PolicyRatio]
    ahead: Mapping[str, bool]
    why: str = ""

    @property
    def ceiling(self) -> str:
        """The ceiling over the baseline, in words."""
        ratio = next((each.ceiling for each in self.shares.values() if each.ceiling is not None), None)
        return "" if ratio is None else f"who knows: {ratio.value:.2g} times [{ratio.low:.2g}, {ratio.high:.2g}]"


def standing_of(
    study: StudyResult, shares: Sequence[PolicyShare], comparisons: Sequence[PolicyComparison], name: str = ""
) -> SystemStanding:
    """Return where the policies of a study stand, by the first ratio by which the ceiling is surely ahead.

    Parameters
    ----------
    study : StudyResult
        Of one system.
    shares : sequence of PolicyShare
        Of its policies; empty where no ceiling takes part.
    comparisons : sequence of PolicyComparison
        Of its policies.
    name : str
        Of the system, where it is not to be called by its own.
    """
    driven = tuple(policy for policy in study.outcomes if study.declared[policy].needs_model)
    cost = telling_cost(study.budgets, study.cost)
    mine = [each for each in shares if each.cost == cost]
    known = dict.fromkeys((each.name, each.labels.get(TARGET, ""), each.words) for each in mine)
    ratios = sorted(known, key=lambda each: TELLING.index(each[:2]))
    why = _NOBODY_KNOWS
    told: dict[str, PolicyShare] = {}
    ratio: tuple[str, str] | None = None
    for title, target, _ in ratios:
        own = {each.policy: each for each in mine if (each.name, each.labels.get(TARGET, "")) == (title, target)}
        if any(each.told for each in own.values()):
            told, ratio, why = own, (title, target), ""
            break
        why = next(iter(own.values())).share.method
    found = {
        (each.name, each.labels.get(TARGET, ""), each.candidate, each.baseline): each.ratio
        for each in comparisons
        if each.cost == cost and each.ratio is not None and each.candidate in driven
    }
    if ratio is None:  # by the first by which there is anything to tell
        ratio = next((each for each in TELLING if any(key[:2] == each for key in found)), TELLING[0])
    blind = {study.baseline, *(each for each in study.controls if not study.declared[each].wants_answer)}
    against = {policy: [found.get((*ratio, policy, each)) for each in blind - {policy}] for policy in driven}
    return SystemStanding(
        system=name or study.system.name,
        cost=cost,
        ratio=f"{ratio[0]} ({ratio[1]})" if ratio[1] else ratio[0],
        shares=told,
        controls=study.controls,
        driven=driven,
        over={policy: found[key] for policy in driven if (key := (*ratio, policy, study.baseline)) in found},
        ahead={policy: all(each and each.low > 1.0 for each in sides) for policy, sides in against.items()},
        why=why,
    )


def report_opening(run: Run, standings: Sequence[SystemStanding]) -> None:
    """Leave the picture that the report opens with, and say in words where sampling driven by a model pays.

    Where no policy that knows the answer took part there is nothing to draw, and that is said.
    """
    if all(each.why == _NOBODY_KNOWS for each in standings):
        run.note(f"What share of the possible is reached is not told: {_NOBODY_KNOWS}.")
    else:
        run.artifact("possible.svg", possible_figure(standings), _CAPTION, opens=True)
    for sentence in in_words(standings):
        run.finding(sentence)


def in_words(standings: Sequence[SystemStanding]) -> list[str]:
    """Return where sampling driven by a model pays, where not, and of what the share cannot be told."""
    pays: list[str] = []
    not_: list[str] = []
    unknown: list[str] = []
    for each in standings:
        best = [policy for policy in each.driven if each.ahead.get(policy)]
        shown = "; ".join(_shown(each, policy) for policy in best or each.driven if policy in each.over)
        if shown:
            (pays if best else not_).append(f"{each.system} (by {each.ratio}: {shown})")
        if not each.shares and each.why != _NOBODY_KNOWS:
            unknown.append(f"{each.system} ({each.why})")
    ahead = "surely ahead of plain simulation and of every control that does not know the answer"
    found = [f"Sampling driven by a model pays, {ahead}, on {', '.join(pays)}."] if pays else []
    if not_:
        found.append(f"{'It' if pays else 'Sampling driven by a model'} is not {ahead} on {', '.join(not_)}.")
    if unknown:
        found.append(f"What share of the possible is reached cannot be told of {', '.join(unknown)}.")
    return found


def _shown(standing: SystemStanding, policy: str) -> str:
    """Return the share that a policy reaches, or where that is not told its ratio to the baseline."""
    share = standing.shares.get(policy)
    if share is not None and share.told:
        value, low, high, of = share.share.value, share.share.low, share.share.high, " of the possible"
    else:
        ratio = standing.over[policy]
        value, low, high, of = ratio.value, ratio.low, ratio.high, " times plain simulation"
    return f"{policy} {value:.2f}{f' [{low:.2f}, {high:.2f}]' * math.isfinite(low)}{of}"


def possible_figure(standings: Sequence[SystemStanding]) -> str:
    """Draw the bar of each system from plain simulation (0) to those who know (1), and where each policy stands."""
    policies = list(dict.fromkeys(policy for each in standings for policy in each.shares))
    looks = {
        policy: (PALETTE[k % len(PALETTE)], _MARKERS[k // len(PALETTE) % len(_MARKERS)])
        for k, policy in enumerate(policies)
    }
    rows = [max(len(each.shares), 1) for each in standings]
    figure = new_figure(5.6, 0.8 + sum(0.75 + 0.2 * n for n in rows))
    axes, y = figure.subplots(), 0.0
    for standing, n in zip(standings, rows, strict=True):
        axes.text(_SHOWN[0], y - 0.2, standing.system, va="center", fontsize=9.5, fontweight="bold")
        if standing.shares:
            below = f"by {standing.ratio}, at equal {standing.cost}; {standing.ceiling}"
            axes.text(_SHOWN[0], y - 0.42, below, va="center", color="0.35", fontsize=7.5)
        y -= 0.2 * n + 0.75
        _row(axes, standing, y + 0.2, looks)
    for end in (0.0, 1.0):
        axes.axvline(end, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xlim=(_SHOWN[0] - 0.02, _ROOM), ylim=(y, 0.0), yticks=[])
    axes.set_xticks([-0.5, 0, 0.5, 1.0], ["-0.5", "0\nplain", "0.5", "1\nwho knows\nthe answer"])
    axes.set_xlabel("share of the possible")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return svg_of(figure)


def _row(axes: Axes, standing: SystemStanding, y: float, looks: Mapping[str, tuple[str, str]]) -> None:
    """Draw one system: its bar, and each policy on a line of its own."""
    if not standing.shares:
        why = textwrap.fill(f"not told: {standing.why}", _LINE)
        axes.text(_SHOWN[0], y + 0.3, why, va="center", color="0.35", fontsize=7.5)
        return
    n = len(standing.shares)
    axes.barh(y + 0.1 * (n - 1), 1.0, 0.2 * n + 0.1, color="0.93", zorder=0)
    for k, (policy, share) in enumerate(standing.shares.items()):
        at, (colour, marker) = y + 0.2 * (n - 1 - k), looks[policy]
        if not share.told:
            axes.text(0.02, at, f"{policy}: not told", va="center", color="0.45", fontsize=7.5)
            continue
        value, low, high = share.share.value, share.share.low, share.share.high
        if math.isfinite(low) and math.isfinite(high):
            ends = (max(low, _SHOWN[0]), min(high, _SHOWN[1]))
            axes.plot(ends, [at, at], color=colour, linewidth=1.6, zorder=2)
            for end, beyond, arrow in ((ends[0], low < _SHOWN[0], "<"), (ends[1], high > _SHOWN[1], ">")):
                if beyond:
                    axes.plot([end], [at], arrow, color=colour, markersize=5, clip_on=False)
        face = "white" if policy in standing.controls else colour
        if _SHOWN[0] <= value <= _SHOWN[1]:
            axes.plot([value], [at], marker, color=colour, markerfacecolor=face, markersize=6, zorder=3)
        right = min(max(value, high if math.isfinite(high) else value), _SHOWN[1])
        axes.annotate(f"{policy} {value:.2f}", (right, at), (6, 0), textcoords="offset points", va="center",
                      fontsize=8, annotation_clip=False)  # fmt: skip
