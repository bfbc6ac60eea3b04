"""Crystal complexes from the Protein Data Bank's own files: an entry as mmCIF, and the definition of its ligand.

Elements, bonds, charges and hydrogens of the ligand are those of the chemical component dictionary, its places those of
the entry; everything else of the entry is the receptor, prepared as any. A complex that cannot be made whole is refused
with the reason, never repaired by guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gemmi

from levinthal.errors import DataError, LevinthalError
from levinthal.files.reading import refused
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.preparation.ligands import ligand_from_mol_block
from levinthal.workloads.docking.preparation.receptors import receptor_from_structure
from levinthal.workloads.docking.preparation.text import read_text

_FAMILY_IDENTITY_PERCENT = 30.0
_WHOLE = "give an entry in which it is whole"


@dataclass(frozen=True, eq=False)
class CrystalComplex:
    """A receptor and a ligand where the crystal has them.

    Attributes
    ----------
    name : str
        `1G9V_RQ3`: the entry, and the component that is the ligand.
    receptor : Receptor
    ligand : Ligand
    sequences : tuple of str
        Of the protein's chains, one letter a residue, each once.
    """

    name: str
    receptor: Receptor
    ligand: Ligand
    sequences: tuple[str, ...]


def crystal_complexes(files: Sequence[Path]) -> tuple[list[CrystalComplex], dict[str, str]]:
    """Prepare complexes of pairs of files, as `levinthal data fetch astex-diverse` leaves them.

    Parameters
    ----------
    files : sequence of Path
        `1G9V.cif` and `1G9V-ligand-RQ3.cif`, in turn.

    Returns
    -------
    (list of CrystalComplex, dict of str to str)
        Those that could be prepared, and why each of the others could not.
    """
    found, refusals = [], {}
    for entry, component in zip(files[::2], files[1::2], strict=True):
        name = f"{entry.stem}_{component.stem.rpartition('-')[2]}"
        try:
            found.append(crystal_complex(entry, component, name))
        except LevinthalError as error:
            refusals[name] = str(error)
    return found, refusals


def crystal_complex(entry: Path, component: Path, name: str) -> CrystalComplex:
    """Prepare one complex.

    Raises
    ------
    DataError
        A file cannot be read, the entry does not hold the component whole, or one of the molecules is refused.
    """
    code = name.rpartition("_")[2]
    with refused(DataError, entry, "is not an entry in mmCIF", "fetch it again"):
        structure = gemmi.make_structure_from_block(gemmi.cif.read_string(read_text(entry)).sole_block())
        structure.setup_entities()
        model = structure[0]
    with refused(DataError, component, "is not a definition of a component", "fetch it again"):
        definition = gemmi.make_chemcomp_from_block(gemmi.cif.read_string(read_text(component)).sole_block())
    chain, residue = _most_complete(model, code, definition, name)
    ligand = ligand_from_mol_block(_mol_block(definition, residue, name), name)
    _remove(chain, residue)
    while len(structure) > 1:
        del structure[1]
    receptor = receptor_from_structure(structure.make_mmcif_document().as_string(), str(entry))
    return CrystalComplex(name, replace(receptor, name=entry.stem), ligand, _sequences(structure))


def _sequences(structure: gemmi.Structure) -> tuple[str, ...]:
    """Return the sequences of the protein's chains: as the entry states them, else as its residues have them."""
    stated = {
        gemmi.one_letter_code(each.full_sequence)
        for each in structure.entities
        if each.polymer_type in (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD)
    } - {""}
    if stated:
        return tuple(sorted(stated))
    structure.setup_entities()
    seen = {gemmi.one_letter_code([residue.name for residue in chain.get_polymer()]) for chain in structure[0]}
    return tuple(sorted(seen - {""}))


