"""Two pictures of a scene: an SVG that stands still, and an HTML file that can be turned, without any network.

The HTML file holds everything: the scene as JSON, a script of some eighty lines that draws it on a canvas, and the SVG
for browsers that run no script.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.redocking.scene import Part, Scene

_COLOURS = {
    "C": "#555555", "N": "#3050F8", "O": "#E0200D", "S": "#C8A000", "P": "#FF8000", "F": "#50B050", "Cl": "#1F9F1F",
    "Br": "#A62929", "I": "#940094",
}  # fmt: skip
_CARBON = {"pocket": "#8C8C8C", "crystal": "#009E73", "pose": "#E69F00"}
_WIDTH = {"pocket": 2.2, "crystal": 3.0, "pose": 6.0}
_LEGEND = {"pocket": "pocket", "crystal": "crystal pose", "pose": "docked pose"}
_SIZE = (720, 460)
_VIEWS = 2
_AROUND_ANGSTROM = 5.0


def scene_svg(scene: Scene) -> str:
    """Draw a scene from the front and from the side.

    Returns
    -------
    str
        SVG.
    """
    width, height = _SIZE
    turns = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1], [0, -1, 0]]], np.float64)
    body = []
    for number, turn in enumerate(turns):
        left = number * width / _VIEWS
        inner = _drawn(scene, turn, width / _VIEWS, height - 40)
        body.append(f'<svg x="{left:.0f}" y="0" width="{width / _VIEWS:.0f}" height="{height - 40}">{inner}</svg>')
    x = 16
    for part in scene.parts:
        body.append(
            f'<line x1="{x}" x2="{x + 26}" y1="{height - 18}" y2="{height - 18}" stroke="{_CARBON[part.name]}" '
            f'stroke-width="{_WIDTH[part.name]}" stroke-linecap="round"/>'
            f'<text x="{x + 34}" y="{height - 13}" font-size="14">{_LEGEND[part.name]}</text>'
        )
        x += 150
    if len(scene.contacts):
        body.append(
            f'<line x1="{x}" x2="{x + 26}" y1="{height - 18}" y2="{height - 18}" stroke="#0072B2" stroke-width="2" '
            f'stroke-dasharray="4 4"/><text x="{x + 34}" y="{height - 13}" font-size="14">polar contact</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" fill="#222222"><rect width="{width}" height="{height}" fill="#ffffff"/>'
        f"{''.join(body)}</svg>\n"
    )


def _drawn(scene: Scene, turn: npt.NDArray[np.float64], width: float, height: float) -> str:
    """Return the lines of a scene as seen along z, the far ones first."""
    pose = next(part.xyz for part in scene.parts if part.name == "pose")
    reach = float(np.abs(pose).max()) + _AROUND_ANGSTROM  # what is farther away is cut off
    scale = min(width, height) / (2.0 * reach)

    def screen(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        seen = places @ turn.T
        return np.column_stack((width / 2 + scale * seen[:, 0], height / 2 - scale * seen[:, 1], seen[:, 2]))

    lines: list[tuple[float, str]] = []
    for part in scene.parts:
        seen = screen(part.xyz)
        for first, second in part.bonds:
            middle = (seen[first] + seen[second]) / 2
            lines += [
                _line(seen[atom], middle, _colour(part, int(atom)), _WIDTH[part.name], reach)
                for atom in (first, second)
            ]
    for ends in scene.contacts:
        a, b = screen(ends)
        lines.append(_line(a, b, "#0072B2", 1.6, reach, dash=' stroke-dasharray="4 4"'))
    for text, place in scene.labels:
        x, y, z = screen(place[None])[0]
        lines.append(
            (z, f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" opacity="{_near(z, reach):.2f}">{escape(text)}</text>')
        )
    return "".join(line for _, line in sorted(lines, key=lambda each: each[0]))


def _line(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], colour: str, width: float, reach: float, dash: str = ""
) -> tuple[float, str]:
    z = float(a[2] + b[2]) / 2
    return z, (
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linecap="round" opacity="{_near(z, reach):.2f}"{dash}/>'
    )


def _near(z: float, reach: float) -> float:
    """Return how clearly something at a depth is seen."""
    return float(np.clip(0.62 + 0.6 * z / reach, 0.2, 1.0))


def _colour(part: Part, atom: int) -> str:
    element = part.elements[atom]
    return _CARBON[part.name] if element == "C" else _COLOURS.get(element, "#FF1493")


def scene_html(scene: Scene, title: str, details: str) -> str:
    """Return the HTML file that can be turned by mouse, finger or arrow keys.

    Parameters
    ----------
    scene : Scene
    title, details : str
        Plain text.
    """
    data = {
        "parts": [
            {
                "name": _LEGEND[part.name],
                "width": _WIDTH[part.name],
                "carbon": _CARBON[part.name],
                "colours": [_colour(part, atom) for atom in range(len(part.elements))],
                "xyz": part.xyz.round(3).tolist(),
                "bonds": part.bonds.tolist(),
            }
            for part in scene.parts
        ],
        "labels": [[text, place.round(3).tolist()] for text, place in scene.labels],
        "contacts": scene.contacts.round(3).tolist(),
    }
    # inside a script element only "<" could end it
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    template = (Path(__file__).parent / "viewer.html").read_text(encoding="utf-8")
    return (
        template.replace("{{title}}", escape(title))
        .replace("{{details}}", escape(details))
        .replace("{{picture}}", scene_svg(scene))
        .replace("{{scene}}", text)
    )
