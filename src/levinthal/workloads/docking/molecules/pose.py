"""Rigid poses: a batch of elements of SE(3), and how they move.

A pose is a unit quaternion q = (w, x, y, z) and the place t of the ligand's centre: an atom at a of the template is at
R(q) a + t. Steps are taken in the frame of the body: a translation d moves t by R d; a rotation vector w (axis times
angle) turns q to q exp(w/2). Coordinates are always rebuilt from the template and quaternions renormalised at each
step, so that errors do not add up over an episode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Box


@dataclass(frozen=True, eq=False)
class Poses:
    """A batch of N rigid poses.

    Attributes
    ----------
    quaternions : Tensor, shape (N, 4)
        Unit quaternions (w, x, y, z).
    centres_angstrom : Tensor, shape (N, 3)
    """

    quaternions: Tensor
    centres_angstrom: Tensor

    def __post_init__(self) -> None:
        shapes = tuple(self.quaternions.shape), tuple(self.centres_angstrom.shape)
        if len(shapes[0]) != 2 or shapes[0][1:] != (4,) or shapes[1] != (shapes[0][0], 3):
            raise DataError(f"poses have the shapes {shapes[0]} and {shapes[1]}: expected (N, 4) and (N, 3)")

    def __len__(self) -> int:
        return len(self.quaternions)

    def __getitem__(self, index: Tensor | slice) -> Poses:
        """Return some of the poses; an index, mask or slice, never a single integer."""
        return Poses(self.quaternions[index], self.centres_angstrom[index])

    @staticmethod
    def unturned(centres_angstrom: Tensor) -> Poses:
        """Return poses with the template's orientation at some centres, shape (N, 3)."""
        quaternions = centres_angstrom.new_zeros(len(centres_angstrom), 4)
        quaternions[:, 0] = 1
        return Poses(quaternions, centres_angstrom)

    @staticmethod
    def random(
        count: int,
        box: Box,
        generator: torch.Generator | None = None,
        *,
        margin_angstrom: float = 0.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Poses:
        """Return poses with uniform orientations (Marsaglia, Ann. Math. Stat. 43:645, 1972) and centres in the box.

        Parameters
        ----------
        count : int
        box : Box
        generator : torch.Generator, optional
            On the CPU, so that a seed gives the same poses on every device.
        margin_angstrom : float
            How far from each face of the box a centre stays; at most to its middle.
        dtype, device
            Of the poses.
        """
        quaternions = torch.randn(count, 4, generator=generator, dtype=torch.float64)
        size = torch.tensor(box.size_angstrom, dtype=torch.float64)
        free = (size - 2 * margin_angstrom).clamp(min=0)
        unit = torch.rand(count, 3, generator=generator, dtype=torch.float64)
        centres = torch.tensor(box.centre_angstrom, dtype=torch.float64) + (unit - 0.5) * free
        poses = Poses(quaternions / quaternions.norm(dim=-1, keepdim=True), centres)
        return poses.to(dtype, device)

    @staticmethod
    def joined(parts: Sequence[Poses]) -> Poses:
        """Return batches as one."""
        return Poses(
            torch.cat([each.quaternions for each in parts]), torch.cat([each.centres_angstrom for each in parts])
        )

    def where(self, chosen: Tensor, other: Poses) -> Poses:
        """Return these poses where `chosen`, shape (N,), holds, and the others elsewhere."""
        each = chosen[:, None]
        return Poses(
            torch.where(each, self.quaternions, other.quaternions),
            torch.where(each, self.centres_angstrom, other.centres_angstrom),
        )

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Poses:
        """Return the poses in another type or on another device."""
        return Poses(self.quaternions.to(device, dtype), self.centres_angstrom.to(device, dtype))

    def rotations(self) -> Tensor:
        """Return the rotation matrices, shape (N, 3, 3)."""
        return rotation_matrices(self.quaternions)

    def coordinates(self, template_angstrom: Tensor) -> Tensor:
        """Place the template's atoms, shape (n, 3): coordinates in angstrom, shape (N, n, 3)."""
        return template_angstrom @ self.rotations().transpose(-1, -2) + self.centres_angstrom[:, None, :]

    def moved(self, translations_angstrom: Tensor, rotation_vectors_rad: Tensor) -> Poses:
        """Step in the frame of the body.

        Parameters
        ----------
        translations_angstrom, rotation_vectors_rad : Tensor, shape (N, 3)
            The rotation is about the ligand's centre.
        """
        shifted = self.centres_angstrom + (self.rotations() @ translations_angstrom[:, :, None])[:, :, 0]
        turned = multiply(self.quaternions, exponential(rotation_vectors_rad))
        return Poses(turned / turned.norm(dim=-1, keepdim=True), shifted)

    def moved_outside(self, translations_angstrom: Tensor, rotation_vectors_rad: Tensor) -> Poses:
        """Step in the frame of the box: translation and rotation vector along its axes, about the ligand's centre."""
        turned = multiply(exponential(rotation_vectors_rad), self.quaternions)
        return Poses(turned / turned.norm(dim=-1, keepdim=True), self.centres_angstrom + translations_angstrom)

    def in_body_frame(self, vectors: Tensor) -> Tensor:
        """Turn vectors (forces, torques) of the box's axes, shape (N, ..., 3), into the frame of the body."""
        flat = vectors.reshape(len(self), -1, 3)
        return (flat @ self.rotations()).reshape(vectors.shape)


def multiply(first: Tensor, second: Tensor) -> Tensor:
    """Return the quaternion products, shape (..., 4): the rotation `second`, then `first`."""
    a, b, c, d = first.unbind(-1)
    w, x, y, z = second.unbind(-1)
    return torch.stack(
        (
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ),
        dim=-1,
    )


def exponential(rotation_vectors_rad: Tensor) -> Tensor:
    """Return the unit quaternions, shape (..., 4), of rotation vectors, shape (..., 3); smooth at zero."""
    half = rotation_vectors_rad.norm(dim=-1, keepdim=True) / 2
    return torch.cat((torch.cos(half), rotation_vectors_rad * (torch.sinc(half / math.pi) / 2)), dim=-1)


def rotation_matrices(quaternions: Tensor) -> Tensor:
    """Return the rotation matrices, shape (..., 3, 3), of unit quaternions, shape (..., 4)."""
    w, x, y, z = quaternions.unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*quaternions.shape[:-1], 3, 3)


