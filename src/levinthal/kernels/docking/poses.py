"""The compiled loops that read maps for batches of rigid poses; imported only when poses are scored on a CPU.

Eight poses are scored side by side, one in each vector lane, atom after atom. An atom needs the eight corners of its
cell, which for eight poses lie in eight places. So a map is kept as one record of 16 bytes for each cell, its corners
as 16-bit integers: each lane reads one cache line, and a transposition in registers brings corners of the same kind
together. Nothing is exchanged between lanes until the batch is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir

from levinthal.kernels.compiled import compiled
from levinthal.kernels.vectors import INT32, INT64, SINGLE, Emitter, Place, emitted

LANES = 8
"""Poses that are scored side by side."""

_FLOATS, _WORDS = ir.VectorType(SINGLE, LANES), ir.VectorType(INT32, LANES)
_RECORD = ir.VectorType(INT32, 4)  # the eight corners of a cell, as 16-bit integers

# Rows of the state, LANES values each.
_ROTATION, _ORIGIN, _ENERGY, _FORCE, _TORQUE, _ATOM = 0, 9, 12, 13, 16, 19
_ROWS = 23


class _State:
    """Eight poses in memory: a row of the state holds one number of each."""

    def __init__(self, code: Emitter, state: Place) -> None:
        self._code, self._state = code, state

    def _row(self, number: int) -> Place:
        return self._code.at(self._state, INT64(number * LANES))

    def load(self, number: int) -> Any:
        return self._code.load(self._row(number), _FLOATS)

    def store(self, number: int, value: Any) -> None:
        self._code.store(value, self._row(number))

    def add(self, number: int, value: Any) -> None:
        self.store(number, self._code.add(self.load(number), value))


def _cells(
    code: Emitter, state: _State, atom: list[Any], nodes: list[Any]
) -> tuple[list[Any], Any, list[Any], list[Any]]:
    """Return arms from the centre, the number of the cell, the place within it and how far outside the nodes it is."""
    builder = code.builder
    zero = code.constant(_FLOATS, 0.0)
    arms, cells, within, missed = [], [], [], []
    for axis in range(3):
        arm = code.multiply(state.load(_ROTATION + 3 * axis), atom[0])
        arm = code.multiply_add(state.load(_ROTATION + 3 * axis + 1), atom[1], arm)
        arm = code.multiply_add(state.load(_ROTATION + 3 * axis + 2), atom[2], arm)
        at = code.add(arm, state.load(_ORIGIN + axis))
        last = builder.sub(nodes[axis], INT32(1))
        # What is not a number becomes 0 here, so that no memory but the maps' is ever read.
        inside = code.lower(code.higher(at, zero), code.splat(builder.sitofp(last, SINGLE), LANES))
        cell = builder.fptosi(inside, _WORDS)
        last_cell = code.splat(builder.sub(last, INT32(1)), LANES)
        cell = builder.select(builder.icmp_signed("<", cell, last_cell), cell, last_cell)
        arms.append(arm)
        cells.append(cell)
        within.append(code.subtract(inside, builder.sitofp(cell, _FLOATS)))
        missed.append(code.subtract(at, inside))
    number = builder.add(builder.mul(cells[0], code.splat(nodes[1], LANES)), cells[1])
    number = builder.add(builder.mul(number, code.splat(nodes[2], LANES)), cells[2])
    return arms, number, within, missed


def _corners(code: Emitter, records: Place, layers: Place, base: Any, number: Any) -> list[tuple[Any, Any]]:
    """Load the record of each lane's cell; return four pairs of corners along z, eight lanes each."""
    builder = code.builder
    found = []
    for lane in range(LANES):
        one = builder.sext(builder.extract_element(number, INT32(lane)), INT64)
        at = builder.add(builder.add(one, code.load(code.at(layers, INT64(lane)))), base)
        found.append(code.load(code.at(records, code.times(at, LANES)), _RECORD))
    both = [code.shuffle(found[n], found[n + 4], range(8)) for n in range(4)]
    low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
    pairs = [code.shuffle(both[n], both[n + 1], order) for n in (0, 2) for order in (low, high)]
    low, high = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
    words = [code.shuffle(pairs[n], pairs[n + 2], order) for n in (0, 1) for order in (low, high)]
    half = code.constant(_WORDS, 16)
    return [
        (
            builder.sitofp(builder.ashr(builder.shl(word, half), half), _FLOATS),
            builder.sitofp(builder.ashr(word, half), _FLOATS),
        )
        for word in words
    ]


