"""The distance root mean square deviation (dRMSD) of structures, differentiable, in bounded memory.

dRMSD = sqrt(sum over pairs (d' - d)^2 / number of pairs), over the pairs of resolved residues, with d' and d the
distances in the two structures: no superposition is needed, and a structure and its mirror image are alike to it
(AlQuraishi, Cell Syst. 8:292, 2019, uses it as the loss of the recurrent geometric network).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from levinthal.errors import DataError, UsageError
from levinthal.kernels.choice import kernels_allowed

Method = Literal["auto", "kernels", "chunks"]

# The compiled loop takes about 1 ns a pair; waking a second thread takes about 30 us.
_PAIRS_WORTH_A_THREAD = 100_000
# Pairs of which torch holds the distances at once: some twenty temporaries of 8 MB each.
_PAIRS_AT_ONCE = 1 << 21


def distance_rmsd(
    predicted_nm: Tensor,
    reference_nm: Tensor,
    mask: Tensor,
    *,
    method: Method = "auto",
    threads: int | None = None,
) -> Tensor:
    """Return the dRMSD of each protein, differentiable once by the predicted coordinates.

    The derivative is analytic and found together with the value. It is zero where there is none: at a perfect match,
    and between two predicted residues at one place.

    Parameters
    ----------
    predicted_nm, reference_nm : Tensor, shape (B, L, 3)
        Coordinates, float32 or float64, of one atom of each residue (CA by custom).
    mask : Tensor of bool, shape (B, L)
        Which residues are resolved. What the others' coordinates are, NaN too, has no influence.
    method : {"auto", "kernels", "chunks"}
        "kernels": a compiled loop over pairs without temporaries; CPU only. "chunks": some rows of the distance matrix
        at a time in torch; any device. By default the loop on a CPU.
    threads : int, optional
        Most threads of the loop, which share the proteins of a batch; by default as many as torch uses.

    Returns
    -------
    Tensor, shape (B,)
        In nm, in the type of the coordinates; 0 with derivative 0 where fewer than two residues are resolved.

    Raises
    ------
    DataError
        Tensors of wrong shapes or types, or on different devices, or a reference that requires a derivative.
    UsageError
        A method that does not exist, or the loop away from a CPU.

    Examples
    --------
    >>> import torch
    >>> from levinthal.proteins import distance_rmsd
    >>> atoms_nm = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(0))
    >>> mask = torch.ones(2, 30, dtype=torch.bool)
    >>> distance_rmsd(atoms_nm + 1.0, atoms_nm, mask).round(decimals=4).tolist()  # a shift changes no distance
    [0.0, 0.0]
    """
    _check(predicted_nm, reference_nm, mask)
    if method not in ("auto", "kernels", "chunks"):
        raise UsageError(f"there is no method {method!r} of comparing distances: choose auto, kernels or chunks")
    on_cpu = predicted_nm.device.type == "cpu"
    if method == "kernels" and not on_cpu:
        raise UsageError(f"the compiled loop needs a CPU, not {predicted_nm.device}: choose the method chunks")
    chunked = method == "chunks" or not on_cpu or (method == "auto" and not kernels_allowed())
    if threads is None:
        threads = torch.get_num_threads()
    if predicted_nm.requires_grad and torch.is_grad_enabled():
        rmsd: Tensor = _Compare.apply(predicted_nm, reference_nm, mask, chunked, threads)  # type: ignore[no-untyped-call]
        return rmsd
    return _compare(predicted_nm.detach(), reference_nm, mask, chunked, threads, differentiate=False)[0]


def _check(predicted: Tensor, reference: Tensor, mask: Tensor) -> None:
    if predicted.ndim != 3 or predicted.shape[2] != 3:
        raise DataError(f"predicted coordinates have the shape {tuple(predicted.shape)}: expected (B, residues, 3)")
    if reference.shape != predicted.shape or mask.shape != predicted.shape[:2]:
        raise DataError(
            f"reference {tuple(reference.shape)} and mask {tuple(mask.shape)} do not fit the predicted coordinates "
            f"{tuple(predicted.shape)}: expected the same shape and (B, residues)"
        )
    if predicted.dtype not in (torch.float32, torch.float64) or reference.dtype != predicted.dtype:
        raise DataError(
            f"coordinates are of types {predicted.dtype} and {reference.dtype}: convert both to float32 or to float64"
        )
    if mask.dtype != torch.bool:
        raise DataError(f"the mask is of type {mask.dtype}: convert it to bool")
    if not predicted.device == reference.device == mask.device:
        raise DataError(
            f"coordinates and mask are on {predicted.device}, {reference.device} and {mask.device}: bring them together"
        )
    if reference.requires_grad:
        raise DataError("the reference requires a derivative, which dRMSD has only by the predicted: detach it")


class _Compare(torch.autograd.Function):
    """Predicted coordinates to dRMSD; the derivative is found on the way there."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, reference: Tensor, mask: Tensor, chunked: bool, threads: int) -> Tensor:
        """Return the values and keep the derivatives."""
        rmsd, gradient = _compare(predicted.detach(), reference, mask, chunked, threads, differentiate=True)
        ctx.save_for_backward(gradient)
        return rmsd

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, ...]:
        """Return the derivative by the predicted coordinates."""
        (gradient,) = ctx.saved_tensors
        return gradient * weight[:, None, None], None, None, None, None


