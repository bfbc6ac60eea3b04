"""How the workloads' own pictures are made: one style, and the same bytes for the same data."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
"""Okabe and Ito's colours, safe for the colour-blind."""


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Return an empty figure that no window shows."""
    from matplotlib.figure import Figure

    return Figure((width_inch, height_inch), layout="constrained")


def svg_of(figure: Figure) -> str:
    """Return the figure as SVG."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    # a fixed salt and no date: the same data give the same bytes
    with rc_context({"svg.hashsalt": "levinthal", "font.size": 9, "axes.titlesize": 9}):
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    return buffer.getvalue()