def families(complexes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the family of each complex: joined where any chains are 30 % identical over the shorter of the two.

    Parameters
    ----------
    complexes : mapping of str to sequence of str
        Sequences by name.

    Returns
    -------
    dict of str to int
        Families are numbered from 0 in the order of their first members.

    Examples
    --------
    >>> from levinthal.workloads.docking.preparation.crystal_complexes import families
    >>> families({"a": ["MKVLAAGIVG"], "b": ["WWPPHHCCDD"], "c": ["MKVLSAGIVG"]})
    {'a': 0, 'b': 1, 'c': 0}
    """
    names = list(complexes)
    number = {name: k for k, name in enumerate(names)}
    for k, name in enumerate(names):
        for other in names[:k]:
            if number[name] != number[other] and _related(complexes[name], complexes[other]):
                joined = number[name]
                number = {each: number[other] if mine == joined else mine for each, mine in number.items()}
    order = list(dict.fromkeys(number[name] for name in names))
    return {name: order.index(number[name]) for name in names}


def _related(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return any(
        gemmi.align_string_sequences(list(one), list(other), []).calculate_identity(1 if len(one) <= len(other) else 2)
        >= _FAMILY_IDENTITY_PERCENT
        for one in ours
        for other in theirs
    )


def _most_complete(model: gemmi.Model, code: str, definition: gemmi.ChemComp, name: str) -> tuple[Any, Any]:
    """Return the chain and the residue of the copy with all heavy atoms, the fullest first."""
    wanted = {atom.id for atom in definition.atoms if not atom.is_hydrogen()}
    copies = [(chain, residue) for chain in model for residue in chain if residue.name == code]
    if not copies:
        there = sorted({residue.name for chain in model for residue in chain.get_ligands()})
        raise DataError(f"{name}: the entry holds no component {code}; it holds {', '.join(there) or 'no ligand'}")
    whole = [each for each in copies if wanted <= {atom.name for atom in each[1]}]
    if not whole:
        lacking = sorted(wanted - {atom.name for atom in copies[0][1]})
        raise DataError(f"{name}: the entry lacks {', '.join(lacking[:5])} of component {code}: {_WHOLE}")
    return max(whole, key=lambda each: sum(atom.occ for atom in each[1]) / len(each[1]))


def _mol_block(definition: gemmi.ChemComp, residue: gemmi.Residue, name: str) -> str:
    """Return the ligand with the dictionary's bonds, charges and hydrogens and the crystal's places."""
    from rdkit import Chem
    from rdkit.Geometry import Point3D

    orders = {
        gemmi.BondType.Single: Chem.BondType.SINGLE,
        gemmi.BondType.Double: Chem.BondType.DOUBLE,
        gemmi.BondType.Triple: Chem.BondType.TRIPLE,
        gemmi.BondType.Aromatic: Chem.BondType.AROMATIC,
    }
    molecule, numbers = Chem.RWMol(), {}
    heavy = [atom for atom in definition.atoms if not atom.is_hydrogen()]
    conformer = Chem.Conformer(len(heavy))
    for atom in heavy:
        made = Chem.Atom(atom.el.name)
        made.SetFormalCharge(round(atom.charge))
        bonds = [bond for bond in definition.rt.bonds if atom.id in (bond.id1.atom, bond.id2.atom)]
        ends = [bond.id2.atom if bond.id1.atom == atom.id else bond.id1.atom for bond in bonds]
        made.SetNumExplicitHs(sum(definition.get_atom(end).is_hydrogen() for end in ends))
        made.SetNoImplicit(True)
        numbers[atom.id] = molecule.AddAtom(made)
        place = max((each for each in residue if each.name == atom.id), key=lambda each: float(each.occ)).pos
        conformer.SetAtomPosition(numbers[atom.id], Point3D(place.x, place.y, place.z))
    for bond in definition.rt.bonds:
        ends = [bond.id1.atom, bond.id2.atom]
        if all(end in numbers for end in ends):
            if bond.type not in orders:
                raise DataError(f"{name}: the bond of {ends[0]} and {ends[1]} has no order in the dictionary")
            molecule.AddBond(numbers[ends[0]], numbers[ends[1]], orders[bond.type])
    molecule.AddConformer(conformer)
    with refused(DataError, Path(name), "has a ligand that RDKit refuses", _WHOLE):
        Chem.SanitizeMol(molecule)
        Chem.AssignStereochemistryFrom3D(molecule)
        whole = Chem.AddHs(molecule, addCoords=True)
    return Chem.MolToMolBlock(whole)


def _remove(chain: gemmi.Chain, residue: gemmi.Residue) -> None:
    for index, each in enumerate(chain):
        if each.seqid == residue.seqid and each.name == residue.name:
            del chain[index]
            return
