"""The cleaning of a receptor's structure: what is kept of a file, and what is said of each change.

Kept are standard amino acids, caps and the metals that Vina knows, of alternate locations the one of highest occupancy,
and waters where they are asked for.
"""

from __future__ import annotations

from collections import Counter

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS

_BACKBONE = ("N", "CA", "C")
_CAPS = frozenset({"ACE", "NME"})
_VARIANTS = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
    **{"CYX": "CYS", "CYM": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS"},
}
_NAMED_VARIOUSLY = frozenset({"CD1", "O"})
_METALS = frozenset({"MG", "CA", "MN", "FE", "ZN", "CU"})
_MOST_RESIDUES = 5_000


def clean(model: gemmi.Model, name: str, *, keep_waters: bool) -> list[str]:
    """Clean a model in place and return a note for each change.

    Raises
    ------
    DataError
        It holds no protein, a residue that is not a standard one, or a backbone that is incomplete.
    """
    notes = [*_remove_alternates(model), *_made_methionine(model), *_remove_others(model, name, keep_waters)]
    _check_backbones(model, name)
    return notes


def is_protein(residue: str) -> bool:
    """Say whether a residue, by its name, is a standard amino acid in any protonation."""
    return _VARIANTS.get(residue, residue) in HEAVY_ATOMS


def lacks_atoms(residue: str, atoms: set[str]) -> bool:
    """Say whether a residue with some atoms lacks heavy atoms of its kind, those that are named variously left out."""
    return not set(HEAVY_ATOMS.get(_VARIANTS.get(residue, residue), ())) - _NAMED_VARIOUSLY <= atoms


def label_of(chain: gemmi.Chain, residue: gemmi.Residue) -> str:
    """Return `THR A 315`."""
    return f"{residue.name} {chain.name.strip() or '-'} {residue.seqid}"


def _remove_alternates(model: gemmi.Model) -> list[str]:
    """Keep of each residue the alternate location of highest occupancy, the first of equals."""
    notes = []
    for chain in model:
        for residue in chain:
            occupancy: dict[str, float] = {}
            for atom in residue:
                if atom.altloc != "\0":
                    occupancy[atom.altloc] = occupancy.get(atom.altloc, 0.0) + atom.occ
            if not occupancy:
                continue
            best = max(sorted(occupancy), key=occupancy.__getitem__)
            seen: set[str] = set()
            for index in reversed(range(len(residue))):
                if residue[index].altloc not in ("\0", best):
                    del residue[index]
            for index in reversed(range(len(residue))):
                if residue[index].name in seen:
                    del residue[index]
                else:
                    seen.add(residue[index].name)
                    residue[index].altloc = "\0"
            notes.append(f"alternate location {best} of {label_of(chain, residue)} kept")
    return notes


def _made_methionine(model: gemmi.Model) -> list[str]:
    """Put sulphur in the place of the selenium that crystallographers bring in."""
    notes = []
    for chain in model:
        for residue in chain:
            if residue.name == "MSE":
                notes.append(f"selenomethionine {label_of(chain, residue)} made methionine")
                residue.name, residue.het_flag = "MET", "A"
                for atom in residue:
                    if atom.name == "SE":
                        atom.name, atom.element = "SD", gemmi.Element("S")
    return notes


def _remove_others(model: gemmi.Model, name: str, keep_waters: bool) -> list[str]:
    """Remove all that is neither protein nor metal nor, where it is wanted, water."""
    removed: Counter[str] = Counter()
    n_protein = 0
    for chain in model:
        for index in reversed(range(len(chain))):
            residue = chain[index]
            protein = is_protein(residue.name) or residue.name in _CAPS
            if not protein and {atom.name for atom in residue}.issuperset(_BACKBONE) and residue.het_flag != "H":
                raise DataError(
                    f"{name}: residue {label_of(chain, residue)} is not a standard amino acid: replace it by one, "
                    "with PDBFixer for example"
                )
            n_protein += protein
            if not protein and residue.name not in _METALS and not (residue.is_water() and keep_waters):
                removed["water" if residue.is_water() else residue.name] += 1
                del chain[index]
    for number in reversed(range(len(model))):
        if len(model[number]) == 0:
            del model[number]
    if not n_protein:
        raise DataError(f"{name} holds no protein: name a file with standard amino acids")
    if n_protein > _MOST_RESIDUES:
        raise DataError(f"{name} has {n_protein} residues, more than {_MOST_RESIDUES}: cut it around the pocket")
    return [f"removed {count} x {kind}" for kind, count in sorted(removed.items())]


def _check_backbones(model: gemmi.Model, name: str) -> None:
    for chain in model:
        seen: set[str] = set()
        for residue in chain:
            label = label_of(chain, residue)
            if str(residue.seqid) in seen:
                raise DataError(f"{name}: residue {label} stands there twice: remove one or number them again")
            seen.add(str(residue.seqid))
            names = [atom.name for atom in residue]
            if len(names) > len(set(names)):
                twice = next(one for one in names if names.count(one) > 1)
                raise DataError(f"{name}: atom {twice} of {label} stands there twice: remove one")
            if not is_protein(residue.name):
                continue
            missing = [atom for atom in _BACKBONE if atom not in names]
            if missing:
                raise DataError(f"{name}: residue {label} lacks its backbone atom {missing[0]}: complete or remove it")


def simplify(model: gemmi.Model) -> list[str]:
    """Remove hydrogens, and of incomplete side chains all but CB: such a residue becomes alanine, or glycine."""
    notes = []
    if any(atom.is_hydrogen() for chain in model for residue in chain for atom in residue):
        notes.append("hydrogens of the file removed")
    for chain in model:
        for residue in chain:
            for index in reversed(range(len(residue))):
                if residue[index].is_hydrogen():
                    del residue[index]
            names = {atom.name for atom in residue}
            if not lacks_atoms(residue.name, names):
                continue
            label, residue_name = label_of(chain, residue), "ALA" if "CB" in names else "GLY"
            for index in reversed(range(len(residue))):
                if residue[index].name not in HEAVY_ATOMS[residue_name]:
                    del residue[index]
            residue.name = residue_name
            notes.append(f"{label}, incomplete, made {residue_name}")
    return notes
