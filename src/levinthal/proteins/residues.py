"""The twenty amino acids: names, and the heavy atoms each must have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SIDE_CHAINS = {
    "ALA": "CB",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU": "CB CG CD OE1 OE2",
    "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}

HEAVY_ATOMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: ("N", "CA", "C", "O", *side.split()) for name, side in _SIDE_CHAINS.items()}
)
"""PDB names of the heavy atoms of each residue inside a chain (the last one of a chain has OXT too)."""

ONE_LETTER: Mapping[str, str] = MappingProxyType(dict(zip(sorted(_SIDE_CHAINS), "ARNDCQEGHILKMFPSTWYV", strict=True)))
"""Three-letter to one-letter code."""

THREE_LETTER: Mapping[str, str] = MappingProxyType({one: three for three, one in ONE_LETTER.items()})
"""One-letter to three-letter code."""

AMINO_ACIDS = "".join(sorted(THREE_LETTER))
"""The one-letter codes in alphabetical order, which is that of ProteinNet's profiles and one-hot features."""

RESIDUE_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
        **{"CYX": "CYS", "CYM": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS"},
    }
)
"""Names of force fields for protonation states, and the residue that each is."""
