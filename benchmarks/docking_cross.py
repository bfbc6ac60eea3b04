"""What a flexible pocket gains where the crystal conformation is not the ligand's own: cross-docking.

- `1fpu`: the ligand of 1IEP into 1FPU, the same kinase with another inhibitor, in one frame (files of a folder).
- `t4l`: p-xylene into conformations of T4 lysozyme L99A from a simulation of ours; the crystal's is not among them.

For each seed conformations are made anew. Rigid: the conformation that one has is searched alone. Flexible: the same
and others made from it (`--ways`), together, by the same search with the same number of evaluations for a conformation.
A run succeeds where its best pose, by its exact energy, lies within 2 A of the crystal pose; beside it stands whether
any of its nine poses does. The gain is the difference of success over seeds, with Newcombe's interval for paired shares
(Stat. Med. 17:2635, 1998, method 10); where it holds 0 the benchmark says "nothing".
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from levinthal.datasets.structures import real_complex
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor
from levinthal.workloads.docking.preparation.conformations import make_conformations
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SUCCESS_ANGSTROM
from levinthal.workloads.docking.search.rescoring import rescore

SEARCH = RandomRestarts(n_drawn=4096, n_starts=512, n_last=32, n_poses=9)
PADDING_ANGSTROM = 4.0


def kinase(data: Path) -> tuple[Receptor, Ligand]:
    return prepare_receptor(data / "1iep" / "1fpu_receptorH.pdb"), prepare_ligand(data / "1iep" / "1iep_ligand.sdf")


def lysozyme() -> tuple[Receptor, Ligand]:
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    return prepare_receptor(receptor), prepare_ligand(ligand)


def dock(receptors: Sequence[Receptor], ligand: Ligand, box: Box, seed: int) -> dict[str, float]:
    """Return score, distance of the best pose, nearest of all poses, and the conformation of the best."""
    problem = Problem.of(receptors, ligand, box)
    final = rescore(receptors, ligand, SEARCH.search(problem, seed=seed))
    distances = CrystalPose.of(ligand).rmsd(final.coordinates)
    return {
        "score_kcal_mol": float(final.energies_kcal_mol[0]),
        "rmsd_angstrom": float(distances[0]),
        "nearest_angstrom": float(distances.min()),
        "conformation": int(final.conformations[0]),
    }


def conformations_of(
    name: str, receptor: Receptor, box: Box, way: str, count: int, seed: int
) -> tuple[Receptor, tuple[Receptor, ...]]:
    """Return the conformation that one has, and the ensemble; the crystal's of the ligand is in neither."""
    if name != "t4l":
        made = make_conformations(receptor, box, way, count, seed=seed)  # type: ignore[arg-type]
        return made[0], made
    first, *simulated = make_conformations(receptor, box, "md", 2 if way != "md" else count + 1, seed=seed)
    del first  # the crystal's own
    had = simulated[0].in_conformation(simulated[0].coordinates_angstrom)
    if way == "md":
        return had, tuple(simulated)
    made = make_conformations(had, box, way, count, seed=seed)  # type: ignore[arg-type]
    return made[0], made


def paired_gain(rigid: Sequence[bool], flexible: Sequence[bool]) -> tuple[float, float, float]:
    """Return the difference of two paired shares with Newcombe's hybrid score interval, 95 %."""
    n = len(rigid)
    both = sum(a and b for a, b in zip(rigid, flexible, strict=True))
    one, other = sum(flexible), sum(rigid)
    neither = n - one - other + both
    (p1, l1, u1), (p2, l2, u2) = wilson(one, n), wilson(other, n)
    product = one * (n - one) * other * (n - other)
    phi = (both * neither - (one - both) * (other - both)) / math.sqrt(product) if product else 0.0
    gap = p1 - p2
    low = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    high = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
    return gap, gap - low, gap + high


def wilson(count: int, n: int) -> tuple[float, float, float]:
    z, share = 1.959963984540054, count / n
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the complexes; without it only t4l is docked")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--conformations", type=int, default=8)
    parser.add_argument("--ways", default="modes,rotamers,md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = {"t4l": lysozyme()} | ({"1fpu": kinase(options.data)} if options.data else {})
    found: dict[str, Any] = {}
    for name, (receptor, ligand) in cases.items():
        box = ligand.box(PADDING_ANGSTROM)
        for way in options.ways.split(","):
            runs = []
            for seed in range(options.seeds):
                had, ensemble = conformations_of(name, receptor, box, way, options.conformations, seed)
                runs.append([dock([had], ligand, box, seed), dock(ensemble, ligand, box, seed)])
            found[f"{name}, {way}"] = told(f"{name}, {way}", runs)
    print(json.dumps({"what": "success of a flexible pocket less that of a rigid one", "unit": "1", "cases": found}))


def told(name: str, runs: Sequence[Sequence[dict[str, float]]]) -> dict[str, Any]:
    """Print a case in words and return it."""
    first, second = zip(*runs, strict=True)
    case: dict[str, Any] = {"rigid": list(first), "flexible": list(second)}
    for what, key in (("best pose", "rmsd_angstrom"), ("any of nine poses", "nearest_angstrom")):
        hits = [[each[key] <= SUCCESS_ANGSTROM for each in side] for side in (first, second)]
        gap, low, high = paired_gain(*hits)
        verdict = "a gain" if low > 0 else "a loss" if high < 0 else "nothing"
        case[what] = {"rigid": sum(hits[0]), "flexible": sum(hits[1]), "gain": gap, "ci95": [low, high]}
        print(
            f"{name}, {what}: rigid {sum(hits[0])} of {len(runs)}, flexible {sum(hits[1])}; gain {gap:+.2f} "
            f"[{low:+.2f}, {high:+.2f}]: {verdict}",
            flush=True,
        )
    scores = [np.median([each["score_kcal_mol"] for each in side]) for side in (first, second)]
    own = sum(each["conformation"] == 0 for each in second)
    print(f"{name}: median score {scores[0]:.2f} and {scores[1]:.2f}; best pose in the first conformation {own} times")
    return case


if __name__ == "__main__":
    main()
