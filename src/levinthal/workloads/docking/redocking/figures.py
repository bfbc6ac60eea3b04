"""The workload's own pictures: anytime curves, and the table of searches with a verdict in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.redocking.comparison import Summary
from levinthal.workloads.docking.search.outcome import Trace
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of

_COLUMNS = (
    "search",
    "within 2 Å",
    "best known found",
    "score",
    "RMSD",
    "plausible",
    "search time",
    "set-up",
    "evaluations",
)
_UNITS = ("", "runs", "runs", "kcal/mol", "Å", "runs", "s", "s", "")


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
    starts = (12, 150, 225, 330, 405, 460, 530, 615, 680)
    width, row = 770, 26
    lines = textwrap.wrap(verdict, 105)
    height = row * (len(summaries) + 2) + 20 * len(lines) + 24
    body = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for x, name, unit in zip(starts, _COLUMNS, _UNITS, strict=True):
        body.append(f'<text x="{x}" y="18" font-weight="600">{escape(name)}</text>')
        body.append(f'<text x="{x}" y="34" fill="#777777" font-size="11">{escape(unit)}</text>')
    for number, each in enumerate(summaries):
        y = 42 + row * number
        if number % 2 == 0:
            body.append(f'<rect x="4" y="{y}" width="{width - 8}" height="{row}" fill="#f3f5f7"/>')
        for x, cell in zip(starts, _cells(each), strict=True):
            body.append(f'<text x="{x}" y="{y + 18}">{escape(cell)}</text>')
    y = 42 + row * len(summaries) + 24
    for number, line in enumerate(lines):
        body.append(f'<text x="12" y="{y + 20 * number}">{escape(line)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12.5" fill="#222222">{"".join(body)}</svg>\n'
    )


def _cells(each: Summary) -> tuple[str, ...]:
    n = each.n_runs
    return (
        each.search.shown,
        "–" if each.success is None else f"{round(each.success * n)} of {n}",
        f"{round(each.found * n)} of {n}",
        f"{each.median_kcal_mol:.2f}",
        "–" if each.rmsd_angstrom is None else f"{each.rmsd_angstrom:.2f}",
        f"{each.n_plausible} of {n}",
        f"{each.search_s:.3g}",
        "shared" if each.setup_s == 0 else f"{each.setup_s:.3g}",
        "not reported" if each.evaluations is None else f"{each.evaluations:,}",
    )
