"""The compiled loops that read maps for batches of rigid poses; imported only when poses are scored on a CPU.

Eight poses are scored side by side, one in each vector lane, atom after atom. An atom needs the eight corners of its
cell, which for eight poses lie in eight places. So a map is kept as one record of 16 bytes for each cell, its corners
as 16-bit integers: each lane reads one cache line, and a transposition in registers brings corners of the same kind
together. Nothing is exchanged between lanes until the batch is written.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from levinthal.kernels.compiled import compiled
from levinthal.kernels.docking.lanes import F32, FLOATS, I32, LANES, RECORD, WORDS, Lanes

__all__ = ["fill_records", "score_atoms_of_poses", "score_rigid_poses"]

# Rows of the state, LANES values each.
_ROTATION, _ORIGIN, _ENERGY, _FORCE, _TORQUE, _ATOM = 0, 9, 12, 13, 16, 19
_ROWS = 23


def _places(lanes: Lanes, load: Any, atom: list[Any], nodes: list[Any]) -> tuple[list[Any], Any, list[Any], list[Any]]:
    """Return arms from the centre, the number of the cell, the place within it and how far outside the nodes it is."""
    builder = lanes.builder
    zero = ir.Constant(FLOATS, [0.0] * LANES)
    arms, cells, shares, missed = [], [], [], []
    for axis in range(3):
        arm = lanes.multiply(load(_ROTATION + 3 * axis), atom[0])
        arm = lanes.multiply_add(load(_ROTATION + 3 * axis + 1), atom[1], arm)
        arm = lanes.multiply_add(load(_ROTATION + 3 * axis + 2), atom[2], arm)
        at = lanes.add(arm, load(_ORIGIN + axis))
        last = builder.sub(nodes[axis], ir.Constant(I32, 1))
        # What is not a number becomes 0 here, so that no memory but the maps' is ever read.
        inside = lanes.lower(lanes.higher(at, zero), lanes.splat(builder.sitofp(last, F32)))
        cell = builder.fptosi(inside, WORDS)
        last_cell = lanes.splat(builder.sub(last, ir.Constant(I32, 1)), WORDS)
        cell = builder.select(builder.icmp_signed("<", cell, last_cell), cell, last_cell)
        arms.append(arm)
        cells.append(cell)
        shares.append(lanes.subtract(inside, builder.sitofp(cell, FLOATS)))
        missed.append(lanes.subtract(at, inside))
    number = builder.add(builder.mul(cells[0], lanes.splat(nodes[1], WORDS)), cells[1])
    number = builder.add(builder.mul(number, lanes.splat(nodes[2], WORDS)), cells[2])
    return arms, number, shares, missed


def _records(lanes: Lanes, records: Any, layers: Any, base: Any, number: Any) -> list[Any]:
    """Load the record of each lane's cell."""
    builder = lanes.builder
    pointer = builder.bitcast(records, RECORD.as_pointer())
    found = []
    for lane in range(LANES):
        one = builder.sext(builder.extract_element(number, ir.Constant(I32, lane)), ir.IntType(64))
        layer = builder.load(builder.gep(layers, [ir.Constant(I32, lane)]))
        at = builder.add(builder.add(one, layer), base)
        found.append(builder.load(builder.gep(pointer, [at]), align=4))
    return found


def _between_corners(lanes: Lanes, corners: list[tuple[Any, Any]], shares: list[Any]) -> tuple[Any, list[Any]]:
    """Return the trilinear value and its rises along x, y and z."""
    x, y, z = shares
    along_z = [lanes.between(near, far, z) for near, far in corners]
    along_y = [lanes.between(along_z[n][0], along_z[n + 1][0], y) for n in (0, 2)]
    value, rise_x = lanes.between(along_y[0][0], along_y[1][0], x)
    rise_y, _ = lanes.between(along_y[0][1], along_y[1][1], x)
    edges = [lanes.between(along_z[n][1], along_z[n + 1][1], y)[0] for n in (0, 2)]
    rise_z, _ = lanes.between(edges[0], edges[1], x)
    return value, [rise_x, rise_y, rise_z]


def _forces(lanes: Lanes, rises: list[Any], missed: list[Any], scale: Any, slope: Any) -> list[Any]:
    """Return minus the derivatives: of the map inside, of the slope along the axes on which an atom is outside."""
    builder = lanes.builder
    zero = ir.Constant(FLOATS, [0.0] * LANES)
    inward = lanes.subtract(zero, slope)
    forces = []
    for rise, miss in zip(rises, missed, strict=True):
        outside = builder.select(builder.fcmp_ordered(">", miss, zero), inward, slope)
        within = lanes.multiply(lanes.subtract(zero, scale), rise)
        forces.append(builder.select(builder.fcmp_ordered("==", miss, zero), within, outside))
    return forces