def _between_corners(code: Emitter, corners: list[tuple[Any, Any]], within: list[Any]) -> tuple[Any, list[Any]]:
    """Return the trilinear value and its rises along x, y and z."""
    x, y, z = within
    along_z = [code.between(near, far, z) for near, far in corners]
    along_y = [code.between(along_z[n][0], along_z[n + 1][0], y) for n in (0, 2)]
    value, rise_x = code.between(along_y[0][0], along_y[1][0], x)
    rise_y, _ = code.between(along_y[0][1], along_y[1][1], x)
    edges = [code.between(along_z[n][1], along_z[n + 1][1], y)[0] for n in (0, 2)]
    rise_z, _ = code.between(edges[0], edges[1], x)
    return value, [rise_x, rise_y, rise_z]


def _forces(code: Emitter, rises: list[Any], missed: list[Any], scale: Any, slope: Any) -> list[Any]:
    """Return minus the derivatives: of the map inside, of the slope along the axes on which an atom is outside."""
    builder = code.builder
    zero = code.constant(_FLOATS, 0.0)
    inward = code.subtract(zero, slope)
    forces = []
    for rise, miss in zip(rises, missed, strict=True):
        outside = builder.select(builder.fcmp_ordered(">", miss, zero), inward, slope)
        inside = code.multiply(code.subtract(zero, scale), rise)
        forces.append(builder.select(builder.fcmp_ordered("==", miss, zero), inside, outside))
    return forces


def _write_atom(
    code: Emitter, state: Place, layers: Place, records: Place, x: Any, y: Any, z: Any, base: Any, scale: Any,
    offset: Any, nx: Any, ny: Any, nz: Any, slope: Any, keeps: Any,
) -> None:  # fmt: skip
    """Score one atom in eight poses, add it to their sums and keep its energy and force where asked to."""
    rows = _State(code, state)
    scale, offset, slope = (code.splat(value, LANES) for value in (scale, offset, slope))
    nodes = [code.builder.trunc(value, INT32) for value in (nx, ny, nz)]
    arms, number, within, missed = _cells(code, rows, [code.splat(value, LANES) for value in (x, y, z)], nodes)
    value, rises = _between_corners(code, _corners(code, records, layers, base, number), within)
    away = code.add(code.add(code.absolute(missed[0]), code.absolute(missed[1])), code.absolute(missed[2]))
    energy = code.multiply_add(slope, away, code.multiply_add(scale, value, offset))
    force = _forces(code, rises, missed, scale, slope)
    rows.add(_ENERGY, energy)
    for axis in range(3):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        rows.add(_FORCE + axis, force[axis])
        turn = code.subtract(code.multiply(arms[one], force[other]), code.multiply(arms[other], force[one]))
        rows.add(_TORQUE + axis, turn)
    with code.builder.if_then(keeps):
        for number, kept in enumerate((energy, *force)):
            rows.store(_ATOM + number, kept)


_add_atom = emitted(_write_atom)


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
def score_poses(
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
    atom_energies: npt.NDArray[np.float32],
    atom_forces: npt.NDArray[np.float32],
) -> None:
    """Write energy, force and torque of the poses start .. stop-1, and of their atoms where asked to.

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
    energies, forces, torques
        Where to write: (N,), (N, 3), (N, 3).
    atom_energies, atom_forces
        Where to write: (N, h), (N, h, 3); empty to write none.
    """
    keeps = atom_energies.size > 0
    inverse = np.float32(1) / spacing
    nx, ny, nz = shape
    state, layers = np.zeros(_ROWS * LANES, np.float32), np.zeros(LANES, np.int64)
    for first in range(start, stop, LANES):
        _place_lanes(quaternions, centres, layers_of_poses, first, stop, low, inverse, state, layers)
        for a in range(len(template)):
            _add_atom(
                state, layers, records, template[a, 0], template[a, 1], template[a, 2], bases[a], scales[a],
                offsets[a], nx, ny, nz, slope, keeps,
            )  # fmt: skip
            if keeps:
                for lane in range(min(LANES, stop - first)):
                    atom_energies[first + lane, a] = state[_ATOM * LANES + lane]
                    for axis in range(3):
                        atom_forces[first + lane, a, axis] = state[(_ATOM + 1 + axis) * LANES + lane] * inverse
        for lane in range(min(LANES, stop - first)):
            energies[first + lane] = state[_ENERGY * LANES + lane]
            for axis in range(3):
                forces[first + lane, axis] = state[(_FORCE + axis) * LANES + lane] * inverse
                torques[first + lane, axis] = state[(_TORQUE + axis) * LANES + lane]
