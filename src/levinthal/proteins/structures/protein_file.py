"""One reader of proteins in PDB and mmCIF files, with one set of rules, for every program that needs one.

Chains begin at another name, a TER, another segment or a number that falls back; pieces that a peptide bond joins are
one chain all the same. What is protein and what is not is decided by peptide bonds, never by ATOM or HETATM: a residue
that is bonded to a neighbour is part of the chain, a free amino acid is a ligand. Nothing is left out or changed here;
each user says what it cannot take.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.structures.chain_building import IN_CHAIN, ChainBuilding, Part
from levinthal.proteins.structures.parsing import parse_structure, read_text
from levinthal.proteins.structures.residue_kinds import ResidueKind, is_amino_acid_name, name_elements

_ENTITY_TYPES = {
    ResidueKind.AMINO_ACID: gemmi.EntityType.Polymer,
    ResidueKind.CAP: gemmi.EntityType.Polymer,
    ResidueKind.WATER: gemmi.EntityType.Water,
    ResidueKind.ION: gemmi.EntityType.NonPolymer,
    ResidueKind.OTHER: gemmi.EntityType.NonPolymer,
}


@dataclass(frozen=True, eq=False)
class FileResidue:
    """A residue of a file.

    Attributes
    ----------
    chain : str
        The name of its chain, as the user knows it; may be empty.
    residue : gemmi.Residue
        Its atoms, with alternate locations.
    kind : ResidueKind
    """

    chain: str
    residue: gemmi.Residue
    kind: ResidueKind

    def __str__(self) -> str:
        return " ".join(f"{self.residue.name} {self.chain} {self.residue.seqid}".split())


@dataclass(frozen=True, eq=False)
class ProteinChain:
    """A chain of amino acids, caps included, in order.

    Attributes
    ----------
    name : str
        As the user knows it; may be empty, and that of another chain too.
    residues : tuple of FileResidue
    is_ring : bool
        Whether the last residue's C is bonded to the first one's N.
    copy : int
        Counts chains of one name from 0.
    """

    name: str
    residues: tuple[FileResidue, ...]
    is_ring: bool
    copy: int


@dataclass(frozen=True, eq=False)
class ProteinFile:
    """What a file holds in its first model.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    chains : tuple of ProteinChain
        In order of the file.
    others : tuple of FileResidue
        Water, ions, ligands, nucleic acids, free amino acids.
    n_models : int
    structure : gemmi.Structure
        The same, a `gemmi.Chain` for each part of a chain, with `entity_type` set by kind.
    alone : tuple of str
        Residues in chains that no peptide bond joins to another, where others are.
    faults : tuple of str
        What makes it another molecule than it seems, for programs that need every bond: residues in one place, peptide
        bonds out of order, chain ends that are bonded to something else.
    """

    name: str
    chains: tuple[ProteinChain, ...]
    others: tuple[FileResidue, ...]
    n_models: int
    structure: gemmi.Structure
    alone: tuple[str, ...]
    faults: tuple[str, ...]

    def refuse_faults(self) -> None:
        """Refuse a file with faults.

        Raises
        ------
        DataError
            The first of them.
        """
        if self.faults:
            raise DataError(f"{self.name}: {self.faults[0]}")


def read_protein_file(path: str | Path) -> ProteinFile:
    """Read a PDB or mmCIF file, plain or gzipped.

    Parameters
    ----------
    path : str or Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`, also with `.gz`; the content decides for another ending.

    Raises
    ------
    DataError
        No such file, not a PDB or mmCIF file, a damaged one, one without atoms, or with an atom or a residue twice.
    """
    return protein_of_text(read_text(Path(path)), str(path))


def protein_of_text(text: str, name: str) -> ProteinFile:
    """Read the text of a PDB or mmCIF file; see `read_protein_file`."""
    structure, n_models = parse_structure(text, name)
    parts: list[Part] = []
    residues: list[gemmi.Residue] = []
    for chain in structure[0]:
        members = tuple(range(len(residues), len(residues) + len(chain)))
        parts.append(Part(chain.name, members, _is_stated(structure, chain)))
        residues += list(chain)
    for residue in residues:
        name_elements(residue)
    built = ChainBuilding(residues, parts)
    if built.repeated:
        raise DataError(f"{name}: {built.repeated[0]}")
    found: list[FileResidue] = []
    for part in parts:
        for k in part.members:
            residues[k].entity_type = _ENTITY_TYPES[built.kinds[k]]
            found.append(FileResidue(part.name, residues[k], built.kinds[k]))
    names = [found[chain[0]].chain for chain in built.chains]
    return ProteinFile(
        name=name,
        chains=tuple(
            ProteinChain(
                names[number],
                tuple(found[k] for k in chain),
                number in built.rings,
                names[:number].count(names[number]),
            )
            for number, chain in enumerate(built.chains)
        ),
        others=tuple(each for each in found if each.kind not in IN_CHAIN),
        n_models=n_models,
        structure=structure,
        alone=tuple(str(found[k]) for k in built.alone),
        faults=tuple(built.faults),
    )


def _is_stated(structure: gemmi.Structure, chain: gemmi.Chain) -> bool:
    """Say whether the file names a sequence of amino acids for a chain."""
    ids = {chain.name, *(residue.subchain for residue in chain)}
    return any(
        any(is_amino_acid_name(gemmi.Entity.first_mon(each)) for each in entity.full_sequence)
        and (entity.name in ids or ids.intersection(entity.subchains))
        for entity in structure.entities
    )
