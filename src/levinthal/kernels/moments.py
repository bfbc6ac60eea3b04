"""Energy and forces of the network `moments`, and dynamics on it, as compiled loops.

What is computed is written down in `workloads/potential/students/built_in/moments.py`, in torch. Importing this module
imports numba, which is slow.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir

from levinthal.kernels.compiled import compiled
from levinthal.kernels.moments_shape import FIRST_PLACE, LAST_PLACE, N_CHANNELS, N_SPLINES, WIDTH
from levinthal.kernels.vectors import Emitter, Place, emitted

Doubles = npt.NDArray[np.float64]
_ROOT_2 = math.sqrt(2.0)


class Network(NamedTuple):
    """The weights, all of one kind of float, and whole numbers; an entry a pair, where not said otherwise.

    Attributes
    ----------
    first, second : ndarray of int32
        The atoms.
    low, per_spacing : ndarray
        Where the first spline of the pair is centred, and 1 over the distance between two. Splines hold from
        `FIRST_PLACE` to `LAST_PLACE` spacings from there and are constant beyond.
    outward, inward : ndarray of int32
        Row of `table` for the first atom, which sees the second, and for the second.
    table : ndarray, shape (n_rows, n_splines, n_channels)
        Coefficients of the radial functions.
    alike : ndarray of int32
        Row of `pair`.
    pair : ndarray, shape (n_classes, n_splines)
        Coefficients of the pair potential.
    rest, stiffness : ndarray
        Of the spring that holds the pair.
    one_sided : ndarray of bool
        Whether the spring pushes only.
    kind : ndarray of int32, shape (n_atoms,)
        Class of each atom.
    mix_vector, mix_tensor : ndarray, shape (n_channels, n_channels)
    weights_1, bias_1, weights_2, bias_2, out : ndarray
        Shapes (4 n_channels, width), (n_kinds, width), (width, width), (width,), (n_kinds, width).
    """

    first: Any
    second: Any
    low: Any
    per_spacing: Any
    outward: Any
    inward: Any
    table: Any
    alike: Any
    pair: Any
    rest: Any
    stiffness: Any
    one_sided: Any
    kind: Any
    mix_vector: Any
    mix_tensor: Any
    weights_1: Any
    bias_1: Any
    weights_2: Any
    bias_2: Any
    out: Any


def _add_scaled(code: Emitter, target: Place, at: Any, value: Any, source: Place, begin: Any) -> None:
    """Add a value times as many elements of `source` as there are channels to those of `target`, both flat."""
    vector = ir.VectorType(target.scalar, N_CHANNELS)
    place, taken = code.at(target, at), code.load(code.at(source, begin), vector)
    code.store(code.multiply_add(code.splat(value, N_CHANNELS), taken, code.load(place, vector)), place)


# LLVM makes no vector code of such a loop, since it cannot know that target and source are apart.
add_scaled = emitted(_add_scaled)


@compiled("contract", "reassoc")
def _gather(
    network: Network,
    x: Any,
    distance: Any,
    tension: Any,
    direction: Any,
    radial: Any,
    slope: Any,
    scalar: Any,
    vector: Any,
    tensor: Any,
) -> float:
    """Fill distances, directions, radial functions and their slopes, and sum the moments of every atom.

    Returns the pair potential; its slopes are left in `tension`.
    """
    dtype = distance.dtype
    weight, change = np.empty(4, dtype), np.empty(4, dtype)
    y = np.empty(6, dtype)
    zero, one, root = dtype.type(0.0), dtype.type(1.0), dtype.type(_ROOT_2)
    scalar[:], vector[:], tensor[:], radial[:], slope[:] = 0, 0, 0, 0, 0
    energy = 0.0
    for p in range(len(network.first)):
        i, j = network.first[p], network.second[p]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        r = math.sqrt(dx * dx + dy * dy + dz * dz)
        distance[p] = r
        ux, uy, uz = dtype.type(dx / r), dtype.type(dy / r), dtype.type(dz / r)
        direction[p, 0], direction[p, 1], direction[p, 2] = ux, uy, uz
        z = (r - network.low[p]) * network.per_spacing[p]
        per = network.per_spacing[p]
        if z < FIRST_PLACE or z > LAST_PLACE:  # beyond what was seen splines stay as they are at its end
            z, per = min(max(z, FIRST_PLACE), LAST_PLACE), zero
        begin = math.floor(z)
        f = dtype.type(z - begin)
        g = one - f
        weight[0], weight[3] = g * g * g / 6, f * f * f / 6
        weight[1], weight[2] = (3 * f * f * f - 6 * f * f + 4) / 6, (3 * g * g * g - 6 * g * g + 4) / 6
        change[0], change[3] = -g * g / 2 * per, f * f / 2 * per
        change[1], change[2] = (3 * f * f - 4 * f) / 2 * per, -(3 * g * g - 4 * g) / 2 * per
        y[0], y[1], y[2] = ux * ux, uy * uy, uz * uz
        y[3], y[4], y[5] = root * ux * uy, root * ux * uz, root * uy * uz
        tension[p] = 0
        for q in range(4):
            k = int(begin) - 1 + q
            if 0 <= k < N_SPLINES:
                energy += weight[q] * network.pair[network.alike[p], k]
                tension[p] += change[q] * network.pair[network.alike[p], k]
        for side in range(2):
            row, atom, sign = (network.outward[p], i, one) if side == 0 else (network.inward[p], j, -one)
            own = (2 * p + side) * N_CHANNELS
            for q in range(4):
                k = int(begin) - 1 + q
                if 0 <= k < N_SPLINES:
                    taken = (row * N_SPLINES + k) * N_CHANNELS
                    add_scaled(radial, own, weight[q], network.table, taken)
                    add_scaled(slope, own, change[q], network.table, taken)
            add_scaled(scalar, atom * N_CHANNELS, one, radial, own)
            add_scaled(vector, 3 * atom * N_CHANNELS, sign * ux, radial, own)
            add_scaled(vector, (3 * atom + 1) * N_CHANNELS, sign * uy, radial, own)
            add_scaled(vector, (3 * atom + 2) * N_CHANNELS, sign * uz, radial, own)
            for m in range(6):
                add_scaled(tensor, (6 * atom + m) * N_CHANNELS, y[m], radial, own)
    return energy


@compiled("contract", "reassoc")
def _mixed(left: Any, mix: Any, found: Any) -> None:
    found[:] = 0
    for m in range(left.shape[0]):
        for a in range(N_CHANNELS):
            add_scaled(found, m * N_CHANNELS, left[m, a], mix, a * N_CHANNELS)


@compiled("contract", "reassoc")
def _unmixed(gradient: Any, mix: Any, found: Any) -> None:
    """Add the gradient of what was mixed to that of what it was mixed from."""
    for m in range(gradient.shape[0]):
        for a in range(N_CHANNELS):
            total = gradient[m, 0] * mix[a, 0]
            for c in range(1, N_CHANNELS):
                total += gradient[m, c] * mix[a, c]
            found[m, a] += total


@compiled("contract", "reassoc")
def _describe(s: Any, v: Any, t: Any, v_mixed: Any, t_mixed: Any, features: Any) -> None:
    """Fill the invariant features (4, n_channels) of an atom."""
    root = s.dtype.type(_ROOT_2)
    for c in range(N_CHANNELS):
        features[0, c] = s[c]
        features[1, c] = v[0, c] * v_mixed[0, c] + v[1, c] * v_mixed[1, c] + v[2, c] * v_mixed[2, c]
        features[2, c] = (
            t[0, c] * t_mixed[0, c] + t[1, c] * t_mixed[1, c] + t[2, c] * t_mixed[2, c]
            + t[3, c] * t_mixed[3, c] + t[4, c] * t_mixed[4, c] + t[5, c] * t_mixed[5, c]
        )  # fmt: skip
        xy, xz, yz = t[3, c] / root, t[4, c] / root, t[5, c] / root
        features[3, c] = (
            v[0, c] * (t[0, c] * v_mixed[0, c] + xy * v_mixed[1, c] + xz * v_mixed[2, c])
            + v[1, c] * (xy * v_mixed[0, c] + t[1, c] * v_mixed[1, c] + yz * v_mixed[2, c])
            + v[2, c] * (xz * v_mixed[0, c] + yz * v_mixed[1, c] + t[2, c] * v_mixed[2, c])
        )


@compiled("contract", "reassoc")
def _judge(network: Network, kind: int, features: Any, wanted: Any, hidden: Any, slope: Any) -> Any:
    """Return the energy of an atom and fill its gradient (4, n_channels); `hidden` and `slope` are (3, width)."""
    dtype = features.dtype
    half, four, one = dtype.type(0.5), dtype.type(4.0), dtype.type(1.0)
    first, second, back = hidden[0], hidden[1], hidden[2]
    for h in range(WIDTH):
        first[h], second[h] = network.bias_1[kind, h], network.bias_2[h]
    for f in range(4 * N_CHANNELS):
        for h in range(0, WIDTH, N_CHANNELS):
            add_scaled(first, h, features[f // N_CHANNELS, f % N_CHANNELS], network.weights_1, f * WIDTH + h)
    for h in range(WIDTH):
        root = math.sqrt(first[h] * first[h] + four)
        slope[0, h] = half * (one + first[h] / root)
        first[h] = half * (first[h] + root)
    for k in range(WIDTH):
        for h in range(0, WIDTH, N_CHANNELS):
            add_scaled(second, h, first[k], network.weights_2, k * WIDTH + h)
    energy = dtype.type(0.0)
    for h in range(WIDTH):
        root = math.sqrt(second[h] * second[h] + four)
        slope[1, h] = half * (one + second[h] / root) * network.out[kind, h]
        energy += half * (second[h] + root) * network.out[kind, h]
    for k in range(WIDTH):
        total = slope[1, 0] * network.weights_2[k, 0]
        for h in range(1, WIDTH):
            total += slope[1, h] * network.weights_2[k, h]
        back[k] = total * slope[0, k]
    for f in range(4 * N_CHANNELS):
        total = back[0] * network.weights_1[f, 0]
        for h in range(1, WIDTH):
            total += back[h] * network.weights_1[f, h]
        wanted[f // N_CHANNELS, f % N_CHANNELS] = total
    return energy


@compiled("contract", "reassoc")
def _trace_back(
    v: Any, t: Any, v_mixed: Any, t_mixed: Any, wanted: Any, gv: Any, gt: Any, gv_mixed: Any, gt_mixed: Any
) -> None:
    """Fill the gradients of an atom's moments, and of what they were mixed to, from those of its features."""
    root = wanted.dtype.type(_ROOT_2)
    for c in range(N_CHANNELS):
        g1, g3 = wanted[1, c], wanted[3, c]
        xy, xz, yz = t[3, c] / root, t[4, c] / root, t[5, c] / root
        a, b, d = v_mixed[0, c], v_mixed[1, c], v_mixed[2, c]
        x, y, z = v[0, c], v[1, c], v[2, c]
        gv[0, c] = g1 * a + g3 * (t[0, c] * a + xy * b + xz * d)
        gv[1, c] = g1 * b + g3 * (xy * a + t[1, c] * b + yz * d)
        gv[2, c] = g1 * d + g3 * (xz * a + yz * b + t[2, c] * d)
        gv_mixed[0, c] = g1 * x + g3 * (t[0, c] * x + xy * y + xz * z)
        gv_mixed[1, c] = g1 * y + g3 * (xy * x + t[1, c] * y + yz * z)
        gv_mixed[2, c] = g1 * z + g3 * (xz * x + yz * y + t[2, c] * z)
        gt[0, c], gt[1, c], gt[2, c] = g3 * x * a, g3 * y * b, g3 * z * d
        gt[3, c] = g3 * (x * b + y * a) / root
        gt[4, c] = g3 * (x * d + z * a) / root
        gt[5, c] = g3 * (y * d + z * b) / root
    for m in range(6):
        for c in range(N_CHANNELS):
            gt[m, c] += wanted[2, c] * t_mixed[m, c]
            gt_mixed[m, c] = wanted[2, c] * t[m, c]