def _compare(
    predicted: Tensor, reference: Tensor, mask: Tensor, chunked: bool, threads: int, *, differentiate: bool
) -> tuple[Tensor, Tensor]:
    if chunked:
        return _compare_in_chunks(predicted, reference, mask, differentiate)

    from levinthal.kernels.distances import compare_distances
    from levinthal.kernels.threads import in_parts

    size, n, _ = predicted.shape
    rmsd = predicted.new_empty(size)
    gradient = predicted.new_empty(predicted.shape if differentiate else (0, 0, 3))
    arrays = [t.contiguous().numpy() for t in (predicted, reference, mask)]
    out = rmsd.numpy(), gradient.numpy()

    def work(start: int, stop: int) -> None:
        compare_distances(*arrays, start, stop, differentiate, *out)

    pairs = size * n * n // 2
    if threads > 1 and size > 1 and pairs > 2 * _PAIRS_WORTH_A_THREAD:
        in_parts(work, _even_bounds(mask, min(threads, size, pairs // _PAIRS_WORTH_A_THREAD)))
    else:
        work(0, size)
    return rmsd, gradient


def _even_bounds(mask: Tensor, n_parts: int) -> list[int]:
    """Return the bounds of parts of a batch that have about as many pairs each, whatever the lengths."""
    done = mask.sum(1).square().cumsum(0)
    aims = done[-1] * torch.arange(1, n_parts) / n_parts
    inner = torch.searchsorted(done.double(), aims.double(), right=True)
    return [0, *(int(k) for k in inner), len(mask)]


def _compare_in_chunks(
    predicted: Tensor, reference: Tensor, mask: Tensor, differentiate: bool
) -> tuple[Tensor, Tensor]:
    size, n, _ = predicted.shape
    predicted = torch.where(mask[..., None], predicted, 0)
    reference = torch.where(mask[..., None], reference, 0)
    total = predicted.new_zeros(size, dtype=torch.float64)
    gradient = torch.zeros_like(predicted)
    rows = max(1, _PAIRS_AT_ONCE // max(1, size * n))
    for first in range(0, n, rows):
        part = slice(first, first + rows)
        found, wanted = (_distances(points[:, part], points) for points in (predicted, reference))
        pairs = mask[:, part, None] & mask[:, None, :]
        excess = torch.where(pairs, found - wanted, 0)
        total += excess.square().sum((1, 2), dtype=torch.float64)
        if differentiate:
            # Two residues at one place have no direction from each other: no force.
            share = torch.where(found > 0, excess / found, 0)
            for axis in range(3):
                difference = predicted[:, part, None, axis] - predicted[:, None, :, axis]
                gradient[:, part, axis] = (share * difference).sum(2)
    resolved = mask.sum(1, dtype=torch.float64)
    n_pairs = 0.5 * resolved * (resolved - 1)
    rmsd = torch.where(resolved > 1, 0.5 * total / n_pairs, 0).sqrt()  # each pair was met twice
    scale = torch.where(rmsd > 0, 1 / (n_pairs * rmsd), 0)
    return rmsd.to(predicted.dtype), gradient * scale.to(predicted.dtype)[:, None, None]


def _distances(points: Tensor, others: Tensor) -> Tensor:
    squared = (points[:, :, None, 0] - others[:, None, :, 0]).square_()
    for axis in (1, 2):
        squared += (points[:, :, None, axis] - others[:, None, :, axis]).square_()
    return squared.sqrt_()
