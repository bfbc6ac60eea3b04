"""Folds of made-up proteins: helices and strands in pairs, joined by loops and by linkers that tell nothing themselves.

A fold is a chain of `conformations`: tail, helix or strand, joint, helix or strand, ..., tail. Each two helices or
strands along the chain are a pair, held together by a loop of a stated library whose residues tell its conformation.
Between a pair and the next stands a linker of flexible residues, the same whether it is closed or open. It is closed
where the two segments beyond its neighbours, the first of the pair before it and the last of the pair after, are both
core segments, and open otherwise: two pairs pack where both bring a wide hydrophobic face to the contact, as in the HP
model (Lau and Dill, Macromolecules 22:3986, 1989). So the conformation of a linker is written far from it in the
sequence, and residues far apart touch because the sequence says so; `packing` chooses folds in which they do.

What is of this model and of no survey: that segments come in pairs, the choice of loops and linkers and their equal
shares, the classes' shares and the share of core segments. Strands have no hydrogen bonds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from levinthal.proteins.synthetic.conformations import CONFORMATIONS

LOOPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Hairpins of two (turn I'), three (turn I and a bulge) and four residues (Sibanda, Blundell and Thornton, J.
        # Mol. Biol. 206:759, 1989).
        "EE": ("LL", "agG", "aagG"),
        # The shortest, LN, is alpha-alphaL-beta-alpha (Efimov, Protein Eng. 4:245, 1991).
        "HH": ("LN", "aLN", "GPN", "GgPN", "agGPN"),
        "HE": ("GP", "agG", "GPg", "aPag"),
        "EH": ("agN", "PGN", "PPGN", "LPgN"),
    }
)
"""Loops between a helix (H) or strand (E) and the next of its pair; before a helix they end with its N-cap."""


class Linker(NamedTuple):
    """The two conformations of a linker, of one length."""

    closed: str
    open: str


LINKERS: Mapping[str, Linker] = MappingProxyType(
    {
        "EE": Linker("ypk", "ppp"),
        "HH": Linker("kkxN", "ypxN"),
        "HE": Linker("kky", "pep"),
        "EH": Linker("yxkN", "pqeN"),
    }
)
"""Between the last segment of a pair and the first of the next; before a helix they end with its N-cap. The closed ones
bring the pairs side by side, the open ones hold them apart."""

FLEXIBLE = frozenset("kepqxy")
"""Letters of linkers."""

CORE_SHARE = 0.75
"""Of helices and strands; two are core segments, and a linker closed, in 0.56 of all cases."""

# Least, mean and most residues: helices of about 11 and strands of about 6 residues, as in globular proteins
# (Penel, Morrison, Mortishire-Smith and Doig, J. Mol. Biol. 293:1211, 1999, for both).
_SEGMENT_LENGTHS = {"H": (7, 12, 18), "E": (4, 6, 9)}

# Share of the class; probability of a helix at first, after a helix, and after a strand.
_CLASSES = (
    (0.25, 1.0, 1.0, 1.0),  # all alpha
    (0.20, 0.0, 0.0, 0.0),  # all beta
    (0.30, 0.3, 0.0, 1.0),  # alpha/beta
    (0.25, 0.5, 0.5, 0.5),  # mixed
)


@dataclass(frozen=True)
class Fold:
    """Segments of conformations: tail, helix or strand, loop or linker, helix or strand, ..., tail.

    Attributes
    ----------
    segments : tuple of str
        Letters of `CONFORMATIONS`, one a residue.
    fold_class : int
        Which row of the classes the segments are drawn from: all alpha, all beta, alpha/beta, mixed.
    cores : tuple of bool
        For each helix and strand whether it is a core segment.
    """

    segments: tuple[str, ...]
    fold_class: int
    cores: tuple[bool, ...]

    @property
    def letters(self) -> str:
        """One letter a residue."""
        return "".join(self.segments)

    @property
    def secondary(self) -> str:
        """DSSP's letters (H, E, T, L), one a residue."""
        return "".join(CONFORMATIONS[letter].secondary for letter in self.letters)

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """First residue, and the one after the last, of each helix and strand."""
        ends = np.cumsum([len(segment) for segment in self.segments])
        return tuple((int(ends[k - 1]), int(ends[k])) for k in range(1, len(self.segments) - 1, 2))

    @property
    def distant_pairs(self) -> tuple[tuple[int, int, bool], ...]:
        """For each linker the two helices or strands that decide, by number, and whether it is closed."""
        n = len(self.cores)
        pairs = ((k - 1, min(k + 2, n - 1)) for k in range(1, n - 1, 2))
        return tuple((one, other, self.cores[one] and self.cores[other]) for one, other in pairs)


