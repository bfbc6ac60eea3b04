"""Two pictures of a scene: an SVG that stands still, and an HTML file that can be turned, without any network.

The HTML file holds everything: the scene as JSON, a script of some eighty lines that draws it on a canvas, and the SVG
for browsers that run no script.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.atom_types import ELEMENTS, find_bonds
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor

_POCKET_ANGSTROM = 5.0
_POLAR_ANGSTROM = 3.4
_POLAR = frozenset({"N", "O", "S"})

PartName = Literal["pocket", "crystal", "pose"]


@dataclass(frozen=True, eq=False)
class Part:
    """Atoms of one kind: elements, places (atoms, 3) in A about the middle of the pose, and bonds (bonds, 2)."""

    name: PartName
    elements: tuple[str, ...]
    xyz: npt.NDArray[np.float64]
    bonds: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture's contents, turned so that the ligand lies flat.

    Attributes
    ----------
    parts : sequence of Part
    labels : sequence of (str, ndarray)
        Residues and where their names stand.
    contacts : ndarray, (contacts, 2, 3)
        Ends of polar contacts between pose and pocket.
    """

    parts: Sequence[Part]
    labels: Sequence[tuple[str, npt.NDArray[np.float64]]]
    contacts: npt.NDArray[np.float64]


def scene_of(
    receptor: Receptor,
    ligand: Ligand,
    pose_angstrom: npt.NDArray[np.float64],
    crystal_angstrom: npt.NDArray[np.float64] | None = None,
) -> Scene:
    """Gather what is within 5 A of a pose, in whole residues, without hydrogens.

    Parameters
    ----------
    receptor : Receptor
        In the conformation of the pose.
    ligand : Ligand
    pose_angstrom, crystal_angstrom : ndarray, (atoms, 3)
        All atoms of the ligand.
    """
    heavy = ligand.heavy_atoms
    pose = pose_angstrom[heavy]
    scored = np.flatnonzero(receptor.vina_types >= 0)
    near = scored[
        (np.linalg.norm(receptor.coordinates_angstrom[scored][:, None] - pose[None], axis=-1) <= _POCKET_ANGSTROM).any(
            axis=1
        )
    ]
    residues = {receptor.residues[atom] for atom in near}
    shown = [int(atom) for atom in scored if receptor.residues[atom] in residues]
    xyz = receptor.coordinates_angstrom[shown]
    elements = tuple(ELEMENTS[receptor.types[atom]] for atom in shown)
    origin = pose.mean(axis=0)
    _, _, axes = np.linalg.svd(pose - origin)
    axes[2] *= np.sign(np.linalg.det(axes)) or 1.0

    def turned(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((places - origin) @ axes.T)

    bonds = np.array(ligand.heavy_bonds, np.int64).reshape(-1, 2)
    ligand_elements = tuple(ligand.elements[atom] for atom in heavy)
    parts = [Part("pocket", elements, turned(xyz), find_bonds([receptor.types[atom] for atom in shown], xyz))]
    if crystal_angstrom is not None:
        parts.append(Part("crystal", ligand_elements, turned(crystal_angstrom[heavy]), bonds))
    parts.append(Part("pose", ligand_elements, turned(pose), bonds))
    polar = [
        (turned(pose[i]), turned(xyz[j]))
        for i, first in enumerate(ligand_elements)
        for j, second in enumerate(elements)
        if first in _POLAR and second in _POLAR and np.linalg.norm(pose[i] - xyz[j]) <= _POLAR_ANGSTROM
    ]
    labels = []
    for residue in sorted(residues):
        atoms = [number for number, atom in enumerate(shown) if receptor.residues[atom] == residue]
        alpha = [number for number in atoms if receptor.atom_names[shown[number]] == "CA"]
        labels.append((_short(residue), turned(xyz[alpha[0]] if alpha else xyz[atoms].mean(axis=0))))
    return Scene(parts, labels, np.array(polar).reshape(-1, 2, 3))


def _short(residue: str) -> str:
    """Return `THR 315` of `THR A 315`."""
    parts = residue.split(" ")
    return f"{parts[0]} {parts[-1]}" if len(parts) > 1 else residue


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
