"""The student `ani`: the architecture of torchani (extra `students`), symmetry functions and a network an element.

Behler and Parrinello's form (Phys. Rev. Lett. 98:146401, 2007) with the symmetry functions and networks of ANI-1x, or
of ANI-2x where there are other elements than H, C, N and O (Devereux et al., J. Chem. Theory Comput. 16:4192, 2020). It
begins from weights that are drawn; its output is in units of the labels' forces, not of Hartree.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from levinthal.errors import MissingExtraError, UsageError
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import Labels, force_scale

_FORMS = {"ani1x": ("H", "C", "N", "O"), "ani2x": ("H", "C", "N", "O", "S", "F", "Cl")}
_A_PER_NM = 10.0


class ANI(nn.Module):
    """One network of torchani's; made by `of`."""

    scale: Tensor
    numbers: Tensor

    def __init__(self, model: Any, numbers: Tensor, scale: float) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("numbers", numbers)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    @classmethod
    def of(cls, molecule: Molecule, labels: Labels, seed: int) -> Self:
        """Return one that is not trained.

        Raises
        ------
        MissingExtraError
            torchani 2 is not installed.
        UsageError
            It has no network for an element.
        """
        try:
            from torchani.arch import Assembler
        except ImportError:
            raise MissingExtraError("torchani", "students", "the student ani") from None
        there = set(molecule.symbols)
        form = next((name for name, known in _FORMS.items() if there <= set(known)), None)
        if form is None:
            unknown = ", ".join(sorted(there - set(_FORMS["ani2x"])))
            raise UsageError(f"the student ani has no network for {unknown}: choose model=moments")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            parts = Assembler(periodic_table_index=True)
            parts.set_symbols(_FORMS[form])
            parts.set_atomic_networks(ctor=form)
            parts.set_global_cutoff_fn("cosine")
            parts.set_aev_computer(angular=form, radial=form, strategy="pyaev")
            parts.set_neighborlist("all_pairs")
            parts.set_zeros_as_self_energies()
            model = parts.assemble(1)
        return cls(model, torch.as_tensor(molecule.numbers), force_scale(labels))

    def forward(self, positions_nm: Tensor) -> Tensor:
        """Return energies in kJ/mol, less a constant, of positions (n, n_atoms, 3) in nm."""
        dtype = next(self.parameters()).dtype
        if self.model.potentials["nnp"].aev_computer.radial.eta.dtype != dtype:
            self.model.to(dtype)  # what it measures distances by, too
        x = (_A_PER_NM * positions_nm).to(dtype)
        wide = positions_nm.dtype
        energies: Tensor = self.model((self.numbers.expand(len(x), -1), x)).energies.to(wide) * self.scale.to(wide)
        return energies


STUDENT = ANI
