"""Poses and receptors as files that other programs open: SDF with all atoms of the ligand, PDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from levinthal.proteins.structures.pdb_text import number_columns
from levinthal.workloads.docking.molecules.atom_types import ELEMENTS
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import superposed


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
    data = "".join(f">  <{key}>\n{_one_line(value)}\n\n" for key, value in fields.items())
    return "\n".join(lines).rstrip("\n") + f"\n{data}$$$$\n"


def _one_line(value: object) -> str:
    return " ".join(f"{value:.3f}".split() if isinstance(value, float) else str(value).split()) or "-"


def receptor_pdb(receptors: Sequence[Receptor]) -> str:
    """Return receptor conformations as a PDB file, a model for each."""
    text = []
    for number, receptor in enumerate(receptors, 1):
        text.append(f"MODEL     {number:>4}")
        for serial, (name, residue, kind, (x, y, z)) in enumerate(
            zip(receptor.atom_names, receptor.residues, receptor.types, receptor.coordinates_angstrom, strict=True), 1
        ):
            parts = residue.split(" ")
            chain = parts[1] if len(parts) > 2 and parts[1] != "-" else "A"
            number = number_columns(parts[-1])
            element = ELEMENTS.get(kind, "C").upper()
            shown = name[:4] if len(name) > 3 or len(element) > 1 else f" {name}"
            text.append(
                f"ATOM  {serial % 100_000:>5} {shown:<4} {parts[0][:3]:>3} {chain[:1]}{number}   "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
            )
        text.append("ENDMDL")
    return "\n".join([*text, "END", ""])
