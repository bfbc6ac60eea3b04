"""The cleaning of a receptor's structure: what is kept of a file, and what is said of each change.

Kept are standard amino acids, the caps ACE and NME, ions of the metals that Vina knows, and waters where they are asked
for; of alternate locations the one of highest occupancy. A modified residue, a ring and any other cap are refused:
without them it would be another molecule.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS, RESIDUE_ALIASES
from levinthal.proteins.structures.backbone_chain import BACKBONE_ATOMS
from levinthal.proteins.structures.pdb_text import pdb_of_chains
from levinthal.proteins.structures.protein_file import FileResidue, ProteinFile
from levinthal.proteins.structures.residue_kinds import (
    ResidueKind,
    ion_element,
    is_selenomethionine,
    made_methionine,
    parent_name,
    standard_name,
)
from levinthal.workloads.docking.molecules.atom_types import METALS
from levinthal.workloads.docking.molecules.molecule import RemovedResidue

_CAPS = frozenset({"ACE", "NME"})
_NAMED_VARIOUSLY = frozenset({"CD1", "O"})
_MOST_RESIDUES = 5_000
_MOST_CHAINS = 62
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(eq=False)
class CleanedReceptor:
    """What of a file is the receptor, with letters and numbers of our own: so other programs read any chain's name.

    Attributes
    ----------
    chains : list of list of gemmi.Residue
        Numbered from 1 in each chain; those of the protein first.
    labels : dict of (str, str) to str
        The user's `A 315` of our letter and number.
    ions : dict of (str, str) to str
        AutoDock types of the residues that are ions.
    removed : list of RemovedResidue
    notes, warnings : list of str
        What was left out or chosen; what was changed.
    """

    chains: list[list[gemmi.Residue]] = field(default_factory=list)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    ions: dict[tuple[str, str], str] = field(default_factory=dict)
    removed: list[RemovedResidue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def pdb_text(self) -> str:
        """Return the chains as PDB text."""
        return pdb_of_chains(zip(LETTERS, self.chains, strict=False))

    def label(self, name: str, letter: str, number: str) -> str:
        """Return the user's `THR A 315` of a residue with our letter and number."""
        return f"{name} {self.labels.get((letter, number), f'{letter} {number}')}"


def clean(found: ProteinFile, *, keep_waters: bool) -> CleanedReceptor:
    """Choose what of a file is the receptor.

    Raises
    ------
    DataError
        It holds no protein, a residue that is not a standard one, a residue number twice, or a backbone that is
        incomplete.
    """
    name = found.name
    found.refuse_faults()
    cleaned = CleanedReceptor(notes=[f"model 1 of {found.n_models} taken"] if found.n_models > 1 else [])
    _refuse_repeated(found)
    for chain in found.chains:
        if chain.is_ring:
            raise DataError(
                f"{name}: {chain.residues[-1]} is bonded to {chain.residues[0]} (C to N): a ring closed by its "
                "backbone cannot be prepared; give the receptor as PDBQT"
            )
        _add_chain(cleaned, [(each, _standard(name, each, cleaned)) for each in chain.residues])
    n_protein = sum(map(len, cleaned.chains))
    if not n_protein:
        raise DataError(f"{name} holds no protein: name a file with standard amino acids")
    if n_protein > _MOST_RESIDUES:
        raise DataError(f"{name} has {n_protein} residues, more than {_MOST_RESIDUES}: cut it around the pocket")
    if found.alone:
        cleaned.warnings.append(
            f"bonded to no other residue, and kept as pieces of the protein: {listed(list(found.alone))}"
        )
    _check_backbones(cleaned, name)
    _sort_others(found, cleaned, keep_waters)
    if len(cleaned.chains) > _MOST_CHAINS:
        raise DataError(f"{name} has {len(cleaned.chains)} chains, more than {_MOST_CHAINS}: cut it around the pocket")
    return cleaned


def lacks_atoms(residue: str, atoms: set[str]) -> bool:
    """Say whether a residue with some atoms lacks heavy atoms of its kind, those that are named variously left out."""
    return not set(HEAVY_ATOMS.get(RESIDUE_ALIASES.get(residue, residue), ())) - _NAMED_VARIOUSLY <= atoms


def _place(each: FileResidue) -> str:
    return f"{each.chain.strip() or '-'} {each.residue.seqid}"


def _add_chain(cleaned: CleanedReceptor, residues: list[tuple[FileResidue, gemmi.Residue]]) -> str:
    """Add a chain and return its letter."""
    letter = LETTERS[len(cleaned.chains) % len(LETTERS)]
    for number, (each, residue) in enumerate(residues, 1):
        cleaned.labels[letter, str(number)] = _place(each)
        residue.seqid = gemmi.SeqId(number, " ")
        residue.segment = ""
    cleaned.chains.append([residue for _, residue in residues])
    return letter


