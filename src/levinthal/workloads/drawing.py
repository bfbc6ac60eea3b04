"""How the workloads' own pictures are made: one style, and the same bytes for the same data."""

from __future__ import annotations

import base64
import io
import re
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
    """Return the figure as SVG: text as text, coordinates to a hundredth of a point, rasters of 128 colours.

    A report holds some thirty pictures in one page: letters as outlines, coordinates of six decimals and rasters of
    four bytes a pixel would be most of its bytes.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    # a fixed salt and no date: the same data give the same bytes
    with rc_context({"svg.hashsalt": "levinthal", "svg.fonttype": "none", "font.size": 9, "axes.titlesize": 9}):
        figure.savefig(buffer, format="svg", dpi=_DOTS_PER_INCH, metadata={"Date": None})
    whole = _RASTER.sub(_few_colours, buffer.getvalue())
    whole = _INDENT.sub("\n", _COORDINATES.sub(_rounded, _FONTS.sub("", whole))).replace("<svg ", _FONT, 1)
    used = set(_USED.findall(whole))
    return _EMPTY.sub("", _IDENTIFIER.sub(lambda found: found[0] if found[1] in used else "", whole))


_DOTS_PER_INCH = 110
_FONTS = re.compile(r"; font-family: 'DejaVu Sans',[^;\"]*sans-serif")
_FONT = '<svg font-family="DejaVu Sans, sans-serif" '
_USED = re.compile(r"#([\w.-]+)")
_IDENTIFIER = re.compile(r' id="([^"]+)"')
_EMPTY = re.compile(r"<g ?/>\n")
_RASTER = re.compile(r'"data:image/png;base64,([^"]+)"')
_COORDINATES = re.compile(r' (?:d|x|y)="[^"]*"')
_LONG = re.compile(r"-?\d+\.\d{3,}(?!\d|e)")
_INDENT = re.compile(r"\n +")
_COLOURS = 128


def _few_colours(raster: re.Match[str]) -> str:
    from PIL import Image

    before, after = base64.b64decode(raster[1]), io.BytesIO()
    with Image.open(io.BytesIO(before)) as image:
        image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE).save(after, format="PNG", optimize=True)
    return f'"data:image/png;base64,{base64.b64encode(min(before, after.getvalue(), key=len)).decode()}"'


def _rounded(attribute: re.Match[str]) -> str:
    short = _LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), attribute[0])
    return " ".join(short.split("\n"))


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