@compiled("contract", "reassoc")
def _atoms(network: Network, scalar: Any, vector: Any, tensor: Any) -> float:
    """Return the sum of the atoms' energies; the moments are overwritten by its gradient."""
    dtype = scalar.dtype
    v_mixed, t_mixed = np.empty((3, N_CHANNELS), dtype), np.empty((6, N_CHANNELS), dtype)
    gv_mixed, gt_mixed = np.empty((3, N_CHANNELS), dtype), np.empty((6, N_CHANNELS), dtype)
    gv, gt = np.empty((3, N_CHANNELS), dtype), np.empty((6, N_CHANNELS), dtype)
    features, wanted = np.empty((4, N_CHANNELS), dtype), np.empty((4, N_CHANNELS), dtype)
    hidden, slope = np.empty((3, WIDTH), dtype), np.empty((2, WIDTH), dtype)
    energy = 0.0
    for atom in range(scalar.shape[0]):
        s, v, t = scalar[atom], vector[atom], tensor[atom]
        _mixed(v, network.mix_vector, v_mixed)
        _mixed(t, network.mix_tensor, t_mixed)
        _describe(s, v, t, v_mixed, t_mixed, features)
        energy += _judge(network, network.kind[atom], features, wanted, hidden, slope)
        _trace_back(v, t, v_mixed, t_mixed, wanted, gv, gt, gv_mixed, gt_mixed)
        _unmixed(gv_mixed, network.mix_vector, gv)
        _unmixed(gt_mixed, network.mix_tensor, gt)
        s[:], v[:], t[:] = wanted[0], gv, gt
    return energy


