"""Sequences of made-up proteins: what residues a site of a fold takes, and how they change in a family.

The probability of amino acid x at a site is proportional to

    f(x) * P(x)^SHARPNESS * exp(b * BURIAL * h(x))

with the background f (UniProtKB/Swiss-Prot), the propensity P of the site's conformation, the hydropathy h of Kyte and
Doolittle (J. Mol. Biol. 157:105, 1982; mean 0, variance 1) and b = 1 at buried sites of helices and strands, -1 at
exposed ones and 0 elsewhere. Propensities:

- helix and strand: Chou and Fasman, Adv. Enzymol. 47:45 (1978); N1 of a helix also takes proline, glutamate and
  aspartate (Richardson and Richardson, Science 240:1648, 1988);
- second and third residue of a turn I: Hutchinson and Thornton, Protein Sci. 3:2207 (1994), all turn types together;
- the other conformations have a few characteristic residues, known from the works named in `conformations`; the
  shares of these are of this model.

Proline stands only where its ring allows phi, and not inside helices and strands. `SHARPNESS` above 1 makes a sequence
tell more of its structure than a real one does, whose structure is also held by what this model lacks: contacts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.synthetic.conformations import CONFORMATIONS
from levinthal.proteins.synthetic.fold import FLEXIBLE, Fold

Codes: TypeAlias = npt.NDArray[np.int64]

SHARPNESS = 2.5
BURIAL = 1.0
_OTHERS = 0.05  # share of all other residues where a conformation has characteristic ones

_TABLE = {
    #             A    C    D    E    F    G    H    I    K    L    M    N    P    Q    R    S    T    V    W    Y
    "background": "8.25 1.38 5.46 6.72 3.86 7.07 2.27 5.91 5.80 9.65 2.41 4.06 4.74 3.93 5.53 6.65 5.36 6.86 1.10 2.92",
    "helix": "     1.42 0.70 1.01 1.51 1.13 0.57 1.00 1.08 1.16 1.21 1.45 0.67 0.57 1.11 0.98 0.77 0.83 1.06 1.08 0.69",
    "strand": "    0.83 1.19 0.54 0.37 1.38 0.75 0.87 1.60 0.74 1.30 1.05 0.89 0.55 1.10 0.93 0.75 1.19 1.70 1.37 1.47",
    "turn 2": "    0.96 0.73 1.24 1.35 0.66 1.04 0.95 0.61 1.22 0.67 0.48 1.02 2.45 0.89 0.93 1.23 0.79 0.70 0.65 0.75",
    "turn 3": "    0.66 0.98 1.86 0.92 0.96 2.14 1.16 0.42 0.94 0.47 0.41 2.14 0.63 0.94 0.75 1.06 0.94 0.54 0.76 0.83",
    "hydropathy": "1.8  2.5  -3.5 -3.5 2.8 -0.4  -3.2 4.5  -3.9 3.8  1.9  -3.5 -1.6 -3.5 -4.5 -0.8 -0.7 4.2  -0.9 -1.3",
}
_VALUES = {name: np.array([float(number) for number in row.split()]) for name, row in _TABLE.items()}
_N1 = {"P": 2.6, "E": 1.6, "D": 1.4}

CONSENSUS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "N": {"S": 0.35, "D": 0.30, "T": 0.25, "N": 0.10},
        "P": {"P": 0.45, "K": 0.15, "A": 0.10, "Q": 0.10, "R": 0.10, "V": 0.10},
        "L": {"N": 0.65, "D": 0.25, "G": 0.10},
        "G": {"G": 0.80, "N": 0.15, "K": 0.05},
        **{letter: {"G": 0.35, "S": 0.25, "N": 0.20, "D": 0.10, "T": 0.10} for letter in sorted(FLEXIBLE)},
    }
)
"""Characteristic residues of conformations and their shares, which are of this model; one and the same for all of a
linker's letters, so that it does not tell whether it is closed."""

