"""Receptors from PDB and mmCIF files: cleaned by gemmi, completed by PDBFixer, typed by meeko.

Kept are standard amino acids, caps and the metals that Vina knows; of alternate locations the one of highest occupancy;
waters where they are asked for. Everything else is removed, missing side-chain atoms are built, and hydrogens are added
for pH 7 where the file has none. Where meeko refuses the result, hydrogens are placed anew and incomplete side chains
cut to CB. Each change stands in the receptor's notes.
"""

from __future__ import annotations

import io
import math
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation.ligands import quiet_libraries
from levinthal.workloads.docking.preparation.pdbqt import read_receptor_pdbqt, receptor_from_pdbqt
from levinthal.workloads.docking.preparation.text import read_text

__all__ = ["prepare_receptor", "receptor_from_structure"]

_BACKBONE = ("N", "CA", "C")
_CAPS = frozenset({"ACE", "NME"})
_VARIANTS = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
    **{"CYX": "CYS", "CYM": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS"},
}
_NAMED_VARIOUSLY = frozenset({"CD1", "O"})
_METALS = frozenset({"MG", "CA", "MN", "FE", "ZN", "CU"})
_LONGEST_PEPTIDE_BOND_ANGSTROM = 2.0
_FARTHEST_ANGSTROM = 9_000.0
_MOST_RESIDUES = 5_000
# A structure without hydrogens has none; one with polar ones alone has one for five heavy atoms.
_FEWEST_HYDROGENS = 0.1
_ACIDITY = 7.0
_DAMAGED = (RuntimeError, ValueError, IndexError, OverflowError)
_REFUSED = (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, AssertionError)


def prepare_receptor(path: str | Path, *, keep_waters: bool = False) -> Receptor:
    """Read a receptor from a PDBQT, PDB or mmCIF file and prepare it; a PDBQT file is taken as it is.

    Parameters
    ----------
    path : str or Path
        `.pdbqt`, `.pdb`, `.ent`, `.cif` or `.mmcif`.
    keep_waters : bool
        Whether waters of a PDB or mmCIF file stay.

    Raises
    ------
    DataError
        The file cannot be read, or cannot be prepared; the message names atom and residue.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> sorted(set(receptor.residues))[:2]
    ['ACE A 0', 'ALA A 1']
    """
    path = Path(path)
    if path.suffix.lower() == ".pdbqt":
        return read_receptor_pdbqt(path)
    return receptor_from_structure(read_text(path), path.stem, keep_waters=keep_waters)


def receptor_from_structure(text: str, name: str, *, keep_waters: bool = False) -> Receptor:
    """Prepare a receptor of the text of a PDB or mmCIF file; see `prepare_receptor`."""
    structure = _read(text, name)
    notes = [f"model 1 of {len(structure)} taken"] if len(structure) > 1 else []
    model = structure[0]
    notes += _remove_alternates(model)
    notes += _made_methionine(model)
    notes += _remove_others(model, name, keep_waters)
    _check_backbones(model, name)
    pdb, completed = _completed(_pdb_text(model), name)
    try:
        return _typed(pdb, name, [*notes, *completed])
    except DataError as error:
        refused = error
    simplified = _simplified(model)
    if not simplified:
        raise refused
    pdb, completed = _completed(_pdb_text(model), name)
    return _typed(pdb, name, [*notes, f"simplified, because at first {refused}", *simplified, *completed])


def _simplified(model: gemmi.Model) -> list[str]:
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
            needed = set(HEAVY_ATOMS.get(_VARIANTS.get(residue.name, residue.name), ())) - _NAMED_VARIOUSLY
            if needed <= names:
                continue
            label, residue_name = _label(chain, residue), "ALA" if "CB" in names else "GLY"
            for index in reversed(range(len(residue))):
                if residue[index].name not in HEAVY_ATOMS[residue_name]:
                    del residue[index]
            residue.name = residue_name
            notes.append(f"{label}, incomplete, made {residue_name}")
    return notes


