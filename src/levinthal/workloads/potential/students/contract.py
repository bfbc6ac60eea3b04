"""What a student is, and students by name.

A student is a torch module that takes positions in nm, shape (n, n_atoms, 3), and returns energies in kJ/mol, shape
(n,), less a constant; forces are their gradient. Positions come as float32 where it is trained and as float64 where it
is used, whatever a student computes in: differences of positions lose digits in float32. A plug-in is declared in its
package's `pyproject.toml`::

    [project.entry-points."levinthal.students"]
    mine = "my_package:MyStudent"
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from levinthal.arrays import Doubles
from levinthal.plugins import Registry
from levinthal.workloads.potential.molecule import Molecule

STUDENTS = Registry("student", "levinthal.students", package="levinthal.workloads.potential.students.built_in")

NM_PER_UNIT_FORCE = 0.02

DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}


class Labels(NamedTuple):
    """Positions and what a teacher says of them; `group` tells trajectories apart.

    Shapes (n, n_atoms, 3), (n,), (n, n_atoms, 3) and (n,); nm, kJ/mol, kJ/mol/nm.
    """

    positions_nm: Doubles
    energies: Doubles
    forces: Doubles
    group: Any

    def __len__(self) -> int:
        return len(self.energies)

    def take(self, index: Any) -> Labels:
        """Return some of them."""
        return Labels(*(each[index] for each in self))

    @classmethod
    def joined(cls, *parts: Labels) -> Labels:
        """Return all of several, whose groups stay apart."""
        groups, begin = [], 0
        for part in parts:
            groups.append(np.asarray(part.group, np.int64) + begin)
            begin += int(part.group.max(initial=-1)) + 1
        return cls(
            np.concatenate([part.positions_nm for part in parts]),
            np.concatenate([part.energies for part in parts]),
            np.concatenate([part.forces for part in parts]),
            np.concatenate(groups),
        )


def force_scale(labels: Labels) -> float:
    """Return an energy, kJ/mol, in whose units networks give theirs: the labels' forces over 0.02 nm."""
    return float(np.sqrt((labels.forces**2).mean())) * NM_PER_UNIT_FORCE


class Student(Protocol):
    """A network that learns; what it is made from is the molecule and the labels at hand.

    A student may have a method `begin(labels)`, which learns what is learned without steps, and a method
    `network(dtype)`, which returns what `kernels.moments` computes with: then it is simulated by compiled loops.
    """

    @classmethod
    def of(cls, molecule: Molecule, labels: Labels, seed: int) -> Self:
        """Return one that is not trained."""
        ...

    def __call__(self, positions_nm: Tensor) -> Tensor:
        """Return energies (n,) of positions (n, n_atoms, 3)."""
        ...


class TorchPotential:
    """A student as torch computes it, one structure or many at a time.

    Parameters
    ----------
    module : Student
        In training mode or not; its weights are converted.
    precision : {"fp64", "fp32", "tf32", "bf16"}
        In which it computes.
    device : str
        As torch calls it.
    """

    def __init__(self, module: Any, precision: str = "fp32", device: str = "cpu") -> None:
        import copy

        self.precision, self.device = precision, device
        self._module = copy.deepcopy(module).to(device=device)
        for weight in self._module.parameters():  # not what a module measures distances by
            weight.data = weight.data.to(DTYPES[precision])

    def batch(self, positions_nm: Doubles) -> tuple[Doubles, Doubles]:
        """Return energies (n,) and forces of positions (n, n_atoms, 3)."""
        x = torch.as_tensor(positions_nm, dtype=torch.float64, device=self.device).requires_grad_()
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
        try:
            energies = self._module(x)
            (gradient,) = torch.autograd.grad(energies.sum(), x)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before
        return energies.detach().double().cpu().numpy(), -gradient.double().cpu().numpy()

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces of one structure, see `Potential`."""
        energies, forces = self.batch(positions_nm[None])
        return float(energies[0]), forces[0]
