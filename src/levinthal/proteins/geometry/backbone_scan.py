"""Placing the atoms of backbones as a product of rigid transforms of logarithmic depth, and its derivatives, in torch.

The transforms of the three atoms of a residue are fused first; then the running product over residues takes log2 L
steps, in each of which the upper half of every block of 2 s transforms is multiplied by the last of the lower half
(Sklansky, IRE Trans. Electron. Comput. EC-9:226, 1960). The product of the rotations needs no translations, and the
translations of the product are the running sum of the bonds it turns, so only rotations are multiplied.

Rows and columns are the outermost dimensions and proteins the innermost, so that each step is a few operations on long
rows. They are written out: a matrix product could be rounded to TF32 or bfloat16 by the settings of torch.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Return the product of rotations (3, 3, ...) with rotations or vectors (3, m, ...)."""
    product = left[:, 0:1] * right[0:1]
    product = torch.addcmul(product, left[:, 1:2], right[1:2])
    return torch.addcmul(product, left[:, 2:3], right[2:3])


def _local_rotations(dihedrals: Tensor, bend_cosines: Tensor, bend_sines: Tensor) -> Tensor:
    """Return how each internal coordinate turns the frame: (3, 3, 3, L, B), rows, columns, atoms of a residue."""
    cosine, sine = dihedrals.cos(), dihedrals.sin()
    bend_cosine, bend_sine = (t.permute(2, 1, 0).expand_as(cosine).clone() for t in (bend_cosines, bend_sines))
    # The first atom is the origin: nothing turns before the second, and the third lies in the plane of x and y.
    cosine[:2, 0], sine[:2, 0] = 1, 0
    bend_cosine[0, 0], bend_sine[0, 0] = 1, 0
    rows = [
        bend_cosine, -bend_sine, torch.zeros_like(sine),
        bend_sine * cosine, bend_cosine * cosine, -sine,
        bend_sine * sine, bend_cosine * sine, cosine,
    ]  # fmt: skip
    return torch.stack(rows).view(3, 3, *sine.shape)


def _running_product(rotations: Tensor) -> Tensor:
    """Return the product of the first 1, 2, 3, .. of the rotations (3, 3, L, B), L a power of two; in place."""
    n, size = rotations.shape[2:]
    half = 1
    while half < n:
        blocks = rotations.view(3, 3, n // (2 * half), 2, half, size)
        blocks[:, :, :, 1] = _product(blocks[:, :, :, 0, half - 1 : half], blocks[:, :, :, 1])
        half *= 2
    return rotations


def place_chains(dihedrals: Tensor, lengths: Tensor, bend_cosines: Tensor, bend_sines: Tensor) -> tuple[Tensor, Tensor]:
    """Return the atoms and the unit vectors of the bonds that end in them.

    Parameters
    ----------
    dihedrals : Tensor, shape (B, L, 3)
        rad.
    lengths, bend_cosines, bend_sines : Tensor, shape broadcast to (B, L, 3)
        Bond lengths, and cosine and sine of pi less the bond angle.

    Returns
    -------
    atoms, directions : Tensor, shape (B, 3 L, 3)
        The direction of the first atom is zero.
    """
    size, n, _ = dihedrals.shape
    local = _local_rotations(dihedrals.permute(2, 1, 0).contiguous(), bend_cosines, bend_sines)
    second = _product(local[:, :, 0], local[:, :, 1])
    third = _product(second, local[:, :, 2])
    # Residue i starts from the product of those before it; a power of two in all, filled up with zeros.
    start = local.new_zeros(3, 3, 1 << (n - 1).bit_length(), size)
    start[:, :, 0] = torch.eye(3, dtype=local.dtype, device=local.device)[..., None]
    start[:, :, 1:n] = third[:, :, :-1]
    start = _running_product(start)[:, :, :n]
    within = torch.stack([local[:, 0, 0], second[:, 0], third[:, 0]], dim=1)
    bonds = _product(start[:, :, None], within[:, None])[:, 0]
    bonds = bonds.permute(3, 2, 1, 0)

    def shifted(values: Tensor) -> Tensor:
        out = values.new_zeros(size, 3 * n, 3)
        out[:, 1:] = values[:, :-1]
        return out

    positions = (bonds * lengths[..., None]).reshape(size, 3 * n, 3).cumsum(1)
    return shifted(positions), shifted(bonds.reshape(size, 3 * n, 3))


def _sums_from_the_end(values: Tensor) -> Tensor:
    return values.flip(1).cumsum(1).flip(1)


def differentiate_chains(
    gradient: Tensor, directions: Tensor, lengths: Tensor, bend_sines: Tensor, bonds: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the derivatives by dihedrals and, if `bonds`, by lengths and angles.

    Parameters
    ----------
    gradient, directions : Tensor, shape (B, 3 L, 3)
        The derivative by the atoms, and the bonds' unit vectors from `place_chains`.
    lengths, bend_sines : Tensor, shape broadcast to (B, L, 3)
        As in `place_chains`.
    bonds : bool
        Whether those by lengths and angles are wanted.

    Returns
    -------
    of_dihedrals, of_lengths, of_angles : Tensor, shape (B, L, 3)
    """
    size, n, _ = gradient.shape
    shape = (size, n // 3, 3)
    before, after = directions[:, :-1], directions[:, 1:]
    length = lengths.expand(shape).reshape(size, n, 1)[:, :-1]
    force = _sums_from_the_end(gradient)[:, 1:]
    torque = _sums_from_the_end(torch.linalg.cross(length * after, force, dim=-1))

    def arranged(values: Tensor, n_unused: int) -> Tensor:
        out = values.new_zeros(size, n)
        out[:, n_unused:-1] = values[:, n_unused:]
        return out.view(shape)

    of_dihedrals = arranged((before * torque).sum(-1), 2)
    if not bonds:
        return of_dihedrals, None, None
    of_lengths = arranged((after * force).sum(-1), 0)
    bend = bend_sines.expand(shape).reshape(size, n)[:, :-1]
    normal = torch.linalg.cross(before, after, dim=-1)
    return of_dihedrals, of_lengths, arranged(-(normal * torque).sum(-1) / bend, 1)
