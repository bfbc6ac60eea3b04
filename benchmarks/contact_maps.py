"""From CA coordinates to bit-packed contact maps: Levinthal against mdtraj and MDAnalysis.

All sides start from the same float32 coordinates and end with the same bits, and may use all cores. Each peer is tried
in several forms (block sizes, backends, a Python thread a core) and its fastest form counts. Measurements are
interleaved; medians are compared. The bits of ours are checked against float64 numpy before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from undisturbed import watched

from levinthal.proteins.contact_maps.maps import CONTACT_CUTOFF_NM, n_pairs, pack_contacts

Coordinates = npt.NDArray[np.float32]
Packed = npt.NDArray[np.uint8]
Method = Callable[[Coordinates], Packed]

CASES = {28: 100_000, 214: 8_000}
BLOCKS = (64, 512, 4096)
CORES = len(os.sched_getaffinity(0))


def random_chains(n_frames: int, n_residues: int, seed: int) -> Coordinates:
    """Return compact random chains: bonds of 0.38 nm, pulled towards their centre."""
    rng = np.random.default_rng(seed)
    bonds = rng.normal(size=(n_frames, n_residues, 3))
    bonds *= 0.38 / np.linalg.norm(bonds, axis=-1, keepdims=True)
    chains = np.cumsum(bonds, axis=1)
    return ((chains - chains.mean(axis=1, keepdims=True)) * 0.7).astype(np.float32)


def float64_bits(coordinates: Coordinates) -> Packed:
    """Return the bits that are right by definition."""
    first, second = np.triu_indices(coordinates.shape[1], 1)
    packed = []
    for frame in coordinates.astype(np.float64):
        difference = frame[first] - frame[second]
        packed.append(np.packbits(np.sqrt((difference**2).sum(-1)) < CONTACT_CUTOFF_NM, bitorder="little"))
    return np.array(packed)


def in_blocks(distances: Callable[[Coordinates], npt.NDArray[Any]], block: int) -> Method:
    """Pack the distances of some frames at a time, so that they stay in the cache."""

    def pack(coordinates: Coordinates) -> Packed:
        parts = [
            np.packbits(distances(coordinates[k : k + block]) < CONTACT_CUTOFF_NM, axis=1, bitorder="little")
            for k in range(0, len(coordinates), block)
        ]
        return np.concatenate(parts)

    return pack


def on_all_cores(method: Method) -> Method:
    """Give each core a part of the frames, by Python threads."""

    def pack(coordinates: Coordinates) -> Packed:
        with ThreadPoolExecutor(CORES) as pool:
            return np.concatenate(list(pool.map(method, np.array_split(coordinates, CORES))))

    return pack


def mdtraj_distances(n_residues: int) -> Callable[[Coordinates], npt.NDArray[Any]]:
    """Return mdtraj.compute_distances of all pairs."""
    import mdtraj

    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for _ in range(n_residues):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain))
    pairs = np.stack(np.triu_indices(n_residues, 1), axis=1)

    def distances(coordinates: Coordinates) -> npt.NDArray[Any]:
        return mdtraj.compute_distances(mdtraj.Trajectory(coordinates, topology), pairs, periodic=False)

    return distances


def mdanalysis_distances(n_residues: int, backend: str) -> Callable[[Coordinates], npt.NDArray[Any]]:
    """Return MDAnalysis' self_distance_array, frame by frame into one buffer."""
    from MDAnalysis.lib.distances import self_distance_array

    def distances(coordinates: Coordinates) -> npt.NDArray[Any]:
        out = np.empty((len(coordinates), n_pairs(n_residues)))
        for frame, row in zip(coordinates, out, strict=True):
            self_distance_array(frame, result=row, backend=backend)
        return out

    return distances


def mdanalysis_contact_matrix(coordinates: Coordinates) -> Packed:
    """Return the upper triangle of MDAnalysis' contact_matrix."""
    from MDAnalysis.analysis.distances import contact_matrix

    upper = np.triu_indices(coordinates.shape[1], 1)
    rows = [contact_matrix(frame, cutoff=CONTACT_CUTOFF_NM)[upper] for frame in coordinates]
    return np.packbits(np.array(rows), axis=1, bitorder="little")