def _atom_code(context: Any, builder: Any, signature: Any, arguments: Any, *, keeps_atoms: bool) -> Any:
    """Write the code that scores one atom in eight poses and adds it to their sums."""
    lanes = Lanes(builder)
    state, layers, records = (
        context.make_array(kind)(context, builder, argument).data
        for kind, argument in zip(signature.args[:3], arguments[:3], strict=True)
    )

    def row(number: int) -> Any:
        return builder.bitcast(builder.gep(state, [ir.Constant(I32, number * LANES)]), FLOATS.as_pointer())

    def load(number: int) -> Any:
        return builder.load(row(number), align=4)

    def add_to(number: int, value: Any) -> None:
        builder.store(lanes.add(load(number), value), row(number), align=4)

    atom = [lanes.splat(value) for value in arguments[3:6]]
    scale, offset, slope = (lanes.splat(arguments[number]) for number in (7, 8, 12))
    nodes = [builder.trunc(value, I32) for value in arguments[9:12]]
    arms, number, shares, missed = _places(lanes, load, atom, nodes)
    corners = lanes.corners(_records(lanes, records, layers, arguments[6], number))
    value, rises = _between_corners(lanes, corners, shares)
    away = lanes.add(lanes.add(lanes.absolute(missed[0]), lanes.absolute(missed[1])), lanes.absolute(missed[2]))
    energy = lanes.multiply_add(slope, away, lanes.multiply_add(scale, value, offset))
    force = _forces(lanes, rises, missed, scale, slope)
    add_to(_ENERGY, energy)
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        add_to(_FORCE + axis, force[axis])
        turn = lanes.subtract(lanes.multiply(arms[one], force[other]), lanes.multiply(arms[other], force[one]))
        add_to(_TORQUE + axis, turn)
    if keeps_atoms:
        for number, kept in enumerate((energy, *force)):
            builder.store(kept, row(_ATOM + number), align=4)
    return context.get_dummy_value()


def _signature(state: Any, layers: Any, records: Any) -> Any:
    """Return the types of an atom's code: place, base, scale, offset, nodes on each axis, slope behind the arrays."""
    f32, i64 = types.float32, types.int64
    return types.void(state, layers, records, f32, f32, f32, i64, f32, f32, i64, i64, i64, f32)


@intrinsic  # type: ignore[untyped-decorator]
def _add_atom(
    _typing: Any, state: Any, layers: Any, records: Any, _x: Any, _y: Any, _z: Any, _base: Any, _scale: Any,
    _offset: Any, _nx: Any, _ny: Any, _nz: Any, _slope: Any,
) -> Any:  # fmt: skip
    """Score one atom in eight poses and add it to their sums."""
    return _signature(state, layers, records), partial(_atom_code, keeps_atoms=False)


@intrinsic  # type: ignore[untyped-decorator]
def _add_and_keep_atom(
    _typing: Any, state: Any, layers: Any, records: Any, _x: Any, _y: Any, _z: Any, _base: Any, _scale: Any,
    _offset: Any, _nx: Any, _ny: Any, _nz: Any, _slope: Any,
) -> Any:  # fmt: skip
    """Do the same and keep the atom's energy and force for the caller."""
    return _signature(state, layers, records), partial(_atom_code, keeps_atoms=True)


@compiled()
def fill_records(nodes: npt.NDArray[np.int16], start: int, stop: int, out: npt.NDArray[np.int16]) -> None:
    """Write the records of one map's cells in the planes start .. stop-1 in x.

    Parameters
    ----------
    nodes : ndarray, shape (X, Y, Z)
    out : ndarray, shape (X, Y, Z, 8)
        Corners with z fastest, x slowest. The last plane, row and column begin no cell and are not written.
    """
    for i in range(start, min(stop, nodes.shape[0] - 1)):
        for j in range(nodes.shape[1] - 1):
            for k in range(nodes.shape[2] - 1):
                out[i, j, k, 0] = nodes[i, j, k]
                out[i, j, k, 1] = nodes[i, j, k + 1]
                out[i, j, k, 2] = nodes[i, j + 1, k]
                out[i, j, k, 3] = nodes[i, j + 1, k + 1]
                out[i, j, k, 4] = nodes[i + 1, j, k]
                out[i, j, k, 5] = nodes[i + 1, j, k + 1]
                out[i, j, k, 6] = nodes[i + 1, j + 1, k]
                out[i, j, k, 7] = nodes[i + 1, j + 1, k + 1]


