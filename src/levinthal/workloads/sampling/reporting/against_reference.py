"""Pictures of what campaigns found against what is known: populations, and the stationary mass of what was seen."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of
from levinthal.workloads.sampling.reporting.figures import legend_beside
from levinthal.workloads.sampling.study.evaluation import (
    frames_within,
    mass_curve,
    reweighted_populations,
)
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.result import StudyResult

_POINTS = 200
_BANDS = (0.25, 0.75)
_A_ROW = 4
_LEAST_SHOWN = 1e-6


def mass_figure(study: StudyResult, populations: Doubles) -> str:
    """Draw the stationary mass of the cells seen against the budget: means over campaigns, and their middle half."""
    cost, figure = study.cost, new_figure(6.4, 3.2)
    budget, axes = study.budgets[cost], figure.subplots()
    grid = np.linspace(0.0, budget, _POINTS)
    for k, (policy, side) in enumerate(study.outcomes.items()):
        colour = PALETTE[k % len(PALETTE)]
        curves = np.array([mass_curve(each, cost, grid, populations) for each in side])
        axes.plot(grid, curves.mean(axis=0), color=colour, label=policy)
        if len(curves) > 1:
            low, high = np.quantile(curves, _BANDS, axis=0)
            axes.fill_between(grid, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set(xlabel=f"budget of a campaign ({cost})", ylabel="stationary mass seen", xlim=(0, budget), ylim=(0, 1.03))
    legend_beside(axes)
    return svg_of(figure)


def population_figure(study: StudyResult, populations: Doubles) -> str:
    """Draw the population of each cell by each policy against the reference: medians over campaigns.

    Cells that a policy did not see, or of which its model knows nothing, stand on the lower edge.
    """
    n_rows = -(-len(study.outcomes) // _A_ROW)
    n_columns = min(len(study.outcomes), _A_ROW)
    figure = new_figure(2.5 * n_columns + 0.6, 2.6 * n_rows + 0.3)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    known = populations > 0
    floor = max(float(populations[known].min()), _LEAST_SHOWN)
    for k, (axes, (policy, side)) in enumerate(zip(panels.ravel(), study.outcomes.items(), strict=False)):
        found = []
        for outcome in side:
            within = frames_within(outcome, study.cost, study.budgets[study.cost])
            told, _ = attempt(
                lambda outcome=outcome, within=within: reweighted_populations(  # type: ignore[misc]
                    outcome, len(populations), study.lag, within
                )
            )
            found += [] if told is None else [told]
        axes.plot([floor, 1.0], [floor, 1.0], color="0.6", linewidth=0.8)
        axes.set_title(f"{policy}" + "\nno campaign is long enough" * (not found))
        if found:
            median = np.median(found, axis=0)
            shown = np.maximum(median[known], floor)
            axes.plot(populations[known], shown, ".", color=PALETTE[k % len(PALETTE)], markersize=2.5, rasterized=True)
    panels[0, 0].set(xscale="log", yscale="log", xlim=(floor, 1.5), ylim=(0.8 * floor, 1.5))
    for axes in panels.ravel():
        axes.minorticks_off()
    for axes in panels[-1]:
        axes.set_xlabel("reference")
    for axes in panels[:, 0]:
        axes.set_ylabel("population by the policy")
    for axes in panels.ravel()[len(study.outcomes) :]:
        axes.set_visible(False)
    return svg_of(figure)
