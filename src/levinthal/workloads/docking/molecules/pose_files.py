"""Poses and receptors as files that other programs open: SDF with all atoms of the ligand, PDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from levinthal.workloads.docking.molecules.atom_types import ELEMENTS
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import superposed

if TYPE_CHECKING:
    import gemmi


def pose_record(
    ligand: Ligand, coordinates_angstrom: npt.NDArray[np.float64], name: str, fields: Mapping[str, object]
) -> str:
    """Return a pose as a record of an SDF file.

    Parameters
    ----------
    ligand : Ligand
        Its mol block has all atoms, those that are not scored too; they follow as the rigid body that they are part of.
    coordinates_angstrom : ndarray, (atoms, 3)
        The pose.
    name : str
        Its title.
    fields : mapping
        What is written beside it.
    """
    from rdkit import Chem

    molecule = Chem.MolFromMolBlock(ligand.mol_block, sanitize=False, removeHs=False)
    conformer = molecule.GetConformer()
    places = torch.as_tensor(np.asarray(conformer.GetPositions()))
    known = places[torch.as_tensor(ligand.mol_block_atoms)]
    target = torch.as_tensor(np.asarray(coordinates_angstrom, np.float64))
    body = superposed(known - known.mean(dim=0), target[None])
    moved = body.coordinates(places - known.mean(dim=0))[0].numpy()
    conformer.SetPositions(np.ascontiguousarray(moved))
    block = Chem.MolToMolBlock(molecule, kekulize=False)
    title = " ".join(name.split())[:80]
    lines = [title, *block.split("\n")[1:]]
    marked = fields if ligand.has_bond_orders else {**fields, "bond_orders": "not known: all written as single"}
    data = "".join(f">  <{key}>\n{_one_line(value)}\n\n" for key, value in marked.items())
    return "\n".join(lines).rstrip("\n") + f"\n{data}$$$$\n"


def _one_line(value: object) -> str:
    return " ".join(f"{value:.3f}".split() if isinstance(value, float) else str(value).split()) or "-"


def receptor_pdb(receptors: Sequence[Receptor]) -> str:
    """Return receptor conformations as a PDB file, a model for each; waters and metals are HETATM records."""
    import gemmi

    structure = gemmi.Structure()
    for number, receptor in enumerate(receptors, 1):
        structure.add_model(_model(receptor, number))
    structure.shorten_chain_names()
    structure.assign_serial_numbers()
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    return str(structure.make_pdb_string(options))


def _model(receptor: Receptor, number: int) -> gemmi.Model:
    import gemmi

    model = gemmi.Model(number)
    chains: dict[str, gemmi.Chain] = {}
    last = None
    for name, label, kind, place in zip(
        receptor.atom_names, receptor.residues, receptor.types, receptor.coordinates_angstrom, strict=True
    ):
        element = gemmi.Element(ELEMENTS.get(kind, "C"))
        if label != last:
            parts = label.split(" ")
            chain = parts[1] if len(parts) > 2 and parts[1] != "-" else "A"
            residue = gemmi.Residue()
            residue.name = parts[0][:5]
            residue.seqid = _seqid(parts[-1])
            residue.het_flag = "H" if residue.is_water() or element.is_metal else "A"
            added = chains.setdefault(chain, gemmi.Chain(chain))
            added.add_residue(residue)
            last = label
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = name[:4], element, gemmi.Position(*place)
        added[-1].add_atom(atom)
    for each in chains.values():
        model.add_chain(each)
    return model


def _seqid(number: str) -> gemmi.SeqId:
    """Return `315A` as number and insertion code; 1 for what is not a number."""
    import gemmi

    digits = number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return gemmi.SeqId(number) if digits.removeprefix("-").isdigit() else gemmi.SeqId("1")
