"""The compiled loops that read maps for batches of rigid poses; imported only when poses are scored on a CPU.

Eight poses are scored side by side, one in each vector lane, atom after atom. An atom needs the eight corners of its
cell, which for eight poses lie in eight places. So a map is kept as one record of 16 bytes for each cell, its corners as
16-bit integers: each lane reads one cache line, and a transposition in registers brings corners of the same kind
together. Nothing is exchanged between lanes until the batch is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from levinthal.proteins.compiled import compiled

__all__ = ["fill_records", "score_atoms_of_poses", "score_rigid_poses"]

LANES = 8
# Rows of the state, LANES values each.
_ROTATION, _ORIGIN, _ENERGY, _FORCE, _TORQUE, _ATOM = 0, 9, 12, 13, 16, 19
_ROWS = 23

_FUSED = ("contract",)
_I32, _F32 = ir.IntType(32), ir.FloatType()
_FLOATS, _WORDS = ir.VectorType(_F32, LANES), ir.VectorType(_I32, LANES)
_RECORD = ir.VectorType(_I32, 4)


class _Lanes:
    """Vector arithmetic on eight lanes, written in LLVM's terms."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def splat(self, value: Any, kind: Any = _FLOATS) -> Any:
        empty = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(empty, value, ir.Constant(_I32, 0))
        return self.builder.shuffle_vector(one, empty, ir.Constant(_WORDS, [0] * LANES))

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FUSED)

    def subtract(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=_FUSED)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FUSED)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        return self.add(self.multiply(a, b), c)

    def between(self, a: Any, b: Any, share: Any) -> tuple[Any, Any]:
        """Return a + share (b - a), and b - a."""
        rise = self.subtract(b, a)
        return self.multiply_add(share, rise, a), rise

    def lower(self, a: Any, b: Any) -> Any:
        """Return the lower of two; the second where the first is not a number."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def higher(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def absolute(self, a: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS])
        return self.builder.call(self.builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), kind), [a])

    def shuffle(self, a: Any, b: Any, order: tuple[int, ...]) -> Any:
        mask = ir.Constant(ir.VectorType(_I32, len(order)), list(order))
        return self.builder.shuffle_vector(a, b, mask)

    def corners(self, records: list[Any]) -> list[tuple[Any, Any]]:
        """Turn the records of eight lanes into four pairs of corners along z, eight lanes each."""
        both = [self.shuffle(records[n], records[n + 4], tuple(range(8))) for n in range(4)]
        low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
        pairs = [self.shuffle(both[n], both[n + 1], order) for n in (0, 2) for order in (low, high)]
        low, high = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
        words = [self.shuffle(pairs[n], pairs[n + 2], order) for n in (0, 1) for order in (low, high)]
        half = self.splat(ir.Constant(_I32, 16), _WORDS)
        shift = self.builder.ashr
        return [
            (
                self.builder.sitofp(shift(self.builder.shl(word, half), half), _FLOATS),
                self.builder.sitofp(shift(word, half), _FLOATS),
            )
            for word in words
        ]


def _atom_intrinsic(keeps_atoms: bool) -> Any:
    """Make the function that scores one atom in eight poses and adds it to their sums."""

    @intrinsic  # type: ignore[untyped-decorator]
    def add_atom(
        _typing: Any,
        state: Any,
        layers: Any,
        records: Any,
        ax: Any,
        ay: Any,
        az: Any,
        base: Any,
        scale: Any,
        offset: Any,
        nx: Any,
        ny: Any,
        nz: Any,
        slope: Any,
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            lanes = _Lanes(builder)
            data = [
                context.make_array(kind)(context, builder, argument).data
                for kind, argument in zip(signature.args[:3], arguments[:3], strict=True)
            ]
            place = [lanes.splat(value) for value in arguments[3:6]]
            first, scale_, offset_ = arguments[6], lanes.splat(arguments[7]), lanes.splat(arguments[8])
            nodes = [builder.trunc(value, _I32) for value in arguments[9:12]]
            slope_ = lanes.splat(arguments[12])

            def row(number: int) -> Any:
                pointer = builder.gep(data[0], [ir.Constant(_I32, number * LANES)])
                return builder.bitcast(pointer, _FLOATS.as_pointer())

            def load(number: int) -> Any:
                return builder.load(row(number), align=4)

            def add_to(number: int, value: Any) -> None:
                builder.store(lanes.add(load(number), value), row(number), align=4)

            zero = ir.Constant(_FLOATS, [0.0] * LANES)
            arms, cells, shares, missed = [], [], [], []
            for axis in range(3):
                arm = lanes.multiply(load(_ROTATION + 3 * axis), place[0])
                arm = lanes.multiply_add(load(_ROTATION + 3 * axis + 1), place[1], arm)
                arm = lanes.multiply_add(load(_ROTATION + 3 * axis + 2), place[2], arm)
                at = lanes.add(arm, load(_ORIGIN + axis))
                last = builder.sub(nodes[axis], ir.Constant(_I32, 1))
                inside = lanes.lower(lanes.higher(at, zero), lanes.splat(builder.sitofp(last, _F32)))
                cell = builder.fptosi(inside, _WORDS)
                last_cell = lanes.splat(builder.sub(last, ir.Constant(_I32, 1)), _WORDS)
                cell = builder.select(builder.icmp_signed("<", cell, last_cell), cell, last_cell)
                arms.append(arm)
                cells.append(cell)
                shares.append(lanes.subtract(inside, builder.sitofp(cell, _FLOATS)))
                missed.append(lanes.subtract(at, inside))
            index = builder.add(builder.mul(cells[0], lanes.splat(nodes[1], _WORDS)), cells[1])
            index = builder.add(builder.mul(index, lanes.splat(nodes[2], _WORDS)), cells[2])
            found = []
            for lane in range(LANES):
                one = builder.sext(builder.extract_element(index, ir.Constant(_I32, lane)), ir.IntType(64))
                layer = builder.load(builder.gep(data[1], [ir.Constant(_I32, lane)]))
                number = builder.add(builder.add(one, layer), first)
                pointer = builder.bitcast(data[2], _RECORD.as_pointer())
                found.append(builder.load(builder.gep(pointer, [number]), align=4))
            x, y, z = shares
            along_z = [lanes.between(near, far, z) for near, far in lanes.corners(found)]
            along_y = [lanes.between(along_z[n][0], along_z[n + 1][0], y) for n in (0, 2)]
            value, rise_x = lanes.between(along_y[0][0], along_y[1][0], x)
            rise_y, _ = lanes.between(along_y[0][1], along_y[1][1], x)
            rise_z, _ = lanes.between(
                lanes.between(along_z[0][1], along_z[1][1], y)[0], lanes.between(along_z[2][1], along_z[3][1], y)[0], x
            )
            away = lanes.add(lanes.add(lanes.absolute(missed[0]), lanes.absolute(missed[1])), lanes.absolute(missed[2]))
            energy = lanes.multiply_add(slope_, away, lanes.multiply_add(scale_, value, offset_))
            falling = lanes.subtract(zero, slope_)
            force = []
            for rise, miss in zip((rise_x, rise_y, rise_z), missed, strict=True):
                outside = builder.select(builder.fcmp_ordered(">", miss, zero), falling, slope_)
                within = lanes.multiply(lanes.subtract(zero, scale_), rise)
                force.append(builder.select(builder.fcmp_ordered("==", miss, zero), within, outside))
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

        f32, i64 = types.float32, types.int64
        signature = types.void(state, layers, records, f32, f32, f32, i64, f32, f32, i64, i64, i64, f32)
        return signature, codegen

    return add_atom


_add_atom = _atom_intrinsic(keeps_atoms=False)
_add_and_keep_atom = _atom_intrinsic(keeps_atoms=True)


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
