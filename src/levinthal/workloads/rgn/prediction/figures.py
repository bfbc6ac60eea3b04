"""Pictures of RGN's predictions, as SVG: time against length (Figure 2 of Ma et al. 2020), and quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from levinthal.workloads.drawing import PALETTE, new_figure, svg_of
from levinthal.workloads.rgn.prediction.predictor import STAGES, Growth, Timing


def time_figure(timings: Sequence[Timing], growth: Growth | None, what: str) -> str:
    """Draw prediction time against number of residues, a point for each target, and the split by stage.

    Parameters
    ----------
    timings : sequence of Timing
    growth : Growth or None
        The fitted line.
    what : str
        What was predicted, for the title.

    Returns
    -------
    str
        SVG.
    """
    ordered = sorted(timings, key=lambda timing: timing.n_residues)
    lengths = np.array([timing.n_residues for timing in ordered])
    low, middle, high = (np.array([np.quantile(t.total_s, q) for t in ordered]) * 1e3 for q in (0.1, 0.5, 0.9))
    figure = new_figure(7.2, 3.3)
    left, right = figure.subplots(1, 2)
    left.errorbar(
        lengths, middle, (middle - low, high - middle), fmt="o", ms=4, color=PALETTE[0], ecolor="#999999", lw=0.8,
        label="median, 10 % to 90 %",
    )  # fmt: skip
    if growth is not None:
        line = np.array([0.0, lengths.max()])
        left.plot(
            line,
            1e3 * (growth.fixed_s + growth.per_residue_s * line),
            color=PALETTE[1],
            label=f"{1e3 * growth.fixed_s:.2g} ms + {1e6 * growth.per_residue_s:.3g} µs a residue",
        )
    left.set(xlabel="residues", ylabel="prediction time (ms)", title=what)
    left.set_xlim(left=0)
    left.set_ylim(bottom=0)
    left.legend(frameon=False, loc="upper left")
    stages = np.array([np.median(timing.stages_s, axis=0) for timing in ordered]).T
    names: tuple[str, ...] = STAGES
    searched = [timing.profile_s for timing in ordered if timing.profile_s is not None]
    if len(searched) == len(ordered):
        names, stages = ("profile", *STAGES), np.vstack([searched, stages])
    right.stackplot(lengths, stages / stages.sum(axis=0), labels=names, colors=PALETTE, alpha=0.85)
    right.set(xlabel="residues", ylabel="share of the time", title="by stage", ylim=(0, 1))
    if lengths.min() < lengths.max():
        right.set_xlim(lengths.min(), lengths.max())
    right.legend(loc="lower left", framealpha=0.9)
    return svg_of(figure)


def score_figure(drmsd_angstrom: Mapping[str, npt.NDArray[np.floating]]) -> str:
    """Draw the cumulative distribution of dRMSD of each predictor.

    Parameters
    ----------
    drmsd_angstrom : mapping of str to ndarray
        By predictor, the dRMSD of each protein.

    Returns
    -------
    str
        SVG.
    """
    figure = new_figure(4.6, 3.2)
    axes = figure.subplots()
    for (name, values), colour in zip(drmsd_angstrom.items(), PALETTE, strict=False):
        ordered = np.sort(np.asarray(values))
        axes.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post", color=colour, label=name)
    axes.set(xlabel="dRMSD (Å)", ylabel="share of proteins at or below", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="lower right")
    return svg_of(figure)
