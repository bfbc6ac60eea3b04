"""The pictures of a discovery run: the five stages, the states, the ranked list by state."""

from __future__ import annotations

from html import escape

import numpy as np

from levinthal.workloads.discovery.conformations import Pocket
from levinthal.workloads.discovery.ranking import Ranking
from levinthal.workloads.discovery.target import Target
from levinthal.workloads.discovery.workflow import Found
from levinthal.workloads.drawing import PALETTE, new_figure, svg_of, svg_page

_MOST_SHOWN = 40
_WIDTH, _HEIGHT, _GAP = 148, 74, 26


def flow_figure(found: Found, n_compounds: int, n_refined: int) -> str:
    """Draw the five stages and the way back, each with the numbers of the run; SVG."""
    n_frames = sum(len(each.frames_nm) for each in found.rounds)
    n_walkers = sum(int(each.walker.max()) + 1 for each in found.rounds)
    stages = (
        ("1  simulate", f"{len(found.rounds)} rounds, {n_walkers} walkers", f"{n_frames:,} frames"),
        ("2  cluster", "learned space of a CVAE", f"{n_frames:,} contact maps"),
        ("3  find novel states", f"{len(found.states) - 1} beside the structure", "and simulate again"),
        ("4  dock", f"{n_compounds} compounds", f"into {len(found.states)} states"),
        ("5  rank", f"{n_compounds} compounds", f"{n_refined} complexes minimised"),
    )
    parts = []
    for number, (heading, *lines) in enumerate(stages):
        x = 8 + number * (_WIDTH + _GAP)
        parts.append(
            f'<rect x="{x}" y="8" width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="#f5f7f9" stroke="{PALETTE[0]}"/>'
            f'<text x="{x + 10}" y="30" font-weight="600">{escape(heading)}</text>'
        )
        parts += [
            f'<text x="{x + 10}" y="{49 + 17 * k}" font-size="11">{escape(line)}</text>' for k, line in enumerate(lines)
        ]
        if number:
            y = 8 + _HEIGHT // 2
            parts.append(_arrow(x - _GAP, y, x, y))
    width = 16 + 5 * _WIDTH + 4 * _GAP
    middle = [8 + k * (_WIDTH + _GAP) + _WIDTH // 2 for k in range(5)]
    for source, target, y, words in (
        (2, 0, 104, "novel states begin new simulations"),
        (4, 0, 128, "states that bind well begin new simulations"),
    ):
        x, top = middle[target] + 12 * (source == 4) - 6, 8 + _HEIGHT
        parts.append(
            f'<path d="M{middle[source]} {top}V{y}H{x}V{top + 8}" fill="none" stroke="{PALETTE[4]}"/>'
            f'<text x="{(middle[source] + middle[target]) // 2 - 90}" y="{y - 4}" font-size="11">{words}</text>'
        )
        parts.append(f'<path d="M{x - 4} {top + 8}L{x} {top}L{x + 4} {top + 8}Z" fill="{PALETTE[4]}"/>')
    return svg_page(f'<rect width="{width}" height="140" fill="#ffffff"/>{"".join(parts)}', width, 140)


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    return (
        f'<path d="M{x1} {y1}H{x2 - 6}" stroke="#333333"/><path d="M{x2 - 7} {y2 - 4}L{x2} {y2}L{x2 - 7} {y2 + 4}Z" '
        f'fill="#333333"/>'
    )


def states_figure(found: Found, pocket: Pocket) -> str:
    """Draw each state's distance from the structure against its mean affinity, coloured by round; SVG."""
    worth = {each.state: each.mean_kcal_mol for each in found.docked}
    shown = [each for each in found.states if np.isfinite(worth.get(each.number, np.nan))]
    figure = new_figure(5.2, 3.4)
    axes = figure.subplots()
    for origin, marker in (("structure", "s"), ("novel", "o"), ("promising", "^")):
        own = [each for each in shown if each.origin == origin]
        if not own:
            continue
        axes.scatter(
            [pocket.rmsd_angstrom(10 * each.ca_nm, pocket.native_angstrom) for each in own],
            [worth[each.number] for each in own],
            marker=marker,
            color=[PALETTE[each.round % len(PALETTE)] for each in own],
            label=origin if origin == "structure" else f"walker began: {origin}",
        )
        for each in own:
            place = (pocket.rmsd_angstrom(10 * each.ca_nm, pocket.native_angstrom), worth[each.number])
            axes.annotate(str(each.number), place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel="RMSD of the pocket's CA from the structure (Å)", ylabel="mean affinity (kcal/mol)")
    axes.legend(frameon=False, fontsize=8)
    return svg_of(figure)


def ranking_figure(ranking: Ranking, target: Target) -> str:
    """Draw the affinity of each compound to each state, the list from top to bottom; SVG."""
    order = ranking.order[:_MOST_SHOWN]
    figure = new_figure(5.6, 1.2 + 0.2 * len(order))
    axes = figure.subplots()
    for place, k in enumerate(order):
        values = ranking.affinities_kcal_mol[:, k]
        axes.plot(values, np.full(len(values), place), "|", color="#9aa4ad", ms=8)
        known = target.actives[k]
        colour = "#333333" if known is None else PALETTE[2] if known else PALETTE[4]
        axes.plot(np.nanmin(values), place, "o", color=colour, ms=5)
        axes.plot(ranking.rigid()[k], place, "s", mfc="none", color="#333333", ms=5)
    axes.set_yticks(range(len(order)), [target.library[k].entry.name[:28] for k in order])
    axes.invert_yaxis()
    axes.set_xlabel("affinity (kcal/mol): best state (dot), structure alone (square), each state (bar)")
    for colour, label in ((PALETTE[2], "known binder"), (PALETTE[4], "decoy")):
        axes.plot([], [], "o", color=colour, label=label)
    if any(each is not None for each in target.actives):
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return svg_of(figure)
