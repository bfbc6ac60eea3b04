"""What a residue of a file is: told by its atoms and elements first, by its name where these do not tell.

A residue's record (ATOM or HETATM) decides nothing here: programs disagree about it.
"""

from __future__ import annotations

from enum import Enum

import gemmi

from levinthal.proteins.residues import HEAVY_ATOMS, RESIDUE_ALIASES, THREE_LETTER
from levinthal.proteins.structures.backbone_chain import BACKBONE_ATOMS

CAPS = frozenset({"ACE", "FOR", "NME", "NMA", "NH2", "NHE"})
"""Residues that end a chain without being amino acids."""

WATERS = frozenset(
    {"HOH", "WAT", "H2O", "DOD", "SOL", "TIP", "TP3", "TP4", "TP5", "T3P", "T4P", "SPC", "OH2", "TIP3", "TIP4", "TIP5"}
)
"""Names of water in files of any program."""

_HALOGENS = frozenset({"F", "Cl", "Br", "I"})
# CHARMM's names of ions that are not those of their elements.
_IONS = {
    "SOD": "Na", "POT": "K", "CLA": "Cl", "CAL": "Ca", "CES": "Cs", "LIT": "Li", "CAD": "Cd", "BAR": "Ba", "RUB": "Rb",
}  # fmt: skip
_PROTEIN_ATOMS = frozenset(atom for atoms in HEAVY_ATOMS.values() for atom in atoms) | {"OXT", "OT1", "OT2", "CH3"}


class ResidueKind(Enum):
    """What a residue is part of, or else is."""

    AMINO_ACID = "amino acid of a chain"
    CAP = "cap"
    WATER = "water"
    ION = "ion"
    OTHER = "other"


def standard_name(name: str) -> str | None:
    """Return which of the twenty amino acids a residue's name stands for in any protonation, or None."""
    name = RESIDUE_ALIASES.get(name, name)
    return name if name in HEAVY_ATOMS else None


def parent_name(name: str) -> str | None:
    """Return the standard amino acid that a modified residue derives from, by the PDB's table, or None."""
    standard = standard_name(name)
    if standard is not None:
        return standard
    residue = gemmi.find_tabulated_residue(name)
    return THREE_LETTER.get(residue.one_letter_code.strip().upper()) if residue.is_amino_acid() else None


def is_amino_acid_name(name: str) -> bool:
    """Say whether a residue of that name is an amino acid, a modified one too, whatever it is part of."""
    return standard_name(name) is not None or bool(gemmi.find_tabulated_residue(name).is_amino_acid())


def is_selenomethionine(residue: gemmi.Residue) -> bool:
    """Say whether a residue is methionine with the selenium that crystallographers bring in."""
    return residue.name == "MSE" and residue.find_atom("SE", "*") is not None


def made_methionine(residue: gemmi.Residue) -> gemmi.Residue:
    """Return a copy of a selenomethionine with sulphur in place of the selenium."""
    made = residue.clone()
    made.name, made.het_flag = "MET", "A"
    for atom in made:
        if atom.name == "SE":
            atom.name, atom.element = "SD", gemmi.Element("S")
    return made


def is_water(residue: gemmi.Residue) -> bool:
    """Say whether a residue is water, under the names of any program."""
    return residue.name in WATERS or bool(residue.is_water())


def ion_element(residue: gemmi.Residue) -> gemmi.Element | None:
    """Return the element of a residue of one atom that is a metal or a halogen, whatever its name; else None."""
    heavy = [atom for atom in residue if not atom.is_hydrogen()]
    if not heavy or len({atom.name for atom in heavy}) > 1:
        return None
    element = heavy[0].element
    return element if element.is_metal or element.name in _HALOGENS else None


def has_backbone(residue: gemmi.Residue) -> bool:
    """Say whether a residue has N, CA and C."""
    return {atom.name for atom in residue}.issuperset(BACKBONE_ATOMS)


def name_elements(residue: gemmi.Residue) -> None:
    """Put right, in place, elements that gemmi took from where a name stands in its columns.

    `CA` written to the left is calcium to it, also in alanine; `FE` written to the right is fluorine.
    """
    if is_amino_acid_name(residue.name) or residue.name in CAPS:
        for atom in residue:
            if atom.name in _PROTEIN_ATOMS and atom.element.name != "D":
                atom.element = gemmi.Element(atom.name[0])
            elif standard_name(residue.name) is not None and atom.name.lstrip("0123456789")[:1] in ("H", "D"):
                atom.element = gemmi.Element(atom.name.lstrip("0123456789")[0])
    elif len({atom.name for atom in residue}) == 1:
        letters = "".join(letter for letter in residue.name if letter.isalpha()).capitalize()
        symbol = _IONS.get(residue.name, letters)
        known = gemmi.Element(symbol)
        own = "".join(letter for letter in residue[0].name if letter.isalpha()).capitalize()
        if own in (letters, symbol) and known.name == symbol and (known.is_metal or symbol in _HALOGENS):
            for atom in residue:
                atom.element = known
