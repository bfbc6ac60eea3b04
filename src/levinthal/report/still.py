"""A picture of a scene that stands still: what is seen before the viewer is opened, and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from levinthal.report.structures import Atom, Chains, Model, Molecule, Places

_WIDTH, _HEIGHT = 640.0, 340.0
_AROUND_ANGSTROM = 7.0
_MARGIN = 14.0
_LEVELS = 6
_BROKEN_ANGSTROM = 4.5
_LINING_ANGSTROM = 4.5
_FEWEST_FOR_A_TRACE = 4


@dataclass(frozen=True)
class Drawn:
    """A model of a scene, and the variable of the page's style that holds its colour."""

    model: Model
    colour: str


def has_trace(chains: Chains) -> bool:
    """Whether a model is a chain long enough to be drawn as one; else it is drawn by its bonds."""
    return len(chains.alphas) >= _FEWEST_FOR_A_TRACE


def still_svg(seen: Sequence[Drawn], words: str) -> Markup:
    """Draw models from where they are widest, the molecules in the middle where there are any.

    Parameters
    ----------
    seen : sequence of Drawn
        What is seen at once.
    words : str
        The text alternative.
    """
    molecules = [each.model.places for each in seen if isinstance(each.model, Molecule)]
    focus = np.concatenate(molecules or [each.model.places for each in seen])
    origin = focus.mean(axis=0)
    _, _, axes = np.linalg.svd(focus - origin, full_matrices=len(focus) < 3)
    axes[2] *= np.sign(np.linalg.det(axes)) or 1.0
    reach = float(np.abs((focus - origin) @ axes.T).max()) + _AROUND_ANGSTROM if molecules else np.inf
    segments: list[_Segment] = []
    for each in seen:
        turned = (each.model.places - origin) @ axes.T
        for kind, pair in _lines(each.model, focus if molecules else None):
            ends = turned[list(pair)]
            if (np.linalg.norm(ends, axis=1) <= reach).all():
                segments.append(_Segment(ends, kind, each.colour))
    body = _paths(segments)
    return Markup(  # noqa: S704 -- numbers, names of our own style, and escaped words
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{escape(words)}">{body}</svg>'
    )


@dataclass(frozen=True, eq=False)
class _Segment:
    """A line: its ends, seen along z, its class in the page's style, and its colour there."""

    ends: Places
    kind: str
    colour: str


def _lines(model: Model, molecules: Places | None) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the class of each line and the atoms that it joins: bonds, or a CA trace and what lines a pocket."""
    if isinstance(model, Molecule):
        yield from (("bond", pair) for pair in model.bonds if "H" not in {model.elements[atom] for atom in pair})
    elif has_trace(model):
        number = {id(atom): k for k, atom in enumerate(model.atoms)}
        for first, second in pairwise(model.alphas):
            if _joined(first, second):
                yield "trace", (number[id(first)], number[id(second)])
        if molecules is not None:
            yield from (("side", pair) for pair in model.bonds(model.near(molecules, _LINING_ANGSTROM)))
    else:
        yield from (("bond", pair) for pair in model.bonds())


def _joined(first: Atom, second: Atom) -> bool:
    apart = np.subtract(first.place, second.place)
    same_chain = first.residue[4:5] == second.residue[4:5]
    return same_chain and float(np.linalg.norm(apart)) < _BROKEN_ANGSTROM


def _paths(segments: Sequence[_Segment]) -> str:
    """Return the segments as paths, the far ones first and fainter; those of one colour and depth in one path."""
    if not segments:
        return ""
    ends = np.array([each.ends for each in segments])
    low, high = ends.min(axis=(0, 1)), ends.max(axis=(0, 1))
    span = np.maximum(high - low, 1.0)
    scale = min((_WIDTH - 2 * _MARGIN) / span[0], (_HEIGHT - 2 * _MARGIN) / span[1])
    middle = (low + high) / 2
    depth = (ends[:, :, 2].mean(axis=1) - low[2]) / span[2]
    level = np.minimum((_LEVELS * depth).astype(int), _LEVELS - 1)
    grouped: dict[tuple[int, str, str], list[str]] = {}
    for each, at in zip(segments, level, strict=True):
        x = _WIDTH / 2 + scale * (each.ends[:, 0] - middle[0])
        y = _HEIGHT / 2 - scale * (each.ends[:, 1] - middle[1])
        line = f"M{x[0]:.1f} {y[0]:.1f}L{x[1]:.1f} {y[1]:.1f}"
        grouped.setdefault((int(at), each.kind, each.colour), []).append(line)
    return "".join(
        f'<path class="{kind}" d="{"".join(lines)}" style="stroke:var({colour});opacity:{_near(kind, at):.2f}"/>'
        for (at, kind, colour), lines in sorted(grouped.items(), key=lambda each: (each[0][0], each[0][1] == "bond"))
    )


def _near(kind: str, level: int) -> float:
    """Return how clearly something at a depth is seen; molecules stand out."""
    faintest = 0.75 if kind == "bond" else 0.4
    return faintest + (1.0 - faintest) * level / (_LEVELS - 1)