@compiled("contract", "reassoc")
def _scatter(
    network: Network,
    distance: Any,
    tension: Any,
    direction: Any,
    radial: Any,
    slope: Any,
    scalar: Any,
    vector: Any,
    tensor: Any,
    forces: Any,
) -> float:
    """Fill the forces from the gradients of the moments, springs included; return the springs' energy."""
    dtype = distance.dtype
    root, zero, one = dtype.type(_ROOT_2), dtype.type(0.0), dtype.type(1.0)
    energy = 0.0
    forces[:] = 0.0
    for p in range(len(network.first)):
        i, j = network.first[p], network.second[p]
        r = distance[p]
        stretch = r - network.rest[p]
        if network.one_sided[p] and stretch > 0:
            stretch = zero
        energy += 0.5 * network.stiffness[p] * stretch * stretch
        pull_x, pull_y, pull_z = zero, zero, zero
        along = network.stiffness[p] * stretch + tension[p]
        for side in range(2):
            atom, sign = (i, one) if side == 0 else (j, -one)
            x, y, z = sign * direction[p, 0], sign * direction[p, 1], sign * direction[p, 2]
            xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, root * x * y, root * x * z, root * y * z
            two_x, two_y, two_z, root_x, root_y, root_z = x + x, y + y, z + z, root * x, root * y, root * z
            gs, gv, gt, own, own_slope = scalar[atom], vector[atom], tensor[atom], radial[p, side], slope[p, side]
            change, hx, hy, hz = zero, zero, zero, zero
            for c in range(N_CHANNELS):
                change += own_slope[c] * (
                    gs[c] + gv[0, c] * x + gv[1, c] * y + gv[2, c] * z + gt[0, c] * xx + gt[1, c] * yy + gt[2, c] * zz
                    + gt[3, c] * xy + gt[4, c] * xz + gt[5, c] * yz
                )  # fmt: skip
                hx += own[c] * (gv[0, c] + two_x * gt[0, c] + root_y * gt[3, c] + root_z * gt[4, c])
                hy += own[c] * (gv[1, c] + two_y * gt[1, c] + root_x * gt[3, c] + root_z * gt[5, c])
                hz += own[c] * (gv[2, c] + two_z * gt[2, c] + root_x * gt[4, c] + root_y * gt[5, c])
            dot = hx * x + hy * y + hz * z
            along += change
            pull_x += sign * (hx - dot * x) / r
            pull_y += sign * (hy - dot * y) / r
            pull_z += sign * (hz - dot * z) / r
        pull_x += along * direction[p, 0]
        pull_y += along * direction[p, 1]
        pull_z += along * direction[p, 2]
        forces[i, 0] += pull_x
        forces[i, 1] += pull_y
        forces[i, 2] += pull_z
        forces[j, 0] -= pull_x
        forces[j, 1] -= pull_y
        forces[j, 2] -= pull_z
    return energy


