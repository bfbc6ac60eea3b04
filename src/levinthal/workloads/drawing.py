"""How the workloads' own pictures are made: one style, and the same bytes for the same data."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from html import escape
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


_ROW = 26


def table_of(columns: Sequence[tuple[str, str, int]], rows: Sequence[Sequence[str]], below: str = "") -> str:
    """Draw a table as SVG; all text is escaped.

    Parameters
    ----------
    columns : sequence of (str, str, int)
        Name, unit and width in pixels of each.
    rows : sequence of sequence of str
        A cell for each column.
    below : str
        A sentence under the table.
    """
    starts = [12 + sum(width for _, _, width in columns[:k]) for k in range(len(columns))]
    width = 12 + sum(each for _, _, each in columns)
    lines = textwrap.wrap(below, width // 7)
    height = _ROW * (len(rows) + 2) + 20 * len(lines) + 24 * bool(lines)
    body = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for x, (name, unit, _) in zip(starts, columns, strict=True):
        body.append(f'<text x="{x}" y="18" font-weight="600">{escape(name)}</text>')
        body.append(f'<text x="{x}" y="34" fill="#777777" font-size="11">{escape(unit)}</text>')
    for number, row in enumerate(rows):
        y = 42 + _ROW * number
        if number % 2 == 0:
            body.append(f'<rect x="4" y="{y}" width="{width - 8}" height="{_ROW}" fill="#f3f5f7"/>')
        body += [f'<text x="{x}" y="{y + 18}">{escape(cell)}</text>' for x, cell in zip(starts, row, strict=True)]
    y = 42 + _ROW * len(rows) + 24
    body += [f'<text x="12" y="{y + 20 * number}">{escape(line)}</text>' for number, line in enumerate(lines)]
    return svg_page("".join(body), width, height)


def svg_page(body: str, width: int, height: int) -> str:
    """Return the elements of a drawing as an SVG file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12.5" fill="#222222">{body}</svg>\n'
    )
