"""Protein backbones both ways: internal coordinates from atoms, and atoms from internal coordinates.

The atoms of a residue are N, CA and C. Three internal coordinates belong to residue i, each a bond length, a bond angle
and a dihedral that place one atom (Parsons et al., J. Comput. Chem. 26:1063, 2005):

=====  ================  =============  =================  ===============================
index  places            bond           bond angle         dihedral
=====  ================  =============  =================  ===============================
0      CA of residue i   N-CA           C(i-1)-N-CA        omega: CA(i-1)-C(i-1)-N-CA
1      C of residue i    CA-C           N-CA-C             phi: C(i-1)-N-CA-C
2      N of i + 1        C-N            CA-C-N             psi: N-CA-C-N(i+1)
=====  ================  =============  =================  ===============================

What lies before the first residue or after the last places nothing: omega and phi of the first residue, its first bond
angle, and all that would place N of the residue after the last. It may have any value, and its derivative is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from levinthal.errors import DataError, UsageError
from levinthal.kernels.choice import kernels_allowed

# Of the recurrent geometric network (AlQuraishi, Cell Syst. 8:292, 2019), in the order of the table above.
BOND_LENGTHS_NM = (0.145801, 0.152326, 0.132868)
BOND_ANGLES_RAD = (2.124, 1.941, 2.028)

Method = Literal["auto", "kernels", "scan"]

# The loops place an atom in about 7 ns; waking a second thread takes about 30 us.
_ATOMS_WORTH_A_THREAD = 6_000


@dataclass(frozen=True)
class InternalCoordinates:
    """Bond lengths, bond angles and dihedrals of backbones; see the table at the top of the module.

    Attributes
    ----------
    bond_lengths_nm, bond_angles_rad, dihedrals_rad : Tensor, shape (..., L, 3)
        Dihedrals lie in (-pi, pi]. Where nothing is placed, lengths and angles are those of `BOND_LENGTHS_NM` and
        `BOND_ANGLES_RAD`, and dihedrals 0.
    """

    bond_lengths_nm: Tensor
    bond_angles_rad: Tensor
    dihedrals_rad: Tensor


def internal_coordinates(atoms_nm: Tensor) -> InternalCoordinates:
    """Return the internal coordinates of backbones.

    A dihedral is positive when, seen along its middle bond, the far bond is turned clockwise (IUPAC-IUB, Biochemistry
    9:3471, 1970).

    Parameters
    ----------
    atoms_nm : Tensor, shape (..., L, 3, 3)
        N, CA and C of each residue. Across a gap in the chain the bond is as long as the gap.

    Returns
    -------
    InternalCoordinates
        Differentiable by `atoms_nm` where no two bonded atoms coincide.

    Raises
    ------
    DataError
        A tensor of another shape or of integers.

    Examples
    --------
    >>> import math
    >>> import torch
    >>> from levinthal.proteins import build_backbone, internal_coordinates
    >>> helix = torch.tensor([math.pi, math.radians(-57), math.radians(-47)]).expand(1, 20, 3)
    >>> phi = internal_coordinates(build_backbone(helix)).dihedrals_rad[0, 10, 1]
    >>> round(math.degrees(phi), 2)
    -57.0
    """
    if atoms_nm.ndim < 3 or atoms_nm.shape[-2:] != (3, 3) or atoms_nm.shape[-3] == 0:
        raise DataError(f"backbone atoms have the shape {tuple(atoms_nm.shape)}: expected (..., residues, 3, 3)")
    _check_type("backbone atoms", atoms_nm)
    chain = atoms_nm.flatten(-3, -2)
    bonds = chain.diff(dim=-2)
    normals = torch.linalg.cross(bonds[..., :-1, :], bonds[..., 1:, :], dim=-1)
    lengths = torch.linalg.vector_norm(bonds, dim=-1)
    angles = torch.atan2(
        torch.linalg.vector_norm(normals, dim=-1), -(bonds[..., :-1, :] * bonds[..., 1:, :]).sum(dim=-1)
    )
    first, second = normals[..., :-1, :], normals[..., 1:, :]
    dihedrals = torch.atan2(
        lengths[..., 1:-1] * (bonds[..., :-2, :] * second).sum(dim=-1), (first * second).sum(dim=-1)
    )

    def arranged(values: Tensor, before: tuple[float, ...], after: float) -> Tensor:
        ends = [values.new_tensor(end).expand(*values.shape[:-1], -1) for end in (before, (after,))]
        return torch.cat([ends[0], values, ends[1]], dim=-1).view(atoms_nm.shape[:-1])

    return InternalCoordinates(
        bond_lengths_nm=arranged(lengths, (), BOND_LENGTHS_NM[2]),
        bond_angles_rad=arranged(angles, BOND_ANGLES_RAD[:1], BOND_ANGLES_RAD[2]),
        dihedrals_rad=arranged(dihedrals, (0.0, 0.0), 0.0),
    )


def build_backbone(
    dihedrals_rad: Tensor,
    *,
    bond_lengths_nm: Tensor | None = None,
    bond_angles_rad: Tensor | None = None,
    initial_nm: Tensor | None = None,
    method: Method = "auto",
    threads: int | None = None,
) -> Tensor:
    """Place the backbone atoms of a batch of proteins.

    Differentiable once by every tensor. The derivatives are analytic: that of a dihedral is the torque that the
    gradient exerts, about the bond, on all atoms behind it (Abe, Braun, Noguti and Go, Comput. Chem. 8:239, 1984). An
    atom never depends on what stands after it, so that padding at the end changes nothing, as long as it is finite.

    Parameters
    ----------
    dihedrals_rad : Tensor, shape (B, L, 3)
        (omega, phi, psi) of each residue; float32 or float64.
    bond_lengths_nm, bond_angles_rad : Tensor, shape broadcast to (B, L, 3), optional
        By default `BOND_LENGTHS_NM` and `BOND_ANGLES_RAD`. Angles lie between 0 and pi, both excluded.
    initial_nm : Tensor, shape (B, 3, 3), optional
        N, CA and C of the first residue. By default N is the origin, CA lies on the x axis and C in the plane of x and
        y, on the side of positive y.
    method : {"auto", "kernels", "scan"}
        "kernels": compiled loops, atom after atom in float64; CPU only. "scan": a product of rigid transforms of
        logarithmic depth in torch, in the type of the dihedrals; any device. By default the loops on a CPU.
    threads : int, optional
        Most threads of the loops, which share the proteins of a batch; by default as many as torch uses.

    Returns
    -------
    Tensor, shape (B, L, 3, 3)
        N, CA and C of each residue in nm, in the type of the dihedrals.

    Raises
    ------
    DataError
        Tensors of wrong shapes or types, or on different devices.
    UsageError
        A method that does not exist, or the loops away from a CPU.

    Examples
    --------
    >>> import math
    >>> import torch
    >>> from levinthal.proteins import build_backbone
    >>> helix = torch.tensor([math.pi, math.radians(-57), math.radians(-47)]).expand(1, 20, 3)
    >>> tuple(build_backbone(helix).shape)  # N, CA and C of each residue
    (1, 20, 3, 3)
    """
    if dihedrals_rad.ndim != 3 or dihedrals_rad.shape[2] != 3 or dihedrals_rad.shape[1] == 0:
        raise DataError(f"dihedrals have the shape {tuple(dihedrals_rad.shape)}: expected (proteins, residues, 3)")
    _check_type("dihedrals", dihedrals_rad)
    if method not in ("auto", "kernels", "scan"):
        raise UsageError(f"there is no method {method!r} of building a backbone: choose auto, kernels or scan")
    on_cpu = dihedrals_rad.device.type == "cpu"
    if method == "kernels" and not on_cpu:
        raise UsageError(f"the compiled loops need a CPU, not {dihedrals_rad.device}: choose the method scan")
    scan = method == "scan" or not on_cpu or (method == "auto" and not kernels_allowed())
    lengths = _per_bond("bond lengths", bond_lengths_nm, dihedrals_rad)
    angles = _per_bond("bond angles", bond_angles_rad, dihedrals_rad)
    if threads is None:
        threads = torch.get_num_threads()
    differentiable = dihedrals_rad.requires_grad or any(t is not None and t.requires_grad for t in (lengths, angles))
    if differentiable and torch.is_grad_enabled():
        atoms: Tensor = _Build.apply(dihedrals_rad, lengths, angles, scan, threads)  # type: ignore[no-untyped-call]
    else:
        atoms = _place(dihedrals_rad, _bond_terms(lengths, angles, dihedrals_rad, scan), scan, threads, keep=False)[0]
    return atoms if initial_nm is None else _moved_onto(initial_nm, atoms)


def _check_type(what: str, values: Tensor) -> None:
    if values.dtype not in (torch.float32, torch.float64):
        raise DataError(f"{what} are of type {values.dtype}: convert them to float32 or float64")


def _per_bond(what: str, values: Tensor | None, dihedrals: Tensor) -> Tensor | None:
    """Return bond lengths or angles with three dimensions, or None."""
    if values is None:
        return None
    _check_type(what, values)
    if values.device != dihedrals.device:
        raise DataError(f"{what} are on {values.device}, dihedrals on {dihedrals.device}: bring them together")
    fits = 1 <= values.ndim <= 3 and values.shape[-1] == 3
    values = values.reshape((1,) * (3 - values.ndim) + tuple(values.shape)) if fits else values
    if not fits or any(values.shape[k] not in (1, dihedrals.shape[k]) for k in (0, 1)):
        raise DataError(
            f"{what} have the shape {tuple(values.shape)}, dihedrals {tuple(dihedrals.shape)}: "
            "the one must broadcast to the other"
        )
    return values


def _bond_terms(lengths: Tensor | None, angles: Tensor | None, like: Tensor, scan: bool) -> tuple[Tensor, ...]:
    """Return lengths, and cosine and sine of pi less the angle, in the type in which the method computes."""
    if lengths is None and angles is None and not scan:
        return _IDEAL
    kind = like.dtype if scan else torch.float64
    ideal = (BOND_LENGTHS_NM, BOND_ANGLES_RAD)
    lengths, angles = (
        torch.tensor([[default]], dtype=torch.float64, device=like.device) if given is None else given.detach().double()
        for given, default in zip((lengths, angles), ideal, strict=True)
    )
    return lengths.to(kind), (-angles.cos()).to(kind), angles.sin().to(kind)


_IDEAL = (
    torch.tensor([[BOND_LENGTHS_NM]], dtype=torch.float64),
    -torch.tensor([[BOND_ANGLES_RAD]], dtype=torch.float64).cos(),
    torch.tensor([[BOND_ANGLES_RAD]], dtype=torch.float64).sin(),
)


def _place(
    dihedrals: Tensor, terms: tuple[Tensor, ...], scan: bool, threads: int, *, keep: bool
) -> tuple[Tensor, Tensor]:
    """Return the atoms (B, L, 3, 3) and, if to be kept, the bonds' directions (B, 3 L, 3)."""
    dihedrals = dihedrals.detach()
    size, n, _ = dihedrals.shape
    if scan:
        from levinthal.proteins.geometry import backbone_scan

        atoms, directions = backbone_scan.place_chains(dihedrals, *terms)
        return atoms.view(size, n, 3, 3), directions

    from levinthal.kernels.backbone import place_chains

    atoms = dihedrals.new_empty(size, n, 3, 3)
    directions = dihedrals.new_empty((size if keep else min(size, 1), 3 * n if keep else 0, 3))
    angles, out, axes = _flat(dihedrals), atoms.view(size, 3 * n, 3).numpy(), directions.numpy()
    lengths, cosines, sines = _rows(terms)

    def work(start: int, stop: int) -> None:
        place_chains(angles, lengths, cosines, sines, start, stop, keep, out, axes)

    _share(work, size, n, threads)
    return atoms, directions