@compiled("contract")
def _place_lanes(
    quaternions: npt.NDArray[Any],
    centres: npt.NDArray[Any],
    layers_of_poses: npt.NDArray[np.int64],
    first: int,
    stop: int,
    low: npt.NDArray[np.float32],
    inverse: Any,
    state: npt.NDArray[np.float32],
    layers: npt.NDArray[np.int64],
) -> None:
    """Write rotations and origins of eight poses in units of the spacing; beyond the last pose repeat it."""
    two = np.float32(2)
    for lane in range(LANES):
        pose = min(first + lane, stop - 1)
        w, x, y, z = quaternions[pose, 0], quaternions[pose, 1], quaternions[pose, 2], quaternions[pose, 3]
        state[0 * LANES + lane] = inverse - two * inverse * (y * y + z * z)
        state[1 * LANES + lane] = two * inverse * (x * y - w * z)
        state[2 * LANES + lane] = two * inverse * (x * z + w * y)
        state[3 * LANES + lane] = two * inverse * (x * y + w * z)
        state[4 * LANES + lane] = inverse - two * inverse * (x * x + z * z)
        state[5 * LANES + lane] = two * inverse * (y * z - w * x)
        state[6 * LANES + lane] = two * inverse * (x * z - w * y)
        state[7 * LANES + lane] = two * inverse * (y * z + w * x)
        state[8 * LANES + lane] = inverse - two * inverse * (x * x + y * y)
        for axis in range(3):
            state[(9 + axis) * LANES + lane] = (centres[pose, axis] - low[axis]) * inverse
        layers[lane] = layers_of_poses[pose]
    for k in range(_ENERGY * LANES, _ROWS * LANES):
        state[k] = 0


@compiled("contract")
def score_rigid_poses(
    quaternions: npt.NDArray[np.float32],
    centres: npt.NDArray[np.float32],
    layers_of_poses: npt.NDArray[np.int64],
    template: npt.NDArray[np.float32],
    bases: npt.NDArray[np.int64],
    scales: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
    records: npt.NDArray[np.int16],
    shape: tuple[int, int, int],
    low: npt.NDArray[np.float32],
    spacing: np.float32,
    slope: np.float32,
    start: int,
    stop: int,
    energies: npt.NDArray[np.float32],
    forces: npt.NDArray[np.float32],
    torques: npt.NDArray[np.float32],
) -> None:
    """Write energy, force and torque of the poses start .. stop-1.

    Parameters
    ----------
    quaternions, centres
        Shapes (N, 4) and (N, 3).
    layers_of_poses
        First record of each pose's conformation.
    template, bases, scales, offsets
        Of each heavy atom: place; first record of its map within a conformation; energy is offset + scale * integer.
    records
        Flat.
    shape, low, spacing
        Nodes on each axis, the first node, distance between nodes.
    slope : float
        Outside, in kcal/mol for each spacing.
    """
    inverse = np.float32(1) / spacing
    nx, ny, nz = shape
    state, layers = np.zeros(_ROWS * LANES, np.float32), np.zeros(LANES, np.int64)
    for first in range(start, stop, LANES):
        _place_lanes(quaternions, centres, layers_of_poses, first, stop, low, inverse, state, layers)
        for a in range(len(template)):
            _add_atom(
                state, layers, records, template[a, 0], template[a, 1], template[a, 2], bases[a], scales[a],
                offsets[a], nx, ny, nz, slope,
            )  # fmt: skip
        for lane in range(min(LANES, stop - first)):
            energies[first + lane] = state[_ENERGY * LANES + lane]
            for axis in range(3):
                forces[first + lane, axis] = state[(_FORCE + axis) * LANES + lane] * inverse
                torques[first + lane, axis] = state[(_TORQUE + axis) * LANES + lane]


@compiled("contract")
def score_atoms_of_poses(
    quaternions: npt.NDArray[np.float32],
    centres: npt.NDArray[np.float32],
    layers_of_poses: npt.NDArray[np.int64],
    template: npt.NDArray[np.float32],
    bases: npt.NDArray[np.int64],
    scales: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
    records: npt.NDArray[np.int16],
    shape: tuple[int, int, int],
    low: npt.NDArray[np.float32],
    spacing: np.float32,
    slope: np.float32,
    start: int,
    stop: int,
    energies: npt.NDArray[np.float32],
    forces: npt.NDArray[np.float32],
) -> None:
    """Write energy (N, h) and force (N, h, 3) of each heavy atom; see `score_rigid_poses`."""
    inverse = np.float32(1) / spacing
    nx, ny, nz = shape
    state, layers = np.zeros(_ROWS * LANES, np.float32), np.zeros(LANES, np.int64)
    for first in range(start, stop, LANES):
        _place_lanes(quaternions, centres, layers_of_poses, first, stop, low, inverse, state, layers)
        for a in range(len(template)):
            _add_and_keep_atom(
                state, layers, records, template[a, 0], template[a, 1], template[a, 2], bases[a], scales[a],
                offsets[a], nx, ny, nz, slope,
            )  # fmt: skip
            for lane in range(min(LANES, stop - first)):
                energies[first + lane, a] = state[_ATOM * LANES + lane]
                for axis in range(3):
                    forces[first + lane, a, axis] = state[(_ATOM + 1 + axis) * LANES + lane] * inverse