def _standard(name: str, each: FileResidue, cleaned: CleanedReceptor) -> gemmi.Residue:
    """Return a residue as a standard one or a cap, a copy."""
    residue = each.residue
    label = f"{residue.name} {_place(each)}"
    if is_selenomethionine(residue):
        cleaned.warnings.append(f"selenomethionine {label} made methionine")
        return _without_alternates(FileResidue(each.chain, made_methionine(residue), each.kind), cleaned)
    if each.kind is ResidueKind.CAP and residue.name not in _CAPS:
        raise DataError(
            f"{name}: {label} caps the chain and is not known to the program that types atoms: replace it by "
            f"{' or '.join(sorted(_CAPS))}, or give the receptor as PDBQT"
        )
    if each.kind is ResidueKind.AMINO_ACID and standard_name(residue.name) is None:
        parent = parent_name(residue.name)
        instead = f"by {parent}, which it derives from," if parent else "by one,"
        raise DataError(
            f"{name}: residue {label} is not a standard amino acid: replace it {instead} with PDBFixer for example"
        )
    return _without_alternates(each, cleaned)


def _without_alternates(each: FileResidue, cleaned: CleanedReceptor) -> gemmi.Residue:
    """Return a copy with the alternate location of highest occupancy alone, the first of equals."""
    residue = each.residue.clone()
    if each.kind is not ResidueKind.WATER and each.kind is not ResidueKind.ION:
        residue.het_flag = "A"
    occupancy: dict[str, float] = {}
    for atom in residue:
        if atom.altloc != "\0":
            occupancy[atom.altloc] = occupancy.get(atom.altloc, 0.0) + atom.occ
    if not occupancy:
        return residue
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
    cleaned.notes.append(f"alternate location {best} of {residue.name} {_place(each)} kept")
    return residue


def _refuse_repeated(found: ProteinFile) -> None:
    """Refuse residues that share chain and number: a pocket could not name them."""
    kept = [each for chain in found.chains for each in chain.residues]
    counted = Counter(map(_place, kept))
    repeated = [place for place, count in counted.items() if count > 1]
    if repeated:
        raise DataError(
            f"{found.name}: residue {listed(repeated, 12)} stands there twice: remove one, number them "
            "again, or give copies chain names of their own"
        )


def _sort_others(found: ProteinFile, cleaned: CleanedReceptor, keep_waters: bool) -> None:
    """Keep ions that Vina knows, and waters where they are wanted; list all else as removed."""
    kept: dict[ResidueKind, list[tuple[FileResidue, gemmi.Residue]]] = {ResidueKind.WATER: [], ResidueKind.ION: []}
    counted: Counter[str] = Counter()
    for each in found.others:
        is_water = each.kind is ResidueKind.WATER
        element = ion_element(each.residue)
        is_known = each.kind is ResidueKind.ION and element is not None and element.name in METALS
        if is_known or (is_water and keep_waters):
            kept[each.kind].append((each, _without_alternates(each, cleaned)))
            continue
        counted["water" if is_water else each.residue.name] += 1
        places = tuple((atom.pos.x, atom.pos.y, atom.pos.z) for atom in each.residue)
        cleaned.removed.append(RemovedResidue("water" if is_water else f"{each.residue.name} {_place(each)}", places))
    cleaned.notes += [f"removed {count} x {kind}" for kind, count in sorted(counted.items())]
    for kind, residues in kept.items():
        if residues:
            letter = _add_chain(cleaned, residues)
            if kind is ResidueKind.ION:
                elements = [ion_element(residue) for _, residue in residues]
                cleaned.ions = {(letter, str(k)): element.name for k, element in enumerate(elements, 1) if element}


def _check_backbones(cleaned: CleanedReceptor, name: str) -> None:
    for letter, chain in zip(LETTERS, cleaned.chains, strict=False):
        for residue in chain:
            names = {atom.name for atom in residue}
            missing = [atom for atom in BACKBONE_ATOMS if atom not in names]
            if missing and residue.name not in _CAPS:
                label = cleaned.label(residue.name, letter, str(residue.seqid))
                raise DataError(f"{name}: residue {label} lacks its backbone atom {missing[0]}: complete or remove it")


def simplify(cleaned: CleanedReceptor) -> list[str]:
    """Remove hydrogens, and of incomplete side chains all but CB: such a residue becomes alanine, or glycine.

    Returns
    -------
    list of str
        A note for each change; a warning is added to what was cleaned.
    """
    notes = []
    if any(atom.is_hydrogen() for chain in cleaned.chains for residue in chain for atom in residue):
        notes.append("hydrogens of the file removed")
    made = []
    for letter, chain in zip(LETTERS, cleaned.chains, strict=False):
        for residue in chain:
            for index in reversed(range(len(residue))):
                if residue[index].is_hydrogen():
                    del residue[index]
            names = {atom.name for atom in residue}
            if not lacks_atoms(residue.name, names):
                continue
            label = cleaned.label(residue.name, letter, str(residue.seqid))
            residue_name = "ALA" if "CB" in names else "GLY"
            for index in reversed(range(len(residue))):
                if residue[index].name not in HEAVY_ATOMS[residue_name]:
                    del residue[index]
            residue.name = residue_name
            notes.append(f"{label}, incomplete, made {residue_name}")
            made.append(f"{label} made {residue_name}")
    if made:
        cleaned.warnings.append(f"incomplete side chains cut: {listed(made)}")
    return notes


def listed(words: list[str], most: int = 6) -> str:
    """Return words in a row, the last of many counted."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
