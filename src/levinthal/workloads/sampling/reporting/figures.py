"""Pictures of a study, as SVG: ratios, coverage and arrivals against the budget, free energy, latent space, lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from levinthal.arrays import Doubles, Floats, Integers, Mask, Singles
from levinthal.simulation.analysis.survival import band_of, durations, kaplan_meier
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import Cost, coverage_curve, first_arrival, prices
from levinthal.workloads.sampling.study.outcome import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Outcomes: TypeAlias = Mapping[str, Sequence[Outcome]]

_POINTS = 200
_MOST_DOTS = 4000
_MOST_LINES = 400
_KT_SHOWN = 12.0
_BANDS = (0.25, 0.75)
_STYLES: tuple[tuple[float, tuple[float, ...]], ...] = ((0, ()), (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))


def _colours(policies: Sequence[str]) -> dict[str, str]:
    return {policy: PALETTE[k % len(PALETTE)] for k, policy in enumerate(policies)}


def legend_beside(axes: Axes) -> None:
    """Put the names of lines beside them: of many policies they would cover what they name."""
    for k, line in enumerate(axes.get_lines()):
        line.set_linestyle(_STYLES[k // len(PALETTE) % len(_STYLES)])
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)


def ratio_figure(comparisons: Sequence[PolicyComparison]) -> str:
    """Draw each ratio with its interval on a logarithmic axis, the verdict beside it; those of one cost in one row."""
    costs = list(dict.fromkeys(each.cost for each in comparisons))
    rows = max(sum(each.cost == cost for each in comparisons) for cost in costs)
    figure = new_figure(3.9 * len(costs), 0.6 + 0.34 * rows)
    panels = figure.subplots(1, len(costs), squeeze=False)[0]
    for axes, cost in zip(panels, costs, strict=True):
        _ratios(axes, [each for each in comparisons if each.cost == cost])
        axes.set_title(f"at equal\n{cost}")
    return svg_of(figure)


def _ratios(axes: Axes, shown: Sequence[PolicyComparison]) -> None:
    colours = _colours(list(dict.fromkeys(each.candidate for each in shown)))
    for row, each in enumerate(reversed(shown)):
        ratio = each.ratio
        if ratio is None or not 0.0 < ratio.value < np.inf:
            nothing = "not measured" if ratio is None else ratio.verdict
            axes.text(1.05, row, nothing, va="center", color="0.45", fontsize=8)
            continue
        axes.plot([ratio.value], [row], "o", color=colours[each.candidate], markersize=5)
        if np.isfinite([ratio.low, ratio.high]).all():
            axes.plot(
                [max(ratio.low, 1e-3 * ratio.value), ratio.high],
                [row, row],
                color=colours[each.candidate],
                linewidth=1.6,
            )
        right = max([x for x in (ratio.value, ratio.high) if np.isfinite(x)])
        axes.annotate(f"{ratio.value:.2g} {ratio.verdict}", (right, row), (5, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
    axes.axvline(1.0, color="0.6", linewidth=0.8)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    low, high = min(low, 0.8), max(high, 1.25)
    axes.set_xlim(low, high * (high / low) ** 0.9)
    powers, steps = (range(-4, 5, 2), (1,)) if high > 100 * low else (range(-3, 4), (1, 2, 5))
    ticks = [tick for power in powers for step in steps if low <= (tick := step * 10.0**power) <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(
        range(len(shown)), [f"{each.words}\n{each.candidate} / {each.baseline}" for each in reversed(shown)]
    )
    axes.tick_params(axis="y", labelsize=7.5, length=0)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("ratio, above 1: the first is ahead")


def coverage_figure(outcomes: Outcomes, cost: Cost, budget: float) -> str:
    """Draw the cells seen against the budget: the mean of the replicas of each policy, and their middle half."""
    figure = new_figure(6.4, 3.2)
    axes = figure.subplots()
    grid = np.linspace(0.0, budget, _POINTS)
    for policy, colour in _colours(list(outcomes)).items():
        curves = np.array([coverage_curve(outcome, cost, grid) for outcome in outcomes[policy]])
        axes.plot(grid, curves.mean(axis=0), color=colour, label=policy)
        if len(curves) > 1:
            low, high = np.quantile(curves, _BANDS, axis=0)
            axes.fill_between(grid, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set(xlabel=f"budget of a campaign ({cost})", ylabel="cells seen", xlim=(0, budget), ylim=(0, None))
    legend_beside(axes)
    return svg_of(figure)


def arrival_figure(outcomes: Outcomes, cost: Cost, budget: float, event: str) -> str:
    """Draw the probability that a campaign has met the event, against the budget, by Kaplan and Meier.

    Campaigns without it count as watched until the budget was spent. The bands are pointwise 95 % intervals by
    Greenwood's variance of log(-log S).
    """
    figure = new_figure(6.4, 2.8)
    axes = figure.subplots()
    for policy, colour in _colours(list(outcomes)).items():
        times = np.array([first_arrival(outcome, cost) for outcome in outcomes[policy]])
        curve = kaplan_meier(durations(np.minimum(times, budget), times <= budget))
        met, at = 1.0 - np.array([1.0, *curve.survival]), [0.0, *curve.steps, budget]
        axes.step(at, [*met, met[-1]], where="post", color=colour, label=policy)
        low, high = band_of(curve)
        if len(low):
            axes.fill_between(at[1:], [*(1 - high), 1 - high[-1]], [*(1 - low), 1 - low[-1]], step="post",
                              color=colour, alpha=0.12, linewidth=0)  # fmt: skip
    axes.set(xlabel=f"budget of a campaign ({cost})", ylabel="probability to have met it", xlim=(0, budget),
             ylim=(0, 1.03))  # fmt: skip
    axes.set_title(event)
    legend_beside(axes)
    return svg_of(figure)


def free_energy_figure(panels: Mapping[str, tuple[Singles, Doubles]], labels: tuple[str, str]) -> str:
    """Draw -ln of the weighted histogram of each set of frames, in kT, on common axes.

    Where frames were but have no weight the place is grey, and their number stands above: a state that a chain only
    entered has no free energy, and must not look as if it had not been seen.

    Parameters
    ----------
    panels : mapping of str to tuple of two ndarray
        By title: coordinates, shape (n_frames, 2), and weights, shape (n_frames,).
    labels : tuple of str
        Names of both coordinates.
    """
    figure = new_figure(3.0 * len(panels) + 0.7, 3.1)
    row = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    together = np.concatenate([values for values, _ in panels.values()])
    low, high = together.min(axis=0), together.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    edges = [np.linspace(low[k] - 0.02 * span[k], high[k] + 0.02 * span[k], 41) for k in range(2)]
    image = None
    for axes, (title, (values, weights)) in zip(row, panels.items(), strict=True):
        energy, outside = free_energy_grid(values, weights, edges)
        grey = np.ma.masked_equal(outside.astype(np.float64), 0.0).T
        axes.pcolormesh(*edges, grey, cmap="Greys", vmin=0.0, vmax=2.5, rasterized=True)
        shown = np.ma.masked_invalid(np.minimum(energy, _KT_SHOWN).T)
        image = axes.pcolormesh(*edges, shown, cmap="viridis", vmin=0.0, vmax=_KT_SHOWN, rasterized=True)
        n_without = int((weights == 0).sum())
        told = f"\n{n_without:,} of {len(weights):,} frames outside the model" if n_without else ""
        axes.set(title=f"{title}{told}", xlabel=labels[0])
    row[0].set_ylabel(labels[1])
    if image is not None:
        figure.colorbar(image, ax=list(row), label="free energy (kT)")
    return svg_of(figure)


def free_energy_grid(values: Floats, weights: Doubles, edges: Sequence[Doubles]) -> tuple[Doubles, Mask]:
    """Return the free energy of each place of a grid, and which places were seen but have no weight.

    Parameters
    ----------
    values : ndarray, shape (n_frames, 2)
    weights : ndarray, shape (n_frames,)
        Not all 0.
    edges : sequence of two ndarray
        Of the places along each coordinate.

    Returns
    -------
    energy : ndarray of float64
        In kT above the lowest; NaN where no frame with a weight is.
    outside : ndarray of bool
    """
    mass, _, _ = np.histogram2d(values[:, 0], values[:, 1], bins=edges, weights=weights)
    seen, _, _ = np.histogram2d(values[:, 0], values[:, 1], bins=edges)
    energy = np.full(mass.shape, np.nan)
    energy[mass > 0] = -np.log(mass[mass > 0] / mass.max())
    return energy, (seen > 0) & ~(mass > 0)


def latent_figure(
    latent: Floats,
    outcome: Outcome,
    cost: Cost,
    restarts: Integers,
    label: str,
    seed: int,
) -> str:
    """Draw the latent space as it was at a third, two thirds and the end of the budget, with the frames restarted from.

    Parameters
    ----------
    latent : ndarray, shape (n_frames, d)
        By one model, so that the three pictures are of one space; turned to its principal axes.
    outcome : Outcome
        The campaign; its first coordinate colours the frames.
    cost : {"core-seconds", "steps"}
        What the budget is of.
    restarts : ndarray of int64
        Frames that were restarted from.
    label : str
        Of the colours.
    seed : int
        Chooses which frames are drawn where there are more than 4,000.
    """
    figure = new_figure(9.0, 3.1)
    row = figure.subplots(1, 3, sharex=True, sharey=True)
    centred = np.asarray(latent, np.float64) - latent.mean(axis=0)
    plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    if plane.shape[1] < 2:
        plane = np.column_stack([plane, np.zeros(len(plane))])
    shown = np.random.default_rng(seed).permutation(len(plane))[:_MOST_DOTS]
    spent, values = prices(outcome, cost), outcome.values[:, 0]
    limits = (float(np.min(values)), float(np.max(values)))
    for axes, share in zip(row, (1 / 3, 2 / 3, 1.0), strict=True):
        until = share * float(spent[-1])
        part = shown[spent[shown] <= until]
        dots = axes.scatter(
            *plane[part].T, c=values[part], s=5, linewidths=0, cmap="viridis", vmin=limits[0], vmax=limits[1],
            rasterized=True,
        )  # fmt: skip
        used = restarts[spent[restarts] <= until]
        axes.plot(*plane[used].T, "x", color=PALETTE[4], markersize=4, markeredgewidth=0.9)
        axes.set(title=f"{until:.3g} {cost}\n{len(used)} restarts", xlabel="latent axis 1")
    row[0].set_ylabel("latent axis 2")
    figure.colorbar(dots, ax=list(row), label=label)
    return svg_of(figure)


def lineage_figure(outcome: Outcome, cost: Cost, label: str) -> str:
    """Draw each segment from the frame it went on from to its end: when, and at which first coordinate."""
    figure = new_figure(7.6, 3.1)
    axes = figure.subplots()
    spent, values = prices(outcome, cost), outcome.values[:, 0]
    n_segments = len(outcome.parents)
    for segment in np.unique(np.linspace(0, n_segments - 1, min(n_segments, _MOST_LINES)).astype(np.int64)):
        frames = np.flatnonzero(outcome.segment == segment)
        if not len(frames):
            continue
        part = frames[np.unique(np.linspace(0, len(frames) - 1, 60).astype(np.int64))]
        axes.plot(spent[part], values[part], color=PALETTE[0], linewidth=0.5, alpha=0.6, rasterized=True)
        parent = int(outcome.parents[segment])
        if parent >= 0:
            axes.plot(
                [spent[parent], spent[frames[0]]], [values[parent], values[frames[0]]], color=PALETTE[4],
                linewidth=0.6, alpha=0.7, rasterized=True,
            )  # fmt: skip
    arrived = np.flatnonzero(outcome.arrived)
    axes.plot(spent[arrived], values[arrived], ".", color=PALETTE[2], markersize=3, rasterized=True)
    axes.set(xlabel=cost, ylabel=label, title=f"{outcome.policy}: segments (blue), restarts (orange)")
    return svg_of(figure)


def time_series_figure(outcomes: Sequence[Outcome], cost: Cost, labels: tuple[str, str]) -> str:
    """Draw both coordinates of one campaign of each policy against the budget, every frame a dot."""
    figure = new_figure(7.6, 1.1 + 1.4 * len(outcomes))
    rows = figure.subplots(len(outcomes), 2, sharex=True, sharey="col", squeeze=False)
    colours = _colours([outcome.policy for outcome in outcomes])
    for row, outcome in zip(rows, outcomes, strict=True):
        chosen = np.unique(np.linspace(0, outcome.n_frames - 1, _MOST_DOTS).astype(np.int64))
        spent = prices(outcome, cost)[chosen]
        for k, axes in enumerate(row):
            axes.plot(
                spent, outcome.values[chosen, k], ".", color=colours[outcome.policy], markersize=1.2, rasterized=True
            )
            axes.set_title(f"{outcome.policy}: {labels[k]}")
    for axes in rows[-1]:
        axes.set_xlabel(cost)
    return svg_of(figure)
