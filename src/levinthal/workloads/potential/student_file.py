"""The student that a run ends with, as a file: its weights, its molecule, and structures to ask it about.

>>> from levinthal.workloads.potential.student_file import load_student  # doctest: +SKIP
>>> kept = load_student("r/repeats/000/student.safetensors")  # doctest: +SKIP
>>> energy_kj_mol, forces = kept.potential().energy_forces(kept.positions_nm[0])  # doctest: +SKIP
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential, potential_of
from levinthal.workloads.potential.learning.exploration import Committee
from levinthal.workloads.potential.learning.training import make_student
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import STUDENTS, Labels, TorchPotential
from levinthal.workloads.training.tensor_file import below, read_tensors, write_tensors

STUDENT = "student.safetensors"
_FORM = "levinthal.potential.student/1"
_MADE_FROM, _STRUCTURES = 64, 256
_ARRAYS = ("numbers", "masses_amu", "kinds", "bonds", "separation", "torsions", "conformers_nm")


@dataclass(frozen=True, eq=False)
class KeptStudent:
    """A student from its file.

    Attributes
    ----------
    name : str
        Of the kind of student.
    module : Student
    molecule : Molecule
    positions_nm : ndarray, shape (n, n_atoms, 3)
        Structures that were held out.
    """

    name: str
    module: Any
    molecule: Molecule
    positions_nm: Doubles

    def potential(self, precision: str = "fp32", device: str = "cpu") -> CompiledPotential | TorchPotential:
        """Return it as a potential: energy in kJ/mol less a constant, forces in kJ/mol/nm."""
        return potential_of(self.module, precision, device)


def save_student(path: Path, committee: Committee, member: int, held_out: Doubles) -> None:
    """Write a member of a committee, with structures (n, n_atoms, 3) in nm that it was not trained on.

    Parameters
    ----------
    path : Path
    committee : Committee
    member : int
    held_out : ndarray
        Thinned out to 256 at most.
    """
    molecule, labels = committee.molecule, committee.made_from
    few = labels.take(slice(None, None, -(-len(labels) // _MADE_FROM)))
    shown = held_out[:: -(-len(held_out) // _STRUCTURES)]
    arrays = {
        **{f"molecule/{name}": getattr(molecule, name) for name in _ARRAYS},
        **{f"made-from/{name}": value for name, value in few._asdict().items()},
        "positions_nm": shown,
    }
    tensors = {name: torch.as_tensor(np.ascontiguousarray(value)) for name, value in arrays.items()}
    weights = {f"weights/{name}": value for name, value in committee.members[member].items()}
    about = {"student": committee.student, "name": molecule.name, "block": molecule.block, "charge": molecule.charge}
    write_tensors(path, {**tensors, **weights}, _FORM, about)


def load_student(path: str | Path) -> KeptStudent:
    """Read a student that `levinthal run potential` left.

    Raises
    ------
    DataError
        The file is missing, damaged or not a student's.
    UsageError
        Its kind of student is not installed.
    """
    tensors, about = read_tensors(Path(path), _FORM)
    name = str(about.get("student"))
    STUDENTS.check([name])
    try:
        arrays = {each: below("molecule/", tensors)[each].numpy() for each in _ARRAYS}
        molecule = Molecule(str(about["name"]), str(about["block"]), int(about["charge"]), **arrays)
        made_from = Labels(**{key: value.numpy() for key, value in below("made-from/", tensors).items()})
        module = make_student(name, molecule, made_from, below("weights/", tensors), 0)
        positions = tensors["positions_nm"].numpy()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} does not hold a student of kind {name}: run levinthal run potential again") from error
    return KeptStudent(name, module, molecule, positions)


assert {each.name for each in fields(Molecule) if each.init} == {"name", "block", "charge", *_ARRAYS}
