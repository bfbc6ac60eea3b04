"""Conformations of the residues of made-up proteins, each a place in the Ramachandran plane, written as one letter.

======  ==========================================  ============================================================
letter  conformation                                phi, psi from
======  ==========================================  ============================================================
H, h    alpha helix; h is its first residue, N1     Hovmoller, Zhou and Ohlson, Acta Cryst. D58:768 (2002)
N       the residue before a helix, N-cap           Aurora and Rose, Protein Sci. 7:21 (1998)
E       strand, with the twist of a sheet           Chothia, J. Mol. Biol. 75:295 (1973)
P       extended coil, polyproline II               Adzhubei and Sternberg, J. Mol. Biol. 229:472 (1993)
a, g    second and third residue of a turn I        Venkatachalam, Biopolymers 6:1425 (1968)
L       left-handed helix                           Efimov, Protein Eng. 4:245 (1991)
G       third residue of a turn II or I'; C' of     Venkatachalam; Aurora, Srinivasan and Rose,
        a helix (Schellman)                         Science 264:1126 (1994)
k e p   a flexible linker's residue in the place    as H, E, P,
q x y   of another letter                           g, L, G
======  ==========================================  ============================================================

Of this model and of no survey: the widths are about half of those seen in real proteins. There are no cis peptides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Conformation:
    """A place in the Ramachandran plane: centre, width (standard deviation of phi and of psi) and DSSP's letter."""

    phi_deg: float
    psi_deg: float
    width_deg: float
    secondary: str


CONFORMATIONS: Mapping[str, Conformation] = MappingProxyType(
    {
        "H": Conformation(-63, -42, 4, "H"),
        "h": Conformation(-63, -42, 4, "H"),
        "N": Conformation(-94, 167, 7, "L"),
        "E": Conformation(-120, 135, 7, "E"),
        "P": Conformation(-65, 140, 7, "L"),
        "a": Conformation(-60, -30, 6, "T"),
        "g": Conformation(-90, 0, 7, "T"),
        "L": Conformation(57, 40, 6, "T"),
        "G": Conformation(85, 5, 7, "T"),
        "k": Conformation(-63, -42, 7, "L"),
        "e": Conformation(-120, 135, 7, "L"),
        "p": Conformation(-65, 140, 7, "L"),
        "q": Conformation(-90, 0, 7, "L"),
        "x": Conformation(57, 40, 7, "L"),
        "y": Conformation(85, 5, 7, "L"),
    }
)
"""By letter; see the table at the top of the module."""