def forms_of_peers(n_residues: int) -> tuple[dict[str, dict[str, Method]], dict[str, str]]:
    """Return each peer's forms by name, and why a peer is not measured."""
    forms: dict[str, dict[str, Method]] = {}
    missing: dict[str, str] = {}
    distances: dict[str, dict[str, Callable[[Coordinates], npt.NDArray[Any]]]] = {
        "mdtraj": {"compute_distances": mdtraj_distances(n_residues)}
    }
    try:
        distances["MDAnalysis"] = {
            f"self_distance_array, {backend}": mdanalysis_distances(n_residues, backend)
            for backend in ("serial", "OpenMP")
        }
    except ImportError:
        missing["MDAnalysis"] = "not measured: pip install 'levinthal[peers]'"
    for peer, ways in distances.items():
        forms[peer] = {
            f"{way}, blocks of {block}{suffix}": spread(in_blocks(function, block))
            for way, function in ways.items()
            for block in BLOCKS
            for suffix, spread in (("", lambda method: method), (f", {CORES} threads", on_all_cores))
        }
    if "MDAnalysis" in forms:
        forms["MDAnalysis"]["contact_matrix"] = mdanalysis_contact_matrix
    return forms, missing


def seconds(method: Method, coordinates: Coordinates) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    method(coordinates)
    return time.perf_counter() - began


def measure(n_residues: int, n_frames: int, rounds: int) -> dict[str, Any]:
    """Check the bits, find each peer's fastest form, then compare in turn."""
    coordinates = random_chains(n_frames, n_residues, seed=n_residues)
    forms, missing = forms_of_peers(n_residues)
    checked = coordinates[:500]
    expected = float64_bits(checked)
    if not np.array_equal(pack_contacts(checked), expected):
        raise SystemExit("our bits are wrong: no figures")
    sample = coordinates[: max(n_frames // 8, 1)]
    fastest: dict[str, tuple[str, Method]] = {}
    for peer, methods in forms.items():
        tried = {name: min(seconds(method, sample) for _ in range(3)) for name, method in methods.items()}
        best = min(tried, key=lambda name: tried[name])
        fastest[peer] = best, methods[best]
    contenders: dict[str, Method] = {"ours": pack_contacts, **{peer: method for peer, (_, method) in fastest.items()}}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, method in contenders.items():
            times[name].append(seconds(method, coordinates))
    rates = {name: n_frames / statistics.median(values[1:]) for name, values in times.items()}
    peers: dict[str, Any] = {
        peer: {
            "frames_per_s": rates[peer],
            "form": form,
            "wrong_bits": int(np.unpackbits(method(checked) ^ expected).sum()),
        }
        for peer, (form, method) in fastest.items()
    }
    best_peer = max(fastest, key=lambda peer: rates[peer])
    return {
        "case": f"{n_residues} residues, {n_frames} frames",
        "ours": rates["ours"],
        "ours_pairs_per_s": rates["ours"] * n_pairs(n_residues),
        "bit_exact": True,
        "peer": rates[best_peer],
        "peer_name": best_peer,
        "ratio": rates["ours"] / rates[best_peer],
        "peers": {**peers, **missing},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="measurements of each side (default 11)")
    parser.add_argument("--residues", type=int, nargs="+", default=list(CASES), help="sizes (default 28 214)")
    options = parser.parse_args()
    cases = []
    for n_residues in options.residues:
        n_frames = CASES.get(n_residues, max(100_000 * 378 // max(n_pairs(n_residues), 1), 100))
        case = measure(n_residues, n_frames, options.rounds)
        ours, peer = f"{case['ours']:,.0f} frame/s", f"{case['peer_name']} {case['peer']:,.0f}"
        print(f"{case['case']}: ours {ours}, {peer}, ratio {case['ratio']:.1f}")
        cases.append(case)
    worst = min(cases, key=lambda case: case["ratio"])
    result = {
        "what": f"CA coordinates (float32) to bit-packed contact maps, {CORES} cores",
        "unit": "frame/s",
        "ours": worst["ours"],
        "peer": worst["peer"],
        "ratio": worst["ratio"],
        "cases": cases,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
