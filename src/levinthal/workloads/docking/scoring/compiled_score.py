"""Maps as the compiled loops read them, and the scoring of poses by these loops, on all cores.

Nodes become 16-bit integers: between the lowest and the highest node of a map (about -3 and, by the curl, at most 10
kcal/mol) there are 65,535 steps, so that an atom's energy is off by at most 1e-4 kcal/mol, and continuous as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.kernels.docking.poses import LANES, fill_records, score_poses
from levinthal.kernels.threads import in_parts, shares

_LOWEST, _HIGHEST = -32_767, 32_767

# A pose of 20 atoms takes about 0.2 us; waking a second thread takes about 30 us.
_ATOMS_WORTH_A_THREAD = 10_000


@dataclass(frozen=True, eq=False)
class Records:
    """Maps as records of cells.

    Attributes
    ----------
    values : ndarray of int16, flat (K, T, X, Y, Z, 8)
    scales, offsets : ndarray of float32, shape (T,)
        A node is offset + scale * integer.
    shape : tuple of int
        X, Y, Z.
    low : ndarray of float32, shape (3,)
    spacing, slope : float32
    """

    values: npt.NDArray[np.int16]
    scales: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]
    shape: tuple[int, int, int]
    low: npt.NDArray[np.float32]
    spacing: np.float32
    slope: np.float32


def make_records(
    energies: npt.NDArray[np.float32], low: tuple[float, float, float], spacing: float, outside_slope: float
) -> Records:
    """Make the records of maps, shape (K, T, X, Y, Z)."""
    least, most = energies.min(axis=(0, 2, 3, 4)), energies.max(axis=(0, 2, 3, 4))
    scales = np.maximum((most - least) / (_HIGHEST - _LOWEST), np.float32(1e-9))
    offsets = (most + least) / 2
    values = np.empty((*energies.shape, 8), np.int16)
    bounds = shares(energies.shape[2], torch.get_num_threads())
    for k, t in np.ndindex(energies.shape[:2]):
        nodes = np.rint((energies[k, t] - offsets[t]) / scales[t]).clip(_LOWEST, _HIGHEST).astype(np.int16)
        out = values[k, t]

        def work(start: int, stop: int, nodes: Any = nodes, out: Any = out) -> None:
            fill_records(nodes, start, stop, out)

        in_parts(work, bounds)
    x, y, z = energies.shape[2:]
    return Records(
        values=values.reshape(-1),
        scales=scales.astype(np.float32),
        offsets=offsets.astype(np.float32),
        shape=(x, y, z),
        low=np.array(low, np.float32),
        spacing=np.float32(spacing),
        slope=np.float32(outside_slope * spacing),
    )


def score_compiled(
    records: Records,
    maps: npt.NDArray[np.int64],
    template: npt.NDArray[np.float64],
    poses: tuple[Tensor, Tensor, Tensor],
    *,
    of_atoms: bool,
) -> tuple[Tensor, ...]:
    """Return energies (N,), forces and torques (N, 3) of poses, or energies (N, h) and forces (N, h, 3) of atoms.

    Parameters
    ----------
    records : Records
    maps : ndarray, shape (h,)
        Which map each heavy atom reads.
    template : ndarray, shape (h, 3)
    poses : tuple of Tensor
        Quaternions (N, 4), centres (N, 3), and the conformation of each pose (N,), each from 0 to K-1.
    of_atoms : bool
        Whether of the heavy atoms; all results are in float32.
    """
    n, h, cells = len(poses[0]), len(maps) if of_atoms else 0, int(np.prod(records.shape))
    rigid = torch.empty(n), torch.empty(n, 3), torch.empty(n, 3)
    atoms = torch.empty(n, h), torch.empty(n, h, 3)
    quaternions, centres = (tensor.detach().to(torch.float32).contiguous().numpy() for tensor in poses[:2])
    layers = (poses[2] * (len(records.scales) * cells)).contiguous().numpy()
    atom_maps = maps * cells, records.scales[maps], records.offsets[maps]
    grid = records.values, records.shape, records.low, records.spacing, records.slope
    arguments = (quaternions, centres, layers, template.astype(np.float32), *atom_maps, *grid)
    out = [tensor.numpy() for tensor in (*rigid, *atoms)]
    threads = min(torch.get_num_threads(), n * len(maps) // _ATOMS_WORTH_A_THREAD)
    in_parts(lambda start, stop: score_poses(*arguments, start, stop, *out), shares(n, threads, LANES))
    return atoms if of_atoms else rigid
