"""The pictures of a screen: the top compounds as structural formulas, and rankings as a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from typing import Any

from levinthal.simulation.analysis.intervals import Estimate
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries
from levinthal.workloads.docking.screening.enrichment import Enrichment
from levinthal.workloads.docking.screening.screen import Hit
from levinthal.workloads.drawing import svg_page, table_of

N_DRAWN = 12
_A_ROW = 4
_WIDTH, _PICTURE, _HEIGHT = 210, 140, 214
_LONGEST_NAME = 28
_BOND = 26
_SHAPE = re.compile(r"<(path|rect|ellipse|circle|polygon|polyline|line)\b([^<>]*?)/?>")
_ATTRIBUTE = re.compile(r"([a-z0-9-]+)='([^'\"<>&]*)'")
_STYLES = frozenset(
    {"d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "points", "style", "fill"}
    | {"stroke", "stroke-width", "fill-rule", "opacity"}
)
_COLUMNS = (
    ("ranking", "", 150), ("actives", "compounds", 90), ("decoys", "compounds", 90), ("ROC AUC", "95 %", 130),
    ("BEDROC", "95 %", 130), ("enrichment", "first 1 %", 90),
)  # fmt: skip


def top_svg(hits: Sequence[Hit]) -> str:
    """Draw the first compounds of a list as cards: formula, name, score, efficiency, conformers, mark.

    Parameters
    ----------
    hits : sequence of Hit
        Best first; the first 12 are drawn.

    Returns
    -------
    str
        SVG without text of RDKit's; names are escaped.
    """
    cards = []
    for number, hit in enumerate(hits[:N_DRAWN]):
        left, top = _WIDTH * (number % _A_ROW), _HEIGHT * (number // _A_ROW)
        cards.append(f'<g transform="translate({left},{top})">{_card(hit, number + 1)}</g>')
    rows = -(-min(len(hits), N_DRAWN) // _A_ROW)
    width, height = _WIDTH * min(len(hits), _A_ROW), _HEIGHT * rows
    return svg_page(f'<rect width="{width}" height="{height}" fill="#ffffff"/>{"".join(cards)}', width, height)


def _card(hit: Hit, rank: int) -> str:
    name = hit.entry.name if len(hit.entry.name) <= _LONGEST_NAME else f"{hit.entry.name[: _LONGEST_NAME - 1]}…"
    known = {True: ", known active", False: ", known decoy", None: ""}[hit.entry.active]
    lines = (
        (f"{rank}. {name}", 'font-weight="600"'),
        (f"{hit.affinity_kcal_mol:.2f} kcal/mol{known}", ""),
        (f"{hit.efficiency_kcal_mol:.2f} a heavy atom, {_conformers(hit.n_conformers)}", 'fill="#555555"'),
    )
    text = "".join(
        f'<text x="10" y="{_PICTURE + 18 + 18 * number}" font-size="12" {style}>{escape(line)}</text>'
        for number, (line, style) in enumerate(lines)
    )
    frame = f'<rect x="3" y="3" width="{_WIDTH - 6}" height="{_HEIGHT - 6}" fill="none" stroke="#dddddd"/>'
    return f"{frame}{formula(hit.ligand.mol_block, _WIDTH - 10, _PICTURE - 6)}{text}"


def _conformers(count: int) -> str:
    return "1 conformer" if count == 1 else f"{count} conformers"


def formula(mol_block: str, width: int, height: int) -> str:
    """Return the structural formula of a mol block as SVG elements; nothing where RDKit cannot draw it.

    Of what RDKit draws only shapes and their styles are kept.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    with quiet_libraries():
        try:
            molecule = Chem.MolFromMolBlock(mol_block)
            rdDepictor.Compute2DCoords(molecule)
            canvas: Any = rdMolDraw2D.MolDraw2DSVG(width, height)
            options = canvas.drawOptions()
            options.clearBackground, options.fixedBondLength = False, _BOND
            rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
            canvas.FinishDrawing()
            drawn = canvas.GetDrawingText()
        except REFUSED:
            return ""
    shapes = []
    for shape, attributes in _SHAPE.findall(drawn):
        styles = "".join(f' {key}="{value}"' for key, value in _ATTRIBUTE.findall(attributes) if key in _STYLES)
        shapes.append(f"<{shape}{styles}/>")
    return f'<g transform="translate(5,5)">{"".join(shapes)}</g>'


def rankings_svg(found: Mapping[str, Enrichment]) -> str:
    """Draw rankings by measures as a table."""
    rows = [
        (
            name,
            f"{each.n_active}",
            f"{each.n_decoy}",
            _with_limits(each.roc_auc),
            _with_limits(each.bedroc),
            "–" if each.enrichment is None else f"{each.enrichment:.1f}",
        )
        for name, each in found.items()
    ]
    return table_of(_COLUMNS, rows, "A docking score is worth what it adds to the ranking by size alone.")


def _with_limits(estimate: Estimate) -> str:
    known = isfinite(estimate.low)
    return f"{estimate.value:.2f}" + (f" ({estimate.low:.2f} to {estimate.high:.2f})" if known else "")
