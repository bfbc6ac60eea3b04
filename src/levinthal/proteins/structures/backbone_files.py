"""Backbones read from PDB and mmCIF files, with the residues that only the sequence of the file names."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import gemmi
import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.residues import ONE_LETTER
from levinthal.proteins.structures.backbone_chain import (
    BACKBONE_ATOMS,
    FARTHEST_NM,
    UNKNOWN_RESIDUE,
    BackboneChain,
)
from levinthal.proteins.structures.parsing import damage_named
from levinthal.proteins.structures.protein_file import ProteinChain, read_protein_file
from levinthal.proteins.structures.residue_kinds import ResidueKind, is_amino_acid_name, parent_name


def read_backbone(path: str | Path) -> list[BackboneChain]:
    """Read the backbone of each protein chain of a PDB or mmCIF file.

    The first model is read. Of alternate locations, and of two residues in one place, the one of highest occupancy is
    taken. Modified residues count as those they come from (MSE as M), others as X; water, ligands, nucleic acids and
    caps are left out. Residues that the file has in its sequence alone (SEQRES, `_entity_poly_seq`) are there,
    unresolved; their numbers are counted on from their neighbours.

    Parameters
    ----------
    path : str or Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`, also with `.gz`; the content decides for another ending.

    Returns
    -------
    list of BackboneChain
        In the order of the file; `b_factors` are those of the CA atoms; a chain without a name is named A, or by the
        next free letter.

    Raises
    ------
    DataError
        No such file, no PDB or mmCIF file, a damaged one, or one without a residue that has N, CA and C.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import BackboneChain, read_backbone, write_pdb
    >>> atoms_nm = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    >>> chain = BackboneChain("A", "ACDE", atoms_nm, np.ones(4, bool), np.arange(1, 5))
    >>> write_pdb("model.pdb", [chain])
    >>> [each.sequence for each in read_backbone("model.pdb")]
    ['ACDE']
    """
    path = Path(path)
    found = read_protein_file(path)
    with damage_named(path):
        found.structure.setup_entities()
        found.structure.assign_label_seq_id(False)
        read = (_read_chain(path, found.structure, chain) for chain in found.chains)
        chains = [chain for chain in read if chain is not None]
    if not any(chain.mask.any() for chain in chains):
        raise DataError(
            f"{path} has no residue with the atoms N, CA and C: name a file with a protein's whole backbone"
        )
    names = {chain.name for chain in chains}
    unused = (letter for letter in ascii_uppercase + digits + ascii_lowercase if letter not in names)
    return [chain if chain.name else replace(chain, name=next(unused)) for chain in chains]


def _letter(name: str) -> str:
    return ONE_LETTER.get(parent_name(name) or "", UNKNOWN_RESIDUE)


def _best_atoms(residue: gemmi.Residue) -> dict[str, gemmi.Atom]:
    """Return N, CA and C of the alternate location that has the highest occupancy in sum."""
    atoms = [atom for atom in residue if atom.name in BACKBONE_ATOMS]
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
    return float(sum(atom.occ for atom in residue if atom.name in BACKBONE_ATOMS))


def _read_chain(path: Path, structure: gemmi.Structure, chain: ProteinChain) -> BackboneChain | None:
    amino_acids = [each.residue for each in chain.residues if each.kind is ResidueKind.AMINO_ACID]
    places_taken = groupby(amino_acids, lambda residue: (residue.seqid.num, residue.seqid.icode))
    residues = [max(same, key=_occupancy) for _, same in places_taken]
    if not residues:
        return None
    names, places = _whole_sequence(structure, residues)
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
        if len(best) < len(BACKBONE_ATOMS):
            continue
        positions = np.array([best[name].pos.tolist() for name in BACKBONE_ATOMS]) / 10
        if not (np.abs(positions) < FARTHEST_NM).all():
            raise DataError(
                f"{path}: residue {residue.name} {chain.name} {residue.seqid}: a position is not a number, or beyond "
                f"{FARTHEST_NM:g} nm: fix that line or fetch the file again"
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


def _whole_sequence(structure: gemmi.Structure, residues: list[gemmi.Residue]) -> tuple[list[str], list[int]]:
    """Return the residue names of the chain's whole sequence, and the places of the residues found in it."""
    found = [residue.name for residue in residues]
    entity = next((each for each in structure.entities if residues[0].subchain in each.subchains), None)
    stated = [] if entity is None else [gemmi.Entity.first_mon(item) for item in entity.full_sequence]
    labels = [residue.label_seq or 0 for residue in residues]
    if structure.input_format == gemmi.CoorFormat.Pdb:
        labels = _labels_by_number(stated, residues) or labels
    inside = all(1 <= label <= len(stated) for label in labels)
    if not inside or any(later <= earlier for earlier, later in pairwise(labels)):
        return found, list(range(len(found)))
    resolved = set(labels)
    kept = [k for k, name in enumerate(stated, 1) if k in resolved or is_amino_acid_name(name)]
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
