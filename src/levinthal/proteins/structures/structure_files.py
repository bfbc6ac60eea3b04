"""Backbones to and from PDB and mmCIF files, by the library gemmi.

What is written holds N, CA, C and the carbonyl oxygen of each resolved residue, so that viewers draw a cartoon and
programs find hydrogen bonds, and the whole sequence (SEQRES, `_entity_poly_seq`), so that what is read again has the
unresolved residues in their places.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import gemmi
import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.files.writing import write_whole
from levinthal.proteins.residues import THREE_LETTER
from levinthal.proteins.structures.backbone_chain import UNKNOWN_RESIDUE, BackboneChain, carbonyl_oxygens

__all__ = ["BackboneChain", "read_backbone", "write_mmcif", "write_pdb"]

_ATOMS = ("N", "CA", "C")
# Protonation states of the force fields, which gemmi's table of the PDB's residues lacks.
_ALIASES = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "H"),
    **{"CYX": "C", "CYM": "C", "ASH": "D", "GLH": "E", "LYN": "K"},
}
_FARTHEST_NM = 1e5
# What the fixed columns of the PDB format hold.
_PDB_RESIDUES = (-999, 9_999)
_PDB_COORDINATES_ANGSTROM = (-998.0, 9_998.0)  # with room for the oxygen
_PDB_B_FACTORS = (-99.995, 999.995)
_PDB_MOST_ATOMS = 99_999
_PDB_MOST_CHAINS = 62
_DAMAGED = (RuntimeError, ValueError, IndexError, OverflowError)  # what gemmi raises on damaged text


def write_pdb(path: str | Path, chains: Sequence[BackboneChain], *, title: str = "") -> None:
    """Write backbones as a PDB file (format 3.3), in Angstrom.

    The file appears at once and whole, or not at all.

    Parameters
    ----------
    path : str or Path
        File to write or replace.
    chains : sequence of BackboneChain
        One or more; unresolved residues stand in SEQRES alone.
    title : str
        For the TITLE record, where a person looks first: which weights made the prediction, say. Upper case in the
        file, as the format has it.

    Raises
    ------
    DataError
        What a PDB file cannot hold (chain names of more than one character, more than 62 chains or 99,999 atoms,
        residue numbers outside -999 to 9,999, positions outside -998 to 9,998 A); no chain, one without a resolved
        residue, or two of one name.
    WriteError
        The folder cannot be written to; an old file, if any, is untouched.
    """
    structure = _structure(chains, title)
    advice = "write mmCIF instead"
    if len(chains) > _PDB_MOST_CHAINS:
        raise DataError(f"{path}: {len(chains)} chains are more than the {_PDB_MOST_CHAINS} of a PDB file: {advice}")
    n_atoms = sum(4 * int(chain.mask.sum()) for chain in chains)
    if n_atoms > _PDB_MOST_ATOMS:
        raise DataError(f"{path}: {n_atoms} atoms are more than the {_PDB_MOST_ATOMS} of a PDB file: {advice}")
    for chain in chains:
        where = f"{path}: chain {chain.name}"
        if len(chain.name) != 1:
            raise DataError(f"{where}: a PDB file has one character for the chain name: {advice}")
        limits = (
            ("residue number", chain.residue_numbers[chain.mask], _PDB_RESIDUES),
            ("position in A", 10 * chain.atoms_nm[chain.mask], _PDB_COORDINATES_ANGSTROM),
            ("B-factor", np.zeros(1) if chain.b_factors is None else chain.b_factors[chain.mask], _PDB_B_FACTORS),
        )
        for what, values, (least, most) in limits:
            if values.min() < least or values.max() > most:
                raise DataError(
                    f"{where}: a {what} is outside {least:g} to {most:g}, what a PDB file holds: "
                    f"move or number the chain anew, or {advice}"
                )
    options = gemmi.PdbWriteOptions()
    options.cryst1_record = False  # no crystal: a made-up cell would be taken for one
    write_whole(path, structure.make_pdb_string(options), durable=False)


def write_mmcif(path: str | Path, chains: Sequence[BackboneChain], *, title: str = "") -> None:
    """Write backbones as an mmCIF file, in Angstrom; no limits to size.

    The file appears at once and whole, or not at all.

    Parameters
    ----------
    path : str or Path
        File to write or replace.
    chains : sequence of BackboneChain
        One or more; unresolved residues stand in `_entity_poly_seq` alone.
    title : str
        For `_struct.title`.

    Raises
    ------
    DataError
        No chain, one without a resolved residue, or two of one name.
    WriteError
        The folder cannot be written to; an old file, if any, is untouched.
    """
    groups = gemmi.MmcifOutputGroups(True)
    groups.cell = groups.symmetry = False
    groups.auth_all = True  # readers that look for auth_comp_id and auth_atom_id find them
    write_whole(path, _structure(chains, title).make_mmcif_document(groups).as_string(), durable=False)


def read_backbone(path: str | Path) -> list[BackboneChain]:
    """Read the backbone of each protein chain of a PDB or mmCIF file.

    The first model is read. Of alternate locations, and of two residues in one place, the one of highest occupancy is
    taken. Modified residues count as those they come from (MSE as M), others as X; water, ligands, nucleic acids and
    caps are left out. Residues that the file has in its sequence alone (SEQRES, `_entity_poly_seq`) are there,
    unresolved; their numbers are counted on from their neighbours.

    Parameters
    ----------
    path : str or Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`, also with `.gz`; another ending is told by its content.

    Returns
    -------
    list of BackboneChain
        In the order of the file; `b_factors` are those of the CA atoms; a chain without a name is named A, or by the
        next free letter.

    Raises
    ------
    DataError
        No such file, no PDB or mmCIF file, a damaged one, or one without a residue that has N, CA and C.
    """
    path = Path(path)
    text = _text(path)
    try:
        structure = _parse(path, text)
        if not len(structure):
            raise DataError(f"{path} holds no atoms: name a PDB or mmCIF file of a protein")
        structure.merge_chain_parts()
        structure.setup_entities()
        structure.assign_label_seq_id(False)
        chains = [found for chain in structure[0] if (found := _read_chain(path, structure, chain)) is not None]
    except _DAMAGED as error:
        reason = re.sub(r"string:(\d+):\d+\(\d+\)", r"line \1", str(error))  # gemmi's name for a text in memory
        raise DataError(
            f"{path} is not a sound PDB or mmCIF file: {reason}: mend that line or fetch the file again"
        ) from None
    if not any(chain.mask.any() for chain in chains):
        raise DataError(
            f"{path} has no residue with the atoms N, CA and C: name a file with a protein's whole backbone"
        )
    names = {chain.name for chain in chains}
    unused = (letter for letter in ascii_uppercase + digits + ascii_lowercase if letter not in names)
    return [chain if chain.name else replace(chain, name=next(unused)) for chain in chains]


def _checked(chains: Sequence[BackboneChain]) -> None:
    if not chains:
        raise DataError("no chain was given: nothing to write")
    names = [chain.name for chain in chains]
    for chain in chains:
        if not chain.name or not chain.name.isascii() or not chain.name.isprintable() or " " in chain.name:
            raise DataError(f"the chain name {chain.name!r} cannot be written: give one of letters and digits")
        if names.count(chain.name) > 1:
            raise DataError(f"two chains have the name {chain.name}: give each its own")
        if not chain.mask.any():
            raise DataError(f"chain {chain.name} has no resolved residue: leave it out")
        if not (np.abs(chain.atoms_nm[chain.mask]) < _FARTHEST_NM).all():
            raise DataError(
                f"chain {chain.name} has a position that is not a number or beyond {_FARTHEST_NM:g} nm: "
                "mask that residue, or look for why the model diverged"
            )
        codes = chain.insertion_codes or " " * len(chain.sequence)
        labels = list(zip(chain.residue_numbers[chain.mask].tolist(), np.array(list(codes))[chain.mask], strict=True))
        if len(set(labels)) < len(labels):
            raise DataError(f"chain {chain.name} has two residues of one number: number them anew")


def _structure(chains: Sequence[BackboneChain], title: str) -> gemmi.Structure:
    _checked(chains)
    structure = gemmi.Structure()
    structure.name = "levinthal"
    title = " ".join(title.encode("ascii", "replace").decode().split())
    if title:
        structure.info["_struct.title"] = title
    model = gemmi.Model(1)
    for place, chain in enumerate(chains, 1):
        model.add_chain(_gemmi_chain(chain, str(place)))
        entity = gemmi.Entity(str(place))
        entity.entity_type = gemmi.EntityType.Polymer
        entity.polymer_type = gemmi.PolymerType.PeptideL
        entity.full_sequence = [THREE_LETTER.get(letter, "UNK") for letter in chain.sequence]
        entity.subchains = [chain.name]
        structure.entities.append(entity)
    structure.add_model(model)
    structure.assign_serial_numbers()
    return structure


def _gemmi_chain(chain: BackboneChain, entity: str) -> gemmi.Chain:
    written = gemmi.Chain(chain.name)
    four = np.concatenate([chain.atoms_nm, carbonyl_oxygens(chain.atoms_nm, chain.mask)[:, None]], axis=1)
    angstrom = (10 * four.astype(np.float64)).tolist()
    codes = chain.insertion_codes or " " * len(chain.sequence)
    b_factors = [0.0] * len(chain.sequence) if chain.b_factors is None else chain.b_factors.tolist()
    for place in np.flatnonzero(chain.mask).tolist():
        residue = gemmi.Residue()
        residue.name = THREE_LETTER.get(chain.sequence[place], "UNK")
        residue.seqid = gemmi.SeqId(int(chain.residue_numbers[place]), codes[place])
        residue.entity_type = gemmi.EntityType.Polymer
        residue.subchain = chain.name
        residue.entity_id = entity
        residue.label_seq = place + 1
        for name, position in zip((*_ATOMS, "O"), angstrom[place], strict=True):
            atom = gemmi.Atom()
            atom.name = name
            atom.element = gemmi.Element(name[0])
            atom.pos = gemmi.Position(*position)
            atom.b_iso = b_factors[place]
            residue.add_atom(atom)
        written.add_residue(residue)
    return written


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is a damaged gzip file: {error}: fetch it again") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: {reason}: name a readable PDB or mmCIF file") from None
    return data.decode("utf-8", "replace")


def _parse(path: Path, text: str) -> gemmi.Structure:
    endings = {ending.lower() for ending in path.suffixes[-2:]}
    if endings & {".cif", ".mmcif"} or (not endings & {".pdb", ".ent"} and "_atom_site." in text):
        blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
        if not blocks:
            raise DataError(f"{path} holds no atoms: name a PDB or mmCIF file of a protein")
        return gemmi.make_structure_from_block(blocks[0])
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("ATOM", "HETATM")):
            # gemmi reads what is no number as zero.
            for column in (30, 38, 46):
                try:
                    float(line[column : column + 8])
                except ValueError:
                    raise DataError(
                        f"{path}, line {number}: {line[column : column + 8]!r} in columns {column + 1} to {column + 8} "
                        "is no coordinate: mend that line or fetch the file again"
                    ) from None
    return gemmi.read_pdb_string(text)


def _letter(name: str) -> str:
    if name in _ALIASES:
        return _ALIASES[name]
    residue = gemmi.find_tabulated_residue(name)
    letter = residue.one_letter_code.upper() if residue.is_amino_acid() else UNKNOWN_RESIDUE
    return letter if letter in THREE_LETTER else UNKNOWN_RESIDUE


def _is_amino_acid(name: str) -> bool:
    return name in _ALIASES or gemmi.find_tabulated_residue(name).is_amino_acid()


def _has_backbone(residue: gemmi.Residue) -> bool:
    names = {atom.name for atom in residue}
    return names.issuperset(_ATOMS)


def _in_chain(residue: gemmi.Residue) -> bool:
    """Say whether a residue is part of a protein chain, not a ligand, water, cap or nucleotide."""
    if residue.entity_type == gemmi.EntityType.Polymer:
        return _is_amino_acid(residue.name) or _has_backbone(residue)
    return residue.het_flag != "H" and not residue.is_water() and _has_backbone(residue)


def _best_atoms(residue: gemmi.Residue) -> dict[str, gemmi.Atom]:
    """Return N, CA and C of the alternate location that has the highest occupancy in sum."""
    atoms = [atom for atom in residue if atom.name in _ATOMS]
    occupancy: dict[str, float] = {}
    for atom in atoms:
        occupancy[atom.altloc] = occupancy.get(atom.altloc, 0.0) + atom.occ
    best: dict[str, gemmi.Atom] = {}
    for location in sorted(occupancy, key=lambda one: -occupancy[one]):
        for atom in atoms:
            if atom.altloc == location:
                best.setdefault(atom.name, atom)
    return best


def _occupancy(residue: gemmi.Residue) -> float:
    return float(sum(atom.occ for atom in residue if atom.name in _ATOMS))


def _first_of_each_place(residues: Iterable[gemmi.Residue]) -> list[gemmi.Residue]:
    places = groupby(residues, lambda residue: (residue.seqid.num, residue.seqid.icode))
    return [max(same, key=_occupancy) for _, same in places]


def _read_chain(path: Path, structure: gemmi.Structure, chain: gemmi.Chain) -> BackboneChain | None:
    residues = _first_of_each_place(residue for residue in chain if _in_chain(residue))
    if not residues:
        return None
    names, places = _whole_sequence(structure, chain, residues)
    length = len(names)
    atoms = np.zeros((length, 3, 3), np.float32)
    mask = np.zeros(length, np.bool_)
    b_factors = np.zeros(length, np.float32)
    numbers: list[int | None] = [None] * length
    codes = [" "] * length
    for place, residue in zip(places, residues, strict=True):
        numbers[place] = residue.seqid.num
        codes[place] = residue.seqid.icode
        best = _best_atoms(residue)
        if len(best) < len(_ATOMS):
            continue
        positions = np.array([best[name].pos.tolist() for name in _ATOMS]) / 10
        if not (np.abs(positions) < _FARTHEST_NM).all():
            raise DataError(
                f"{path}: residue {residue.name} {chain.name} {residue.seqid}: a position is not a number, or beyond "
                f"{_FARTHEST_NM:g} nm: mend that line or fetch the file again"
            )
        atoms[place] = positions
        mask[place] = True
        b_factors[place] = best["CA"].b_iso
    return BackboneChain(
        name=chain.name,
        sequence="".join(map(_letter, names)),
        atoms_nm=atoms,
        mask=mask,
        residue_numbers=_counted_on(numbers),
        insertion_codes="".join(codes) if any(code != " " for code in codes) else "",
        b_factors=b_factors,
    )


def _whole_sequence(
    structure: gemmi.Structure, chain: gemmi.Chain, residues: list[gemmi.Residue]
) -> tuple[list[str], list[int]]:
    """Return the residue names of the chain's whole sequence, and the places of the residues found in it."""
    found = [residue.name for residue in residues]
    entity = structure.get_entity_of(chain.get_polymer())
    stated = [] if entity is None else [gemmi.Entity.first_mon(item) for item in entity.full_sequence]
    labels = [residue.label_seq or 0 for residue in residues]
    if structure.input_format == gemmi.CoorFormat.Pdb:
        labels = _labels_by_number(stated, residues) or labels
    inside = all(1 <= label <= len(stated) for label in labels)
    if not inside or any(later <= earlier for earlier, later in pairwise(labels)):
        return found, list(range(len(found)))
    resolved = set(labels)
    kept = [k for k, name in enumerate(stated, 1) if k in resolved or _is_amino_acid(name)]
    place_of = {k: place for place, k in enumerate(kept)}
    places = [place_of[label] for label in labels]
    names = [stated[k - 1] for k in kept]
    for place, name in zip(places, found, strict=True):
        names[place] = name  # of two residues in one place, the one that was taken
    return names, places


def _labels_by_number(stated: list[str], residues: list[gemmi.Residue]) -> list[int]:
    """Return the places from 1 in SEQRES that one shift of the residue numbers gives; empty where none or many do.

    A PDB file does not say them, and gemmi's alignment by residue names alone is at a loss beside unresolved residues.
    """
    numbers = [number for residue in residues if (number := residue.seqid.num) is not None]
    plain = len(numbers) == len(residues) and all(residue.seqid.icode == " " for residue in residues)
    if not plain or any(later <= earlier for earlier, later in pairwise(numbers)):
        return []
    named = [(number, residue.name) for number, residue in zip(numbers, residues, strict=True)]
    shifts = [
        shift
        for shift in range(numbers[-1] - len(stated), numbers[0])
        if all(stated[number - shift - 1] == name for number, name in named)
    ]
    if 0 in shifts or len(shifts) == 1:
        shift = 0 if 0 in shifts else shifts[0]
        return [number - shift for number in numbers]
    return []


def _counted_on(numbers: list[int | None]) -> npt.NDArray[np.int64]:
    """Return residue numbers where some are not known: counted on from the one before, or back from the first."""
    first = next((place for place, number in enumerate(numbers) if number is not None), 0)
    known = (numbers[first] if numbers else None) or 0
    counted = [known - first + place for place in range(first)]
    for number in numbers[first:]:
        counted.append(number if number is not None else counted[-1] + 1)
    return np.array(counted, np.int64)