def _read(text: str, name: str) -> gemmi.Structure:
    try:
        if "_atom_site." in text:
            blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
            structure = gemmi.make_structure_from_block(blocks[0]) if blocks else gemmi.Structure()
        else:
            _check_lines(text, name)
            structure = gemmi.read_pdb_string(text)
    except _DAMAGED as error:
        raise DataError(
            f"{name} is not a sound PDB or mmCIF file: {str(error)[:200]}: mend it or fetch it again"
        ) from None
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise DataError(f"{name} holds no atoms: name a PDB or mmCIF file of a protein")
    for chain in structure[0]:
        for residue in chain:
            for atom in residue:
                if not max(abs(value) for value in atom.pos.tolist()) < _FARTHEST_ANGSTROM:
                    raise DataError(
                        f"{name}: atom {atom.name} of {_label(chain, residue)} is not within {_FARTHEST_ANGSTROM:g} A: "
                        "mend that line"
                    )
    return structure


def _check_lines(text: str, name: str) -> None:
    """Refuse what gemmi would read as zero."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("ATOM", "HETATM")):
            for column in (30, 38, 46):
                try:
                    float(line[column : column + 8])
                except ValueError:
                    raise DataError(
                        f"{name}, line {number}: atom {line[12:16].strip()} of {line[17:20].strip()} "
                        f"{line[21:22].strip()} {line[22:27].strip()}: {line[column : column + 8]!r} is no coordinate: "
                        "mend that line"
                    ) from None


def _label(chain: gemmi.Chain, residue: gemmi.Residue) -> str:
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
            notes.append(f"alternate location {best} of {_label(chain, residue)} kept")
    return notes


def _made_methionine(model: gemmi.Model) -> list[str]:
    """Put sulphur in the place of the selenium that crystallographers bring in."""
    notes = []
    for chain in model:
        for residue in chain:
            if residue.name == "MSE":
                notes.append(f"selenomethionine {_label(chain, residue)} made methionine")
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
            protein = _VARIANTS.get(residue.name, residue.name) in HEAVY_ATOMS or residue.name in _CAPS
            if not protein and {atom.name for atom in residue}.issuperset(_BACKBONE) and residue.het_flag != "H":
                raise DataError(
                    f"{name}: residue {_label(chain, residue)} is no standard amino acid: replace it by one, "
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
            label = _label(chain, residue)
            if str(residue.seqid) in seen:
                raise DataError(f"{name}: residue {label} stands there twice: remove one or number them anew")
            seen.add(str(residue.seqid))
            names = [atom.name for atom in residue]
            if len(names) > len(set(names)):
                twice = next(one for one in names if names.count(one) > 1)
                raise DataError(f"{name}: atom {twice} of {label} stands there twice: remove one")
            if _VARIANTS.get(residue.name, residue.name) not in HEAVY_ATOMS:
                continue
            missing = [atom for atom in _BACKBONE if atom not in names]
            if missing:
                raise DataError(f"{name}: residue {label} lacks its backbone atom {missing[0]}: complete or remove it")


def _pdb_text(model: gemmi.Model) -> str:
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.setup_entities()
    structure.shorten_chain_names()
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    return str(structure.make_pdb_string(options))


def _completed(pdb: str, name: str) -> tuple[str, list[str]]:
    """Build missing atoms of side chains and, where there are none, hydrogens."""
    lines = [line for line in pdb.splitlines() if line.startswith(("ATOM", "HETATM"))]
    n_hydrogens = sum(line[76:78].strip() in ("H", "D") for line in lines)
    lacking = _lacking(lines)
    without_hydrogens = n_hydrogens < _FEWEST_HYDROGENS * (len(lines) - n_hydrogens)
    if not lacking and not without_hydrogens:
        return pdb, []
    from openmm import OpenMMException
    from openmm.app import PDBFile
    from pdbfixer import PDBFixer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fixer = PDBFixer(pdbfile=io.StringIO(pdb))
            fixer.missingResidues = {}
            fixer.findMissingAtoms()
            ends = [f"{one.name} {one.chain.id} {one.id}" for one in fixer.missingTerminals]
            notes = [
                f"atoms {', '.join(atom.name for atom in atoms)} of {one.name} {one.chain.id} {one.id} built"
                for one, atoms in fixer.missingAtoms.items()
            ]
            notes += [f"OXT of {end} built" for end in ends]
            fixer.addMissingAtoms(seed=1)
            if without_hydrogens:
                fixer.addMissingHydrogens(_ACIDITY)
                notes.append(f"hydrogens placed for pH {_ACIDITY:g}")
            out = io.StringIO()
            PDBFile.writeFile(fixer.topology, fixer.positions, out, keepIds=True)
    except (*_REFUSED, OpenMMException) as error:
        raise DataError(f"{name} cannot be completed: {str(error)[:200]}: complete it first, by hand") from None
    return out.getvalue(), notes


def _lacking(lines: list[str]) -> bool:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line[17:27], set()).add(line[12:16].strip())
    for residue, atoms in found.items():
        kind = residue[:3].strip()
        needed = set(HEAVY_ATOMS.get(_VARIANTS.get(kind, kind), ())) - _NAMED_VARIOUSLY
        if not needed <= atoms:
            return True
    return False


def _typed(pdb: str, name: str, notes: list[str]) -> Receptor:
    """Let meeko find the AutoDock types."""
    from meeko import PDBQTWriterLegacy, Polymer

    try:
        with quiet_libraries():
            polymer = Polymer.from_pdb_string(pdb, blunt_ends=_blunt_ends(pdb), allow_bad_res=True)
            text = PDBQTWriterLegacy.write_string_from_polymer(polymer)[0]
            ignored = sorted(polymer.get_ignored_monomers())
    except _REFUSED as error:
        raise DataError(f"{name}: meeko refuses it: {str(error)[:300]}: mend that residue") from None
    if ignored:
        raise DataError(
            f"{name}: residue {ignored[0]} does not match any residue that meeko knows: complete its atoms and "
            "hydrogens, or remove it"
        )
    prepared = receptor_from_pdbqt(text, name)
    return Receptor(
        name=name,
        coordinates_angstrom=prepared.coordinates_angstrom,
        types=prepared.types,
        vina_types=prepared.vina_types,
        atom_names=prepared.atom_names,
        residues=prepared.residues,
        notes=(*notes, *prepared.notes),
    )


def _blunt_ends(pdb: str) -> list[tuple[str, int]]:
    """Return the atoms on both sides of each break of a chain, as meeko wants them."""
    residues: list[tuple[str, str, dict[str, tuple[int, tuple[float, ...]]]]] = []
    for line in pdb.splitlines():
        if line.startswith(("ATOM", "HETATM")):
            key = f"{line[21].strip()}:{line[22:27].strip()}"
            if not residues or residues[-1][0] != key:
                residues.append((key, line[17:20].strip(), {}))
            atoms = residues[-1][2]
            place = tuple(float(line[column : column + 8]) for column in (30, 38, 46))
            atoms[line[12:16].strip()] = (len(atoms), place)
    protein = [one for one in residues if _VARIANTS.get(one[1], one[1]) in HEAVY_ATOMS]
    ends = []
    for (key, _, atoms), (next_key, _, next_atoms) in pairwise(protein):
        if math.dist(atoms["C"][1], next_atoms["N"][1]) > _LONGEST_PEPTIDE_BOND_ANGSTROM:
            if not {"OXT", "OT2", "OC2"} & set(atoms):
                ends.append((key, atoms["C"][0]))
            if not {"H1", "HN1", "HT1", "1H", "H2", "HN2"} & set(next_atoms):
                ends.append((next_key, next_atoms["N"][0]))
    return ends
