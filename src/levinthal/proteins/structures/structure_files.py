"""Backbones written as PDB and mmCIF files, by the library gemmi.

What is written holds N, CA, C and the carbonyl oxygen of each resolved residue, so that viewers draw a cartoon and
programs find hydrogen bonds, and the whole sequence (SEQRES, `_entity_poly_seq`), so that what is read again has the
unresolved residues in their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gemmi
import numpy as np

from levinthal.errors import DataError
from levinthal.files.writing import write_whole
from levinthal.proteins.residues import THREE_LETTER
from levinthal.proteins.structures.backbone_chain import (
    BACKBONE_ATOMS,
    FARTHEST_NM,
    BackboneChain,
    carbonyl_oxygens,
)

# What the fixed columns of the PDB format hold.
_PDB_RESIDUES = (-999, 9_999)
_PDB_COORDINATES_ANGSTROM = (-998.0, 9_998.0)  # with room for the oxygen
_PDB_B_FACTORS = (-99.995, 999.995)
_PDB_MOST_ATOMS = 99_999
_PDB_MOST_CHAINS = 62


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

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import BackboneChain, write_pdb
    >>> atoms_nm = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    >>> chain = BackboneChain("A", "ACDE", atoms_nm, np.ones(4, bool), np.arange(1, 5))
    >>> write_pdb("model.pdb", [chain], title="a model")
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
                    f"move or number the chain again, or {advice}"
                )
    options = gemmi.PdbWriteOptions()
    options.cryst1_record = False  # no crystal: a made-up cell would be taken for one
    write_whole(path, structure.make_pdb_string(options), durable=False)


def write_mmcif(path: str | Path, chains: Sequence[BackboneChain], *, title: str = "") -> None:
    """Write backbones as an mmCIF file, in Angstrom; no limits to size.

    The file appears at once and whole, or not at all.

    Parameters
    ----------
    path, chains, title
        As for `write_pdb`; unresolved residues stand in `_entity_poly_seq` alone, the title in `_struct.title`.

    Raises
    ------
    DataError
        No chain, one without a resolved residue, or two of one name.
    WriteError
        As `write_pdb`.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import BackboneChain, write_mmcif
    >>> atoms_nm = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32)
    >>> write_mmcif("model.cif", [BackboneChain("A", "AC", atoms_nm, np.ones(2, bool), np.arange(1, 3))])
    """
    groups = gemmi.MmcifOutputGroups(True)
    groups.cell = groups.symmetry = False
    groups.auth_all = True  # readers that look for auth_comp_id and auth_atom_id find them
    write_whole(path, _structure(chains, title).make_mmcif_document(groups).as_string(), durable=False)


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
        if not (np.abs(chain.atoms_nm[chain.mask]) < FARTHEST_NM).all():
            raise DataError(
                f"chain {chain.name} has a position that is not a number or beyond {FARTHEST_NM:g} nm: "
                "mask that residue, or look for why the model diverged"
            )
        codes = chain.insertion_codes or " " * len(chain.sequence)
        labels = list(zip(chain.residue_numbers[chain.mask].tolist(), np.array(list(codes))[chain.mask], strict=True))
        if len(set(labels)) < len(labels):
            raise DataError(f"chain {chain.name} has two residues of one number: number them again")


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
        for name, position in zip((*BACKBONE_ATOMS, "O"), angstrom[place], strict=True):
            atom = gemmi.Atom()
            atom.name = name
            atom.element = gemmi.Element(name[0])
            atom.pos = gemmi.Position(*position)
            atom.b_iso = b_factors[place]
            residue.add_atom(atom)
        written.add_residue(residue)
    return written
