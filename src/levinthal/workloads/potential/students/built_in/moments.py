"""The student `moments`: an energy for each atom from moments of how the others lie around it.

For atom i and channel c, with r the distance to another atom j, u the direction to it and B_k cubic splines::

    R_c(r)   = sum over k of W[pair, k, c] B_k(r)          radial functions, learned for each class of pairs
    s, v, t  = sum over j of R_c times 1, u, u u^T         moments of rank 0, 1 and 2
    features = s, v.Mv, t:Nt, v.t.Mv                       invariant under rotation; M and N mix channels
    energy   = a network of two hidden layers of the features, with biases for the class of i

as in moment tensor potentials (Shapeev, Multiscale Model. Simul. 14:1153, 2016) and TensorNet (Simeon and De Fabritiis,
NeurIPS 2023), without a message between atoms. Pairs are of one class where their atoms are alike and as many bonds lie
between them: the energy does not change where like atoms change places. Splines cover the distances that were seen
and a margin, beyond which they are constant. A pair potential on the same splines, fitted to forces by least squares
(with a penalty on its curvature: Eilers and Marx, Stat. Sci. 11:89, 1996) before training, is added: the network learns
what is left. So is a spring a pair (Boltzmann inversion of the distances seen, of bonds and angles; a wall for the
others): where nothing was seen, springs alone push, and the molecule comes back. `kernels/moments.py` computes the same
in compiled loops.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.kernels.moments_shape import FIRST_PLACE, LAST_PLACE, N_CHANNELS, N_SPLINES, WIDTH
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import NM_PER_UNIT_FORCE, Labels, force_scale

_MARGIN = 0.1
_LEAST_RANGE_NM = 0.02
_SPRING_KJ_MOL = 2.5
_WALL_KJ_MOL_NM2 = 50_000.0
_ROOT_2 = math.sqrt(2.0)
_FITTED_LABELS, _FITTED_AT_ONCE, _RIDGE, _SMOOTH = 256, 32, 1e-5, 1e-2


def _bump(x: Tensor) -> Tensor:
    """Return the cubic spline of unit spacing, 2/3 at 0 and 0 from 2 on."""
    far = x.abs()
    wide, near = (2 - far).clamp(min=0), (1 - far).clamp(min=0)
    return (wide * wide * wide - 4 * near * near * near) / 6


def _plus(x: Tensor) -> Tensor:
    """Return a smooth ramp, (x + sqrt(x^2 + 4)) / 2."""
    return 0.5 * (x + torch.sqrt(x * x + 4))


class Moments(nn.Module):
    """The network; made by `of`, or from the tensors of another."""

    pairs: Tensor
    rows: Tensor
    order: Tensor
    kind: Tensor
    low: Tensor
    per_spacing: Tensor
    rest: Tensor
    stiffness: Tensor
    one_sided: Tensor
    alike: Tensor
    pair: Tensor
    scale: Tensor

    def __init__(self, about: dict[str, Tensor], seed: int = 0) -> None:
        super().__init__()
        for name, value in about.items():
            self.register_buffer(name, value)
        generator = torch.Generator().manual_seed(seed)
        n_rows, n_kinds = int(about["rows"].max()) + 1, int(about["kind"].max()) + 1

        def drawn(*shape: int, size: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64).float() * size)

        self.table = drawn(n_rows, N_SPLINES, N_CHANNELS, size=1.5 / math.sqrt(len(about["kind"])))
        self.mix_vector = drawn(N_CHANNELS, N_CHANNELS, size=N_CHANNELS**-0.5)
        self.mix_tensor = drawn(N_CHANNELS, N_CHANNELS, size=N_CHANNELS**-0.5)
        self.weights_1 = drawn(4 * N_CHANNELS, WIDTH, size=(4 * N_CHANNELS) ** -0.5)
        self.bias_1 = drawn(n_kinds, WIDTH, size=0.5)
        self.weights_2 = drawn(WIDTH, WIDTH, size=WIDTH**-0.5)
        self.bias_2 = drawn(WIDTH, size=0.5)
        self.out = drawn(n_kinds, WIDTH, size=0.02 * WIDTH**-0.5)

    @classmethod
    def of(cls, molecule: Molecule, labels: Labels, seed: int) -> Self:
        """Return one that is not trained; ranges, springs and the scale of forces are those of the labels."""
        first, second = np.triu_indices(molecule.n_atoms, 1)
        kinds, apart = molecule.kinds, molecule.separation[first, second]
        directed = np.stack(
            [np.stack([kinds[a], kinds[b], apart], axis=1) for a, b in ((first, second), (second, first))]
        )  # rows of the table: from which kind, to which, over how many bonds
        _, rows = np.unique(directed.reshape(-1, 3), axis=0, return_inverse=True)
        rows = rows.reshape(2, -1)
        alike = np.unique(np.minimum(rows[0], rows[1]), return_inverse=True)[1]
        x = labels.positions_nm
        distance = np.linalg.norm(x[:, first] - x[:, second], axis=-1)
        low, per_spacing, rest, stiffness = (np.empty(len(first)) for _ in range(4))
        for each in range(alike.max() + 1):
            members = alike == each
            seen = distance[:, members]
            width = max(seen.max() - seen.min(), _LEAST_RANGE_NM)
            spacing = (1 + 2 * _MARGIN) * width / (LAST_PLACE - FIRST_PLACE)
            low[members], per_spacing[members] = seen.min() - _MARGIN * width - FIRST_PLACE * spacing, 1 / spacing
            held = apart[members][0] <= 2
            rest[members] = seen.mean() if held else seen.min()
            stiffness[members] = _SPRING_KJ_MOL / max(seen.var(), 1e-6) if held else _WALL_KJ_MOL_NM2
        scale = force_scale(labels)
        about = {
            "pairs": torch.as_tensor(np.stack([first, second])),
            "rows": torch.as_tensor(rows),
            "order": torch.as_tensor(np.argsort(np.concatenate([first, second]), kind="stable")),
            "kind": torch.as_tensor(kinds),
            "low": torch.as_tensor(low),
            "per_spacing": torch.as_tensor(per_spacing),
            "rest": torch.as_tensor(rest),
            "stiffness": torch.as_tensor(stiffness),
            "one_sided": torch.as_tensor(apart > 2),
            "alike": torch.as_tensor(alike),
            "pair": torch.zeros(alike.max() + 1, N_SPLINES, dtype=torch.float64),
            "scale": torch.tensor(scale, dtype=torch.float64),
        }
        return cls(about, seed)

    def begin(self, labels: Labels) -> None:
        """Fit the pair potential, before any training, and take the scale of what it leaves."""
        self.pair[:], left = _fitted_pairs(self, labels)
        self.scale.fill_(left * NM_PER_UNIT_FORCE)

    def places(self, distances_nm: Tensor) -> Tensor:
        """Return where distances (n, n_pairs) lie among the splines of their pairs."""
        wide = distances_nm.dtype
        z = (distances_nm - self.low.to(wide)) * self.per_spacing.to(wide)
        return z.clamp(FIRST_PLACE, LAST_PLACE)

    def forward(self, positions_nm: Tensor) -> Tensor:
        """Return energies in kJ/mol, less a constant, of positions (n, n_atoms, 3) in nm."""
        (first, second), (n, n_atoms), wide = self.pairs, positions_nm.shape[:2], positions_nm.dtype
        d = positions_nm.index_select(1, second) - positions_nm.index_select(1, first)
        r = torch.sqrt((d * d).sum(-1))
        stretch = r - self.rest.to(wide)
        stretch = torch.where(self.one_sided, stretch.clamp(max=0), stretch)
        springs = 0.5 * (self.stiffness.to(wide) * stretch * stretch).sum(-1)
        z = self.places(r)
        splines = _bump(z.T.unsqueeze(-1) - torch.arange(N_SPLINES, device=z.device, dtype=wide))
        pairs = torch.einsum("pnk,pk->n", splines, self.pair.index_select(0, self.alike).to(wide))
        splines = splines.to(self.table.dtype)
        # what the first atom of each pair sees, then what the second does; sorted by the atom that sees
        coefficients = self.table.index_select(0, self.rows.flatten())
        radial = torch.bmm(splines.repeat(2, 1, 1), coefficients).index_select(0, self.order)
        u = (d / r.unsqueeze(-1)).to(self.table.dtype).transpose(0, 1)
        x, y, w = u.unbind(-1)
        even = torch.stack(
            [torch.ones_like(x), x * x, y * y, w * w, _ROOT_2 * x * y, _ROOT_2 * x * w, _ROOT_2 * y * w], -1
        )
        angular = torch.cat([torch.cat([even, u], -1), torch.cat([even, -u], -1)]).index_select(0, self.order)
        by_atom = (n_atoms, n_atoms - 1, n)
        moments = torch.einsum("ijnm,ijnc->inmc", angular.view(*by_atom, 10), radial.view(*by_atom, N_CHANNELS))
        s, t, v = moments[:, :, 0], moments[:, :, 1:7], moments[:, :, 7:]
        v_mixed, t_mixed = v @ self.mix_vector, t @ self.mix_tensor
        (xx, yy, ww), (xy, xw, yw) = t[:, :, :3].unbind(2), (t[:, :, 3:] / _ROOT_2).unbind(2)
        a, b, e = v_mixed.unbind(2)
        turned = torch.stack([xx * a + xy * b + xw * e, xy * a + yy * b + yw * e, xw * a + yw * b + ww * e], 2)
        features = torch.cat([s, (v * v_mixed).sum(2), (t * t_mixed).sum(2), (v * turned).sum(2)], -1)
        hidden = _plus(features @ self.weights_1 + self.bias_1.index_select(0, self.kind).unsqueeze(1))
        hidden = _plus(hidden @ self.weights_2 + self.bias_2)
        atoms = (hidden * self.out.index_select(0, self.kind).unsqueeze(1)).sum(-1)
        return atoms.to(wide).sum(0) * self.scale.to(wide) + springs + pairs

    def network(self, dtype: Any = np.float32) -> Any:
        """Return the weights as `kernels.moments` takes them; the scale is part of the last layer."""
        from levinthal.kernels.moments import Network

        def floats(tensor: Tensor) -> Any:
            return np.ascontiguousarray(tensor.detach().cpu().double().numpy(), dtype)

        def whole(tensor: Tensor) -> Any:
            return np.ascontiguousarray(tensor.cpu().numpy(), np.int32)

        return Network(
            first=whole(self.pairs[0]), second=whole(self.pairs[1]),
            low=floats(self.low), per_spacing=floats(self.per_spacing),
            outward=whole(self.rows[0]), inward=whole(self.rows[1]), table=floats(self.table),
            alike=whole(self.alike), pair=floats(self.pair),
            rest=floats(self.rest), stiffness=floats(self.stiffness), one_sided=self.one_sided.cpu().numpy(),
            kind=whole(self.kind), mix_vector=floats(self.mix_vector), mix_tensor=floats(self.mix_tensor),
            weights_1=floats(self.weights_1), bias_1=floats(self.bias_1),
            weights_2=floats(self.weights_2), bias_2=floats(self.bias_2),
            out=floats(self.out.double() * self.scale.double()),
        )  # fmt: skip


def _fitted_pairs(student: Moments, labels: Labels) -> tuple[Tensor, float]:
    """Return coefficients of the pair potential that explain the forces best, and the size of what is left of them."""
    labels = labels.take(slice(None, None, -(-len(labels) // _FITTED_LABELS)))
    x = torch.as_tensor(labels.positions_nm)
    (first, second), alike = student.pairs, student.alike
    n_classes = len(student.pair)
    d = x[:, second] - x[:, first]
    r = torch.sqrt((d * d).sum(-1)).requires_grad_()
    z = student.places(r)
    stretch = r.detach() - student.rest
    tension = student.stiffness * torch.where(student.one_sided, stretch.clamp(max=0), stretch)
    u = d / r.detach().unsqueeze(-1)
    slopes = torch.stack(
        [torch.autograd.grad(_bump(z - k).sum(), r, retain_graph=True)[0] for k in range(N_SPLINES)], -1
    )
    sign = torch.zeros(x.shape[1], len(first), dtype=x.dtype)
    sign[first, torch.arange(len(first))], sign[second, torch.arange(len(first))] = 1.0, -1.0
    wanted = torch.as_tensor(labels.forces) - torch.einsum("ap,np,npx->nax", sign, tension, u)
    size = n_classes * N_SPLINES
    products, right = torch.zeros(size, size, dtype=x.dtype), torch.zeros(size, dtype=x.dtype)
    for part in range(0, len(x), _FITTED_AT_ONCE):
        n = slice(part, part + _FITTED_AT_ONCE)
        columns = [
            torch.einsum("ap,npx,npk->naxk", sign[:, alike == c], u[n, alike == c], slopes[n, alike == c])
            for c in range(n_classes)
        ]
        matrix = torch.stack(columns, 3).reshape(-1, size)
        right += matrix.T @ wanted[n].reshape(-1)
        products += (matrix.float().T @ matrix.float()).double()
    curvature = torch.diff(torch.eye(N_SPLINES, dtype=x.dtype), n=2, dim=0)
    smooth = torch.kron(torch.eye(n_classes, dtype=x.dtype), curvature.T @ curvature)
    size_of = products.diagonal().mean()
    products += _SMOOTH * size_of * smooth + torch.diag(_RIDGE * size_of + _RIDGE * products.diagonal())
    found = torch.linalg.solve(products, right).reshape(n_classes, N_SPLINES)
    fitted = torch.einsum("ap,np,npx->nax", sign, torch.einsum("npk,pk->np", slopes, found[alike]), u)
    return found, float((wanted - fitted).square().mean().sqrt())


STUDENT = Moments
