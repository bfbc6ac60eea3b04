"""The workload's own pictures: anytime curves, and the table of searches with a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.redocking.comparison import Summary
from levinthal.workloads.docking.search.outcome import Trace
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of, table_of

_COLUMNS = (
    ("search", "", 138),
    ("within 2 Å", "runs", 75),
    ("best known found", "runs", 105),
    ("score", "kcal/mol", 75),
    ("RMSD", "Å", 55),
    ("plausible", "runs", 70),
    ("set-up", "s", 65),
)
_TO_SUCCESS = (("succeeded", "runs", 75), ("time to success", "s", 105), ("evaluations to success", "", 145))
_OF_THE_SEARCH = (("search time", "s", 85), ("evaluations", "", 90))


def anytime_figure(traces: Mapping[str, Sequence[Trace]]) -> str:
    """Draw the best energy against evaluations and against seconds, the median over the runs of each method.

    Parameters
    ----------
    traces : mapping of str to sequence of Trace
        By method. A trace of one point is drawn as a point.

    Returns
    -------
    str
        SVG.
    """
    figure = new_figure(7.2, 3.3)
    axes = figure.subplots(1, 2, sharey=True)
    for (name, runs), colour in zip(traces.items(), PALETTE, strict=False):
        for plot, clocks in (
            (axes[0], [each.evaluations.astype(np.float64) for each in runs]),
            (axes[1], [each.seconds for each in runs]),
        ):
            if max(float(clock[-1]) for clock in clocks) <= 0:
                continue
            values = [each.best_kcal_mol for each in runs]
            if max(map(len, clocks)) == 1:
                point = np.median([clock[0] for clock in clocks]), np.median([each[0] for each in values])
                plot.plot(*point, "o", color=colour, label=name)
            else:
                times, energies = _median_curve(clocks, values)
                plot.step(times, energies, where="post", color=colour, label=name)
    bottom = min(float(run.best_kcal_mol[-1]) for runs in traces.values() for run in runs)
    axes[0].set(xscale="log", xlabel="evaluations", ylabel="best energy so far (kcal/mol)")
    axes[1].set(xscale="log", xlabel="search time (s)")
    axes[0].set_ylim(bottom - 0.3, max(bottom + 6.0, 0.0))
    handles = {label: handle for plot in axes for handle, label in zip(*plot.get_legend_handles_labels(), strict=True)}
    axes[1].legend(handles.values(), handles.keys(), frameon=False, loc="upper right", fontsize=8)
    return svg_of(figure)


def _median_curve(
    clocks: Sequence[npt.NDArray[np.float64]], energies: Sequence[npt.NDArray[np.float64]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the median of step curves on the union of their times, from where half of them have a value."""
    times = np.unique(np.concatenate(list(clocks)))
    rows = []
    for clock, energy in zip(clocks, energies, strict=True):
        place = np.searchsorted(clock, times, side="right") - 1
        rows.append(np.where(place >= 0, energy[np.maximum(place, 0)], np.inf))
    median = np.median(rows, axis=0)
    known = np.isfinite(median)
    return times[known], median[known]


def table_svg(summaries: Sequence[Summary], verdict: str) -> str:
    """Return the table of searches as SVG, the verdict under it.

    Parameters
    ----------
    summaries : sequence of Summary
    verdict : str
        In words.
    """
    last = _OF_THE_SEARCH if summaries[0].succeeded is None else _TO_SUCCESS
    return table_of((*_COLUMNS, *last), [_cells(each) for each in summaries], verdict)


def _cells(each: Summary) -> tuple[str, ...]:
    n = each.n_runs
    succeeded = () if each.succeeded is None else (f"{round(each.succeeded * n)} of {n}",)
    unknown = "not reported" if each.search_s is not None else "–"
    return (
        each.search.shown,
        "–" if each.success is None else f"{round(each.success * n)} of {n}",
        f"{round(each.found * n)} of {n}",
        f"{each.median_kcal_mol:.2f}",
        "–" if each.rmsd_angstrom is None else f"{each.rmsd_angstrom:.2f}",
        f"{each.n_plausible} of {n}",
        "shared" if each.setup_s == 0 else f"{each.setup_s:.3g}",
        *succeeded,
        "–" if each.search_s is None else f"{each.search_s:.3g}",
        unknown if each.evaluations is None else f"{each.evaluations:,.0f}",
    )
