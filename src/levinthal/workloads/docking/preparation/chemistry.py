"""Molecules parsed and sanitised by RDKit; where their chemistry makes no sense, the atom is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.libraries import refusing

FIX = "fix or replace it"


def parsed(parse: Callable[[], Any], name: str, what: str = "a molecule") -> Any:
    """Parse a molecule with RDKit, without sanitising it.

    Raises
    ------
    DataError
        RDKit cannot read it, or it has no atoms.
    """
    with refusing(f"{name[:80]} cannot be read", FIX):
        molecule = parse()
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise DataError(f"{name[:80]} cannot be read as {what}: {FIX}")
    return molecule


def problem_of(molecule: Any) -> str:
    """Return what RDKit finds wrong with valences and aromatic rings, the atom first; empty where all is right."""
    from rdkit import Chem

    problems = Chem.DetectChemistryProblems(molecule)
    if not problems:
        return ""
    where = f"atom {problems[0].GetAtomIdx() + 1}: " if hasattr(problems[0], "GetAtomIdx") else ""
    return f"{where}{problems[0].Message()[:200]}"


def sanitise(molecule: Any, name: str) -> None:
    """Sanitise a molecule in place, its stereochemistry included.

    Raises
    ------
    DataError
        Its chemistry makes no sense; the message names the atom at fault where RDKit does.
    """
    from rdkit import Chem

    broken = f"{name[:80]} is not a sound molecule"
    with refusing(broken, FIX):
        try:
            problem = problem_of(molecule)
            if problem:
                raise DataError(f"{name[:80]}: {problem}: fix its bonds or charges")
            Chem.SanitizeMol(molecule)
        except RuntimeError:  # RDKit's own broken invariant, in words for its developers
            raise DataError(f"{broken}: its valences make no sense: {FIX}") from None


def largest_fragment(molecule: Any, name: str) -> tuple[Any, str]:
    """Return the largest of the fragments of a molecule (a salt, a solvate), and in words what was left out."""
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    with refusing(f"{name[:80]} is not a sound molecule", FIX):
        fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=True)
        if len(fragments) == 1:
            return molecule, ""
        largest = max(fragments, key=lambda one: (one.GetNumHeavyAtoms(), one.GetNumAtoms()))
        others = sorted(CalcMolFormula(one) for one in fragments if one is not largest)
        taken = f"largest of {len(fragments)} fragments taken ({CalcMolFormula(largest)})"
        return largest, f"{taken}, left out: {', '.join(others)}"


def atom_word(molecule: Any, index: int) -> str:
    """Return an atom as a person finds it: element and number from 1."""
    return f"{molecule.GetAtomWithIdx(int(index)).GetSymbol()}{int(index) + 1}"