_PROLINE = frozenset("hPa")  # conformations that its ring allows
_PERIOD_RAD = {"H": math.radians(100), "E": math.radians(170)}  # Eisenberg et al., PNAS 81:140 (1984)
_LEAST_COSINES = {("H", True): -0.5, ("H", False): 0.5, ("E", True): -2.0, ("E", False): 0.0}  # of a buried site


def _propensities() -> dict[str, Doubles]:
    """Return for each conformation what the background is multiplied by."""
    n1 = np.array([_N1.get(letter, 1.0) for letter in AMINO_ACIDS])
    table = {
        "H": _VALUES["helix"],
        "h": _VALUES["helix"] * n1,
        "E": _VALUES["strand"],
        "a": _VALUES["turn 2"],
        "g": _VALUES["turn 3"],
    }
    result = {letter: values**SHARPNESS for letter, values in table.items()}
    background = _VALUES["background"] / _VALUES["background"].sum()
    for letter, shares in CONSENSUS.items():
        wanted = np.array([shares.get(amino_acid, 0.0) for amino_acid in AMINO_ACIDS])
        result[letter] = (1 - _OTHERS) * wanted / background + _OTHERS
    # The pooled turns owe most of their glycine to turn II, where the third residue has a positive phi: here it is G.
    for letter in "ag":
        result[letter][AMINO_ACIDS.index("G")] = 0.1
    for letter in set(CONFORMATIONS) - _PROLINE:
        result[letter][AMINO_ACIDS.index("P")] = 0.0
    return result


def _frequency_table() -> dict[tuple[str, int], Doubles]:
    hydropathy = (_VALUES["hydropathy"] - _VALUES["hydropathy"].mean()) / _VALUES["hydropathy"].std()
    table = {}
    for letter, propensity in _propensities().items():
        for burial in (-1, 0, 1):
            weights = _VALUES["background"] * propensity * np.exp(burial * BURIAL * hydropathy)
            table[letter, burial] = weights / weights.sum()
    return table


_FREQUENCIES = _frequency_table()


def draw_burial(rng: np.random.Generator, fold: Fold) -> Codes:
    """Return 1 at buried, -1 at exposed sites of helices and strands, 0 elsewhere; shape (L,).

    One face of each is buried: the side chains of a helix follow each other by 100 degrees, those of a strand by 170
    (Eisenberg, Weiss and Terwilliger, Proc. Natl. Acad. Sci. 81:140, 1984). The face is drawn. On a core segment it is
    wide: two thirds of the way round a helix, and both faces of a strand; on another it is a third, or one face.
    """
    burial = np.zeros(len(fold.letters), np.int64)
    for (start, stop), is_core in zip(fold.places, fold.cores, strict=True):
        kind = fold.letters[stop - 1]
        angles = rng.uniform(0, 2 * math.pi) + _PERIOD_RAD[kind] * np.arange(stop - start)
        narrowest = _LEAST_COSINES[kind, is_core]
        burial[start:stop] = np.where(np.cos(angles) > narrowest, 1, -1)
    return burial


def site_frequencies(letters: str, burial: Codes) -> Doubles:
    """Return the probability of each amino acid at each site.

    Parameters
    ----------
    letters : str
        See `conformations`.
    burial : ndarray of int, shape (L,)
        See `draw_burial`.

    Returns
    -------
    ndarray, shape (L, 20)
        In the order ACDEFGHIKLMNPQRSTVWY; rows sum to 1.
    """
    return np.stack([_FREQUENCIES[letter, int(b)] for letter, b in zip(letters, burial, strict=True)])


def draw_residues(rng: np.random.Generator, frequencies: Doubles) -> Codes:
    """Draw an amino acid at each site, as indices into `AMINO_ACIDS`, shape (L,)."""
    steps = frequencies.cumsum(axis=1)
    # The last step is 1 but for rounding.
    return np.asarray((rng.random(len(steps))[:, None] >= steps[:, :-1]).sum(axis=1), np.int64)
