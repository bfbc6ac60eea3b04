"""The student `mace`: the architecture of mace-torch (extra `students`), equivariant messages of higher body order.

Batatia et al., MACE, NeurIPS 2022: two layers of messages, 32 channels of scalars and vectors, correlation of order 2,
a small one as such networks go. It begins from weights that are drawn; its output is in units of the labels' forces.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.errors import MissingExtraError
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import Labels, force_scale

_A_PER_NM = 10.0
_CUTOFF_A = 5.0


class MACE(nn.Module):
    """A network of mace-torch's; made by `of`."""

    scale: Tensor
    elements: Tensor
    edges: Tensor

    def __init__(self, model: Any, elements: Tensor, edges: Tensor, scale: float) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("elements", elements)
        self.register_buffer("edges", edges)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    @classmethod
    def of(cls, molecule: Molecule, labels: Labels, seed: int) -> Self:
        """Return one that is not trained.

        Raises
        ------
        MissingExtraError
            mace-torch is not installed.
        """
        try:
            from e3nn import o3
            from mace import modules
        except ImportError:
            raise MissingExtraError("mace-torch", "students", "the student mace") from None
        kinds, element = np.unique(molecule.numbers, return_inverse=True)
        distances = np.linalg.norm(labels.positions_nm[:, :, None] - labels.positions_nm[:, None], axis=-1)
        neighbours = float((distances < _CUTOFF_A / _A_PER_NM).sum(axis=-1).mean()) - 1.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = modules.MACE(
                r_max=_CUTOFF_A,
                num_bessel=8,
                num_polynomial_cutoff=5,
                max_ell=2,
                interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
                interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
                num_interactions=2,
                num_elements=len(kinds),
                hidden_irreps=o3.Irreps("32x0e + 32x1o"),
                MLP_irreps=o3.Irreps("16x0e"),
                atomic_energies=np.zeros(len(kinds)),
                avg_num_neighbors=max(neighbours, 1.0),
                atomic_numbers=[int(number) for number in kinds],
                correlation=2,
                gate=torch.nn.functional.silu,
            )
        n = molecule.n_atoms
        every = np.array([(i, j) for i in range(n) for j in range(n) if i != j]).T.reshape(2, -1)
        one_hot = np.eye(len(kinds))[element]
        made = cls(model, torch.as_tensor(one_hot), torch.as_tensor(every), force_scale(labels))
        return made.float()

    def forward(self, positions_nm: Tensor) -> Tensor:
        """Return energies in kJ/mol, less a constant, of positions (n, n_atoms, 3) in nm."""
        dtype, (n, n_atoms) = next(self.parameters()).dtype, positions_nm.shape[:2]
        if any(buffer.is_floating_point() and buffer.dtype != dtype for buffer in self.model.buffers()):
            self.model.to(dtype)  # its tables, too
        x = (_A_PER_NM * positions_nm).to(dtype).reshape(-1, 3)
        structure = torch.arange(n, device=x.device)
        edges = (self.edges[:, None] + n_atoms * structure[:, None]).reshape(2, -1)
        zeros = torch.zeros(edges.shape[1], 3, dtype=dtype, device=x.device)
        found = self.model(
            {
                "positions": x,
                "node_attrs": self.elements.to(dtype).repeat(n, 1),
                "edge_index": edges,
                "shifts": zeros,
                "unit_shifts": zeros,
                "cell": torch.zeros(3 * n, 3, dtype=dtype, device=x.device),
                "batch": structure.repeat_interleave(n_atoms),
                "ptr": n_atoms * torch.arange(n + 1, device=x.device),
                "head": torch.zeros(n, dtype=torch.long, device=x.device),
            },
            training=True,
            compute_force=False,
        )
        wide = positions_nm.dtype
        energies: Tensor = found["energy"].to(wide) * self.scale.to(wide)
        return energies


STUDENT = MACE
