"""The 39 targets of CASP12 (Moult et al., Proteins 86:7, 2018) that ProteinNet tests on.

Their sequences come from the user's files; where there are none, random sequences of the same lengths serve for timing,
with relatives to find, so that their profiles are searched as those of real ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from levinthal.proteins.residues import AMINO_ACIDS


class Target(NamedTuple):
    """A target of CASP: free modelling (FM), template based (TBM) or between the two (TBM-hard)."""

    name: str
    group: str
    n_residues: int


_BY_GROUP = {
    "FM": (
        "T0862:93 T0900:102 T0869:104 T0859:113 T0866:115 T0870:123 T0886:229 T0864:246 T0897:262 T0904:311 "
        "T0941:341 T0918:349 T0863:582"
    ),
    "TBM-hard": ("T0868:116 T0898:161 T0892:193 T0945:375 T0896:447 T0943:509 T0912:599"),
    "TBM": (
        "T0865:62 T0922:74 T0872:88 T0891:112 T0860:136 T0921:138 T0947:175 T0879:220 T0889:239 T0893:242 "
        "T0902:300 T0861:312 T0871:319 T0928:341 T0903:348 T0942:387 T0911:408 T0873:462 T0920:540"
    ),
}

CASP12_TARGETS: tuple[Target, ...] = tuple(
    sorted(
        (
            Target(name, group, int(length))
            for group, listed in _BY_GROUP.items()
            for name, length in (each.split(":") for each in listed.split())
        ),
        key=lambda target: target.n_residues,
    )
)
"""In order of length."""


MILESTONES: Mapping[int, float] = MappingProxyType({1000: 13.5, 5000: 12.6, 20_000: 12.2, 50_000: 11.4, 100_000: 10.6})
"""Validation dRMSD in A, weighted by resolved residues, the least so far, by training step: what the original's CASP12
configuration asks of a run, which is begun again from another seed where it misses one."""


def random_sequences(lengths: Sequence[int], seed: int) -> tuple[str, ...]:
    """Return random sequences, every amino acid as likely, of the given lengths: for timing only."""
    rng = np.random.default_rng(seed)
    letters = np.array(list(AMINO_ACIDS))
    return tuple("".join(rng.choice(letters, length)) for length in lengths)


def random_relatives(sequences: Sequence[str], n: int, seed: int) -> list[tuple[str, str]]:
    """Return relatives of each sequence, half of whose residues are drawn again, as names and sequences.

    Parameters
    ----------
    sequences : sequence of str
    n : int
        Relatives of each.
    seed : int
    """
    rng = np.random.default_rng(seed)
    letters = np.array(list(AMINO_ACIDS))
    found = []
    for k, sequence in enumerate(sequences):
        mine = np.array(list(sequence))
        for number in range(n):
            drawn = np.where(rng.random(len(mine)) < 0.5, rng.choice(letters, len(mine)), mine)
            found.append((f"relative_{k + 1}_{number + 1}", "".join(drawn)))
    return found