@compiled("contract", "reassoc")
def energy_and_forces(network: Network, positions: Any, forces: Any) -> Any:
    """Return the energy of positions (n_atoms, 3), float64; fill the forces, float64.

    Units are those of the weights. Differences of positions are taken before they become the network's kind of float.
    """
    n_atoms, n_pairs = positions.shape[0], len(network.first)
    dtype = network.table.dtype
    distance, tension, direction = np.empty(n_pairs, dtype), np.empty(n_pairs, dtype), np.empty((n_pairs, 3), dtype)
    radial, slope = np.empty((n_pairs, 2, N_CHANNELS), dtype), np.empty((n_pairs, 2, N_CHANNELS), dtype)
    scalar, vector = np.empty((n_atoms, N_CHANNELS), dtype), np.empty((n_atoms, 3, N_CHANNELS), dtype)
    tensor = np.empty((n_atoms, 6, N_CHANNELS), dtype)
    energy = _gather(network, positions, distance, tension, direction, radial, slope, scalar, vector, tensor)
    energy += _atoms(network, scalar, vector, tensor)
    return energy + _scatter(network, distance, tension, direction, radial, slope, scalar, vector, tensor, forces)


@compiled("contract", "reassoc")
def langevin(
    network: Network,
    state: Doubles,
    per_mass: Doubles,
    noise: Doubles,
    time_step: float,
    kept_velocity: float,
    thermal_velocity: Doubles,
    interval: int,
    bonds: Any,
    shortest: Doubles,
    longest: Doubles,
    frames: Doubles,
    energies: Doubles,
) -> int:
    """Make a BAOAB step for each row of the noise; with kept_velocity 1 and no thermal velocity that is Verlet's.

    Positions and velocities, `state` of shape (2, n_atoms, 3), are float64 whatever the network computes in, and are
    moved on. Every `interval` steps they are kept in `frames` (n_frames, 2, n_atoms, 3), and potential and kinetic
    energy in `energies` (n_frames, 2). Returns how many steps were made before a bond was outside its limits, all if
    none was.
    """
    x, v = state[0], state[1]
    n_atoms = x.shape[0]
    forces = np.empty((n_atoms, 3))
    energy = energy_and_forces(network, x, forces)
    for step in range(len(noise)):
        for a in range(n_atoms):
            for m in range(3):
                v[a, m] += 0.5 * time_step * per_mass[a] * forces[a, m]
                x[a, m] += 0.5 * time_step * v[a, m]
                v[a, m] = kept_velocity * v[a, m] + thermal_velocity[a] * noise[step, a, m]
                x[a, m] += 0.5 * time_step * v[a, m]
        for b in range(len(bonds)):
            i, j = bonds[b, 0], bonds[b, 1]
            dx, dy, dz = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            if not (shortest[b] < length < longest[b]):  # also where it is not a number
                return step
        energy = energy_and_forces(network, x, forces)
        kinetic = 0.0
        for a in range(n_atoms):
            for m in range(3):
                v[a, m] += 0.5 * time_step * per_mass[a] * forces[a, m]
                kinetic += 0.5 * v[a, m] * v[a, m] / per_mass[a]
        if (step + 1) % interval == 0:
            k = (step + 1) // interval - 1
            frames[k, 0], frames[k, 1] = x, v
            energies[k, 0], energies[k, 1] = energy, kinetic
    return len(noise)
