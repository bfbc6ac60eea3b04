"""Every compiled kernel beside its plain numpy or torch equal, to be run in any process, for any processor.

``python kernel_cases.py GROUP`` runs the cases of a group and prints what numba compiled for.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Found = Iterator[tuple[Any, Any, float]]
"""What a kernel gave, what is right, and by how much they may differ relative to the largest."""

RNG = np.random.default_rng


def products() -> Found:
    from levinthal.kernels.products import PANEL, multiply, multiply_integers, multiply_panels, quantise_row
    from levinthal.workloads.rgn.model.pack import float_panels, integer_panels

    for dtype, (m, n, k) in itertools.product((np.float32, np.float64), ((1, 16, 1), (6, 32, 5), (29, 48, 7))):
        rng = RNG(m)
        a, b, c = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
        exact = a.astype(np.float64) @ b
        out = c.copy()
        multiply(m, n, k, a.ravel(), 0, k, 1, b.ravel(), 0, n, 16, out.ravel(), 0, n, 16, True)
        yield out, c + exact, 1e-5
        panels = np.ascontiguousarray(b.reshape(k, n // 16, 16).transpose(1, 0, 2)).ravel()
        multiply(m, n, k, a.T.ravel(), 0, 1, m, panels, 0, 16, 16 * k, out.ravel(), 0, n, 16, False)
        yield out, exact, 1e-5
    for m in (1, 2, 3, 5, 13):
        rng = RNG(m)
        a, b = rng.standard_normal((m, 72)).astype(np.float32), rng.standard_normal((72, 90)).astype(np.float32)
        c = np.full((m, 96), np.nan, np.float32)
        multiply_panels(m, 0, 6, 72, a.ravel(), 72, float_panels(torch.from_numpy(b)), c.ravel(), 96)
        yield c[:, :90], a.astype(np.float64) @ b, 1e-5
        matrix = integer_panels(torch.from_numpy(b))
        rounded = np.zeros((m, matrix.k), np.int16)
        units = np.array([quantise_row(row, target) for row, target in zip(a, rounded, strict=True)], np.float32)
        yield rounded[:, :72] * units[:, None], a, 1e-4
        multiply_integers(
            m, 0, 6, matrix.k, rounded.ravel(), matrix.k, units, matrix.values, matrix.scales, c.ravel(), 96
        )
        whole = matrix.values.reshape(-1, matrix.k // 2, PANEL, 2).transpose(1, 3, 0, 2).reshape(matrix.k, -1)
        yield c, (rounded.astype(np.float64) @ whole) * units[:, None] * matrix.scales, 1e-5


def transforms() -> Found:
    from levinthal.kernels.convolution import transform
    from levinthal.kernels.convolution.toom import TILES, down, same, up

    for (kind, scheme), tile in itertools.product(enumerate((same, down, up)), TILES):
        for kernel, matrix in (
            (transform.inward, scheme(tile).inward),
            (transform.outward, scheme(tile).outward),
            (transform.outward_transposed, scheme(tile).outward.T),
        ):
            if kernel is transform.outward_transposed and kind == 2:
                continue
            rows, columns = matrix.shape
            source = RNG(tile).standard_normal((2, columns, 16)).astype(np.float32)
            target = np.zeros((2, rows, 16), np.float32)
            kernel(kind, tile, source.ravel(), 0, 16, target.ravel(), 0, 16, 16, 2, 16 * columns, 16 * rows)
            yield target, matrix @ source, 1e-5


def convolution() -> Found:
    from levinthal.workloads.cvae.model.convolution import Layer, convolution_stack
    from levinthal.workloads.cvae.model.dense import dense

    def by_torch(x: torch.Tensor, layer: Layer, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        y = x.permute(0, 3, 1, 2)
        left_over = layer.size_big - ((layer.size_small - 1) * layer.stride + 1)
        y = (
            functional.conv_transpose2d(y, weight, bias, layer.stride, 1, left_over)
            if layer.transposed
            else functional.conv2d(y, weight, bias, layer.stride, 1)
        )
        return (functional.relu(y) if layer.relu else y).permute(0, 2, 3, 1)

    for transposed, stride, size, big in itertools.product((False, True), (1, 2), (7, 11), (1, 16)):
        if big == 1 and stride == 2:
            continue
        layer = Layer(transposed, size, -(-size // stride), big, 16, stride, relu=big > 1 or not transposed)
        generator = torch.Generator().manual_seed(size)
        weight = torch.randn(16, big, 3, 3, generator=generator) / 12
        bias = torch.randn(layer.shape_out[1], generator=generator)
        side, channels = layer.shape_in
        x = torch.randn(3, side, side, channels, generator=generator)
        yield from _with_gradients(
            lambda x, *p, layer=layer: convolution_stack(x, [layer], p),
            lambda x, *p, layer=layer: by_torch(x, layer, *p),
            (x, weight, bias),
            1e-4,
        )
    tensors = tuple(torch.randn(*shape) for shape in ((70, 5), (33, 5), (33,)))
    yield from _with_gradients(dense, lambda x, w, b: functional.relu(functional.linear(x, w, b)), tensors, 1e-5)


def _with_gradients(
    ours: Callable[..., Any], theirs: Callable[..., Any], arguments: tuple[Any, ...], tolerance: float
) -> Found:
    results = []
    for function in (ours, theirs):
        leaves = [t.clone().requires_grad_() for t in arguments]
        y = function(*leaves)
        y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1)))
        results.append([y.detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*results, strict=True):
        yield one, other, tolerance


def optimiser() -> Found:
    from levinthal.kernels.convolution.optimise import rmsprop_range, squared_norm_range

    start, gradient = RNG(0).standard_normal((2, 1001)).astype(np.float32)
    parameter = torch.from_numpy(start.copy()).requires_grad_()
    plain = torch.optim.RMSprop([parameter], 1e-2, 0.9, 1e-8)
    ours, square = start.copy(), np.zeros_like(start)
    for _ in range(3):
        parameter.grad = torch.from_numpy(gradient.copy())
        plain.step()
        rmsprop_range(ours, gradient, square, 1e-2, 0.9, 1e-8, 1.0, 0, len(ours))
    yield ours, parameter.detach(), 1e-5
    yield squared_norm_range(gradient, 3, 900), np.square(gradient[3:900], dtype=np.float64).sum(), 1e-5


def recurrence() -> Found:
    from levinthal.kernels.recurrence.gates import sigmoid, tanh
    from levinthal.workloads.rgn.model.lstm import BidirectionalLSTM

    x = np.linspace(-20, 20, 1001, dtype=np.float32)
    for kernel, right in ((tanh, np.tanh(x)), (sigmoid, 1 / (1 + np.exp(-x)))):
        found = x.copy()
        kernel(found)
        yield found, right, 1e-6
    torch.manual_seed(0)
    layer = BidirectionalLSTM(130, 9)
    features, lengths = torch.randn(7, 20, 130), torch.tensor([20, 3, 11, 7, 1, 20, 5])

    def theirs(features: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(layer.recurrence(packed)[0], batch_first=True)[0]

    yield from _with_gradients(lambda x: layer(x, lengths), theirs, (features,), 1e-5)
    with torch.no_grad():
        right = theirs(features)
        yield layer(features, lengths), right, 1e-5
        layer.inference_precision = "int16"
        yield layer(features, lengths), right, 1e-3
        yield layer(features[:1], lengths[:1]), right[:1], 1e-3


def proteins() -> Found:
    from levinthal.kernels import backbone, contact_maps, distances, numbers
    from levinthal.proteins.geometry import backbone_scan

    rng = RNG(0)
    dihedrals = rng.uniform(-3, 3, (3, 21))
    bends = np.array([[0.4, 0.5, 0.55]])
    lengths, cosines, sines = np.array([[1.46, 1.52, 1.33]]), bends, np.sqrt(1 - bends**2)
    atoms, directions = np.empty((3, 21, 3)), np.empty((3, 21, 3))
    backbone.place_chains(dihedrals, lengths, cosines, sines, 0, 3, True, atoms, directions)
    terms = [torch.from_numpy(t).view(1, 1, 3) for t in (lengths, cosines, sines)]
    right = backbone_scan.place_chains(torch.from_numpy(dihedrals).view(3, 7, 3), *terms)
    yield atoms, right[0], 1e-10
    yield directions, right[1], 1e-10
    pull, found = rng.standard_normal((3, 21, 3)), np.empty((3, 21))
    backbone.differentiate_chains(pull, directions, lengths, sines, 0, 3, False, found, found, found)
    expected = backbone_scan.differentiate_chains(torch.from_numpy(pull), right[1], terms[0], terms[2], False)[0]
    yield found, expected.reshape(3, 21), 1e-10

    points = torch.from_numpy(rng.standard_normal((2, 2, 40, 3))).requires_grad_()
    mask = rng.random((2, 40)) < 0.8
    rmsd, gradient = np.empty(2), np.empty((2, 40, 3))
    distances.compare_distances(
        points.detach().numpy()[0], points.detach().numpy()[1], mask, 0, 2, True, rmsd, gradient
    )
    for number in range(2):
        chosen = [points[side, number][torch.from_numpy(mask[number])] for side in range(2)]
        difference = torch.pdist(chosen[0]) - torch.pdist(chosen[1])
        plain = difference.square().mean().sqrt()
        yield rmsd[number], plain.detach(), 1e-10
        yield gradient[number], torch.autograd.grad(plain, points)[0][0, number], 1e-10

    n = 75
    xyz = rng.standard_normal((4, n, 3)).astype(np.float32)
    packed = np.zeros((4, -(-n * (n - 1) // 2 // 8)), np.uint8)
    yield contact_maps.pack_frames(xyz, 0, 4, np.float32(0.6399), np.float32(0.6401), 0.8, packed), -1, 0.0
    apart = np.linalg.norm(xyz[:, :, None].astype(np.float64) - xyz[:, None], axis=-1)
    dense, upper = apart < 0.8, np.triu_indices(n, 1)
    yield packed, np.packbits(dense[:, *upper], axis=1, bitorder="little"), 0.0
    maps = np.full((4, n + 1, n + 1), np.nan, np.float32)
    contact_maps.expand_frames(packed, 0, 4, n, maps)
    yield maps, np.pad(dense, ((0, 0), (0, 1), (0, 1))), 0.0

    values, out = rng.standard_normal(50), np.empty(50)
    yield numbers.parse_row("\t".join(map(repr, values.tolist())).encode(), out), True, 0.0
    yield out, values, 0.0


def chains() -> Found:
    from levinthal.kernels.markov_chain import alias_tables, walk
    from levinthal.kernels.potential import langevin

    rng = RNG(0)
    row_start, column = np.arange(0, 61, 6), rng.integers(0, 10, 60)
    probability = rng.random(60) + 0.01
    keep, target, other = np.empty(60), np.empty(60, np.int64), np.empty(60, np.int64)
    alias_tables(row_start, column, probability, keep, target, other)
    found, right = np.zeros((10, 10)), np.zeros((10, 10))
    for k in range(60):
        found[k // 6, target[k]] += keep[k] / 6
        found[k // 6, other[k]] += (1 - keep[k]) / 6
        right[k // 6, column[k]] += probability[k] / probability[k // 6 * 6 : k // 6 * 6 + 6].sum()
    yield found, right, 1e-12
    uniform, visited, state, path = rng.random(500), np.zeros(100, np.int32), 3, []
    last = walk(row_start, keep, target, other, uniform, 3, 5, 5, visited)
    for u in uniform:
        slot = min(int(u * 6), 5)
        k = row_start[state] + slot
        state = target[k] if u * 6 - slot < keep[k] else other[k]
        path.append(state)
    yield visited, path[4::5], 0.0
    yield last, state, 0.0

    terms = np.array([[-20.0, -1, 0, -10, 1, 0], [-17, -6.5, 11, -6.5, -0.5, 1.5]])
    noise, frames = rng.standard_normal((200, 2)), np.empty((40, 2))
    end = langevin(terms, noise, np.array([-0.5, 1.5, 0, 0]), 1e-3, 2.0, 0.99, 0.3, 5, 5, frames)

    def force(at: Any) -> Any:
        dx, dy = (at[0] - terms[:, 4], at[1] - terms[:, 5])
        height = terms[:, 0] * np.exp(terms[:, 1] * dx**2 + terms[:, 2] * dx * dy + terms[:, 3] * dy**2)
        along = (2 * terms[:, 1] * dx + terms[:, 2] * dy, terms[:, 2] * dx + 2 * terms[:, 3] * dy)
        return -np.array([(height * slope).sum() for slope in along])

    at, velocity, places = np.array([-0.5, 1.5]), np.zeros(2), []
    for row in noise:
        velocity = velocity + 0.5e-3 / 2 * force(at)
        at = at + 0.5e-3 * velocity
        velocity = 0.99 * velocity + 0.3 * row
        at = at + 0.5e-3 * velocity
        velocity = velocity + 0.5e-3 / 2 * force(at)
        places.append(at)
    yield frames, places[4::5], 1e-10
    yield end, [*at, *velocity], 1e-10


def docking() -> Found:
    from docking_examples import made_problem, made_receptor
    from levinthal.kernels.docking.exact import score_exactly
    from levinthal.workloads.docking.molecules.pose import Poses
    from levinthal.workloads.docking.scoring.grid_score import score_and_gradient, score_atoms
    from levinthal.workloads.docking.scoring.grids import _maps_by_planes, _maps_compiled, _Nodes

    problem = made_problem(n_conformations=2)
    grids, ligand, receptor = problem.grids, problem.ligand, made_receptor()
    atoms = receptor.coordinates_angstrom, receptor.vina_types.astype(np.int64)
    nodes = _Nodes(grids.low_angstrom, 0.5, (20, 9, 21))
    maps = [
        function(atoms, grids.types, nodes, "vina", torch.device("cpu"))
        for function in (_maps_compiled, _maps_by_planes)
    ]
    differs = (maps[0] - maps[1]).abs() > 1e-3 * maps[1].abs() + 1e-3
    yield float(differs.double().mean()) < 1e-3, True, 0.0  # a pair on the edge of a bin may fall into either
    generator = torch.Generator().manual_seed(0)
    quaternions = functional.normalize(torch.randn(37, 4, generator=generator), dim=1)
    poses, layers = Poses(quaternions, 3 * torch.randn(37, 3, generator=generator)), torch.arange(37) % 2
    for score in (score_and_gradient, score_atoms):
        ours, theirs = (score(grids, ligand, poses, layers, method=method) for method in ("kernels", "torch"))
        for one, other in zip(ours, theirs, strict=True):
            yield one, other, 2e-3

    rng = RNG(0)
    quaternion, centre, table = np.array([[0.5, 0.5, 0.5, 0.5]]), np.array([[1.0, 2, 3]]), rng.random((2, 2, 200)) - 0.7
    template, places = rng.standard_normal((4, 3)), rng.uniform(0, 5, (30, 3))
    kinds, types = rng.integers(0, 2, 4), rng.integers(0, 2, 30)
    energies, forces, torques = np.empty(1), np.empty((1, 3)), np.empty((1, 3))
    score_exactly(quaternion, centre, template, kinds, places, types, table, 8.0, 5.0, energies, forces, torques)
    shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    atoms = torch.from_numpy(template[:, [2, 0, 1]] + centre) + shift  # this turn moves x to y, y to z, z to x
    squares = (atoms[:, None] - torch.from_numpy(places)).square().sum(-1)
    at = (squares * 8 - 0.5).clamp(0)
    low_bin = at.detach().long().clamp(max=198)
    rows = torch.from_numpy(table)[torch.from_numpy(kinds)[:, None], torch.from_numpy(types)]
    below, above = (rows.gather(-1, (low_bin + k)[..., None])[..., 0] for k in (0, 1))
    pairs = torch.where(squares < 199.5 / 8, below + (at - low_bin) * (above - below), 0)
    each = pairs.sum(-1)
    total = torch.where(each > 0, each * 5 / (5 + each), each).sum()
    yield energies[0], total.detach(), 1e-10
    yield forces[0], -torch.autograd.grad(total, shift)[0], 1e-10


GROUPS: dict[str, tuple[Callable[[], Found], ...]] = {
    "convolution": (transforms, convolution, optimiser),
    "recurrence": (products, recurrence),
    "others": (proteins, chains, docking),
}


def check(case: Callable[[], Found]) -> None:
    """Compare what a case finds."""
    for number, (found, right, tolerance) in enumerate(case()):
        one, other = np.asarray(found, np.float64), np.asarray(right, np.float64)
        assert one.shape == other.shape, (case.__name__, number, one.shape, other.shape)
        allowed = tolerance * max(1.0, float(np.abs(other).max()))
        off = float(np.abs(one - other).max())
        assert off <= allowed, f"{case.__name__}, {number}: off by {off}, allowed {allowed}"
        assert not math.isnan(off), (case.__name__, number)


if __name__ == "__main__":
    from numba.core.registry import cpu_target

    torch.set_num_threads(1)
    for each in GROUPS[sys.argv[1]]:
        check(each)
    print(cpu_target.target_context.codegen().magic_tuple()[1])