def superposed(template_angstrom: Tensor, coordinates_angstrom: Tensor) -> Poses:
    """Return the poses that bring the template nearest to given coordinates, by least squares.

    By the largest eigenvector of a 4 x 4 matrix (Horn, J. Opt. Soc. Am. A 4:629, 1987), so that a mirror image never
    counts as a rotation.

    Parameters
    ----------
    template_angstrom : Tensor, shape (n, 3)
        Its mean need not be the origin.
    coordinates_angstrom : Tensor, shape (N, n, 3)
    """
    middle, means = template_angstrom.mean(dim=0), coordinates_angstrom.mean(dim=1)
    spread = (template_angstrom - middle).T @ (coordinates_angstrom - means[:, None])
    xx, xy, xz, yx, yy, yz, zx, zy, zz = spread.flatten(1).unbind(-1)
    matrix = torch.stack(
        (
            xx + yy + zz, yz - zy, zx - xz, xy - yx,
            yz - zy, xx - yy - zz, xy + yx, zx + xz,
            zx - xz, xy + yx, yy - xx - zz, yz + zy,
            xy - yx, zx + xz, yz + zy, zz - xx - yy,
        ),
        dim=-1,
    ).reshape(-1, 4, 4)  # fmt: skip
    quaternions = torch.linalg.eigh(matrix).eigenvectors[:, :, -1]
    centres = means - (rotation_matrices(quaternions) @ middle[:, None])[:, :, 0]
    return Poses(quaternions, centres)