def _flat(values: Tensor) -> Any:
    return values.flatten(1).contiguous().numpy()


def _rows(terms: tuple[Tensor, ...]) -> list[Any]:
    """Return what the loops read, as arrays of one shape (1 or B, 3 or 3 L)."""
    if terms is _IDEAL:
        return [t[0].numpy() for t in terms]
    shape = torch.broadcast_shapes(*(t.shape for t in terms))  # type: ignore[no-untyped-call]
    return [_flat(t.expand(shape)) for t in terms]


def _share(work: Any, n_chains: int, n_residues: int, threads: int) -> None:
    """Give each thread as many proteins as the others, if there is enough to do."""
    from levinthal.kernels.threads import in_parts, shares

    in_parts(work, shares(n_chains, min(threads, 3 * n_chains * n_residues // _ATOMS_WORTH_A_THREAD)))


class _Build(torch.autograd.Function):
    """Dihedrals, bond lengths and angles to atoms."""

    @staticmethod
    def forward(
        ctx: Any, dihedrals: Tensor, lengths: Tensor | None, angles: Tensor | None, scan: bool, threads: int
    ) -> Tensor:
        """Place the atoms; the directions of the bonds are kept for the way back."""
        terms = _bond_terms(lengths, angles, dihedrals, scan)
        atoms, directions = _place(dihedrals, terms, scan, threads, keep=True)
        ctx.save_for_backward(directions, *terms)
        ctx.scan, ctx.threads, ctx.ideal = scan, threads, terms is _IDEAL
        ctx.shapes = [None if t is None else (t.shape, t.dtype) for t in (lengths, angles)]
        return atoms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the derivatives by dihedrals, lengths and angles."""
        directions, *terms = ctx.saved_tensors
        terms = _IDEAL if ctx.ideal else tuple(terms)
        bonds = any(ctx.needs_input_grad[1:3])
        found = _differentiate(gradient, directions, terms, bonds, ctx.scan, ctx.threads)
        of_bonds: list[Tensor | None] = [None, None]
        for k, of_bond in enumerate(found[1:]):
            if ctx.needs_input_grad[1 + k] and of_bond is not None:
                shape, kind = ctx.shapes[k]
                of_bonds[k] = of_bond.sum_to_size(shape).to(kind)
        return found[0], *of_bonds, None, None


def _differentiate(
    gradient: Tensor, directions: Tensor, terms: tuple[Tensor, ...], bonds: bool, scan: bool, threads: int
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    size, n = gradient.shape[:2]
    if scan:
        from levinthal.proteins.geometry import backbone_scan

        return backbone_scan.differentiate_chains(gradient.flatten(1, 2), directions, terms[0], terms[2], bonds)

    from levinthal.kernels.backbone import differentiate_chains

    pull, axes = gradient.contiguous().view(size, 3 * n, 3).numpy(), directions.numpy()
    lengths, _, sines = _rows(terms)
    found = [gradient.new_empty(size, n, 3) for _ in range(3 if bonds else 1)]
    out = [_flat(t) for t in found] * (1 if bonds else 3)

    def work(start: int, stop: int) -> None:
        differentiate_chains(pull, axes, lengths, sines, start, stop, bonds, *out)

    _share(work, size, n, threads)
    return (found[0], found[1], found[2]) if bonds else (found[0], None, None)


def _frames(residues: Tensor) -> Tensor:
    """Return the frames (B, 3, 3) at residues (B, 3, 3): columns along CA-C, in the plane, and normal to it."""
    first, bond = residues[:, 1] - residues[:, 0], residues[:, 2] - residues[:, 1]
    bond = bond / torch.linalg.vector_norm(bond, dim=-1, keepdim=True)
    normal = torch.linalg.cross(first, bond, dim=-1)
    normal = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
    return torch.stack([bond, torch.linalg.cross(normal, bond, dim=-1), normal], dim=-1)


def _moved_onto(initial: Tensor, atoms: Tensor) -> Tensor:
    """Return the backbones moved so that they continue the first residues given."""
    if initial.shape != atoms[:, 0].shape or initial.dtype != atoms.dtype or initial.device != atoms.device:
        raise DataError(
            f"the first residues have the shape {tuple(initial.shape)}, type {initial.dtype}, on {initial.device}: "
            f"expected {tuple(atoms[:, 0].shape)}, {atoms.dtype}, on {atoms.device}"
        )
    first = atoms[:, 0]
    # rotation[b, i, j] = sum over k of frame[b, i, k] * built[b, j, k]; no matrix product, which torch may round.
    rotation = (_frames(initial)[:, :, None, :] * _frames(first)[:, None, :, :]).sum(-1)[:, None, None]
    offset = atoms[:, 1:] - first[:, None, None, 2]
    moved = (rotation * offset[..., None, :]).sum(-1) + initial[:, None, None, 2]
    return torch.cat([initial[:, None], moved], dim=1)