def _kind(segment: str) -> str:
    """Return H or E for a helix or a strand."""
    return segment[-1]


def _draw_segment(rng: np.random.Generator, kind: str) -> str:
    least, mean, most = _SEGMENT_LENGTHS[kind]
    length = int(min(least + rng.poisson(mean - least), most))
    return "h" + "H" * (length - 1) if kind == "H" else "E" * length


def _draw_joint(rng: np.random.Generator, before: str, after: str, number: int) -> str:
    """Draw what joins two segments: a loop within a pair, else a linker, which is closed or opened by `_finished`."""
    junction = _kind(before) + _kind(after)
    loops = LOOPS[junction]
    return loops[rng.integers(len(loops))] if number % 2 == 0 else LINKERS[junction].open


def _finished(segments: Sequence[str], fold_class: int, cores: Sequence[bool]) -> Fold:
    """Close and open the linkers as the cores say."""
    joined = list(segments)
    fold = Fold(tuple(segments), fold_class, tuple(cores))
    for one, _, is_closed in fold.distant_pairs:
        place = 2 * (one + 1) + 2  # of the joint behind the segment after `one`
        linker = LINKERS[_kind(joined[place - 1]) + _kind(joined[place + 1])]
        joined[place] = linker.closed if is_closed else linker.open
    return Fold(tuple(joined), fold_class, tuple(cores))


def _continued(
    rng: np.random.Generator, segments: Sequence[str], cores: Sequence[bool], fold_class: int, length: int
) -> Fold:
    """Grow segments, the last a helix or strand, to a chain of a given length and close it with a tail."""
    grown, grown_cores = list(segments), list(cores)
    _, _, after_helix, after_strand = _CLASSES[fold_class]
    tail = int(rng.integers(1, 4))
    total = sum(map(len, grown))
    while total < length - tail:
        kind = "H" if rng.random() < (after_helix if _kind(grown[-1]) == "H" else after_strand) else "E"
        segment = _draw_segment(rng, kind)
        grown += [_draw_joint(rng, grown[-1], segment, len(grown_cores) - 1), segment]
        grown_cores.append(bool(rng.random() < CORE_SHARE))
        total += len(grown[-2]) + len(grown[-1])
    # What is too long is cut from the last segment; what that makes too short gives its residues to the one before.
    while total > length - tail:
        last = grown.pop()
        total -= len(last)
        room = length - tail - total
        if room >= _SEGMENT_LENGTHS[_kind(last)][0] or len(grown) == 1:
            grown.append(last[: max(room, 1)])
            break
        total -= len(grown.pop())
        grown_cores.pop()
        room = length - tail - total
        extension = min(max(room, 0), _SEGMENT_LENGTHS[_kind(grown[-1])][2] - len(grown[-1]))
        if extension > 0:
            grown[-1] += _kind(grown[-1]) * extension
            total += extension
    total = sum(map(len, grown))
    closing = "P" * (length - total)
    grown.append("G" + closing[1:] if _kind(grown[-1]) == "H" else closing)
    return _finished(grown, fold_class, grown_cores)


def draw_fold(rng: np.random.Generator, length: int) -> Fold:
    """Draw a fold of `length` residues, at least 20, without regard to overlaps and contacts."""
    fold_class = int(rng.choice(len(_CLASSES), p=[share for share, *_ in _CLASSES]))
    kind = "H" if rng.random() < _CLASSES[fold_class][1] else "E"
    tail = "P" * int(rng.integers(1, 4))
    first = [tail + "N" if kind == "H" else tail, _draw_segment(rng, kind)]
    return _continued(rng, first, [bool(rng.random() < CORE_SHARE)], fold_class, length)


def varied(rng: np.random.Generator, fold: Fold) -> Fold:
    """Draw one helix, strand or loop again; the end of the chain makes up for the length."""
    segments = list(fold.segments[:-1])
    place = int(rng.integers(1, len(segments)))
    if place % 4 == 0:
        place -= 1  # a linker is what the cores say: the segment before it
    if place % 2 == 1:
        segments[place] = _draw_segment(rng, _kind(segments[place]))
    else:
        segments[place] = _draw_joint(rng, segments[place - 1], segments[place + 1], place // 2 - 1)
    return _continued(rng, segments, fold.cores, fold.fold_class, len(fold.letters))
