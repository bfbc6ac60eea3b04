"""The picture of a screening: how many of the actives are among the first compounds."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.docking.screening.screen import Screening
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of

__all__ = ["enrichment_figure"]


def enrichment_figure(screening: Screening) -> str:
    """Draw the share of actives found against the share of the library seen.

    Returns
    -------
    str
        SVG.
    """
    known = [bool(hit.entry.active) for hit in screening.hits if hit.entry.active is not None]
    seen = np.arange(len(known) + 1) / len(known)
    found = np.concatenate([[0.0], np.cumsum(known) / max(sum(known), 1)])
    figure = new_figure(4.2, 3.2)
    axes = figure.subplots()
    axes.plot(seen, found, drawstyle="steps-post", color=PALETTE[0], label="docking")
    axes.plot([0, 1], [0, 1], color="#999999", ls="--", label="random order")
    axes.set(xlabel="share of the library", ylabel="share of the actives", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right")
    return svg_of(figure)
