"""Poses a second, each with energy, force and torque, beside the evaluations a second of AutoDock Vina's search.

Both on the same complex, box, types and cores. Vina's rate is the slope of its search time over two numbers of
evaluations (its chains stop at `max_evals`; each of its evaluations is an energy with a gradient), so that set-up, maps
and final refinement drop out. Ours is timed on random poses over the whole box and on poses near the one of the file,
where a search spends its time; the slower counts. The quality gate: energies within 2e-4 kcal/mol an atom of the same
maps read by torch in float64.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from undisturbed import watched

from levinthal.datasets.structures import real_complex
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.preparation import (
    ligand_to_pdbqt,
    prepare_ligand,
    prepare_receptor,
    read_ligand_pdbqt,
    read_receptor_pdbqt,
    receptor_to_pdbqt,
)
from levinthal.workloads.docking.scoring import GridMaps, build_grids, score_and_gradient

POSES = 65_536
MOST_ERROR_AN_ATOM = 2e-4
FEW_EVALUATIONS, MANY_EVALUATIONS = 4_000, 24_000
CHAINS = 16


def complexes(data: Path) -> dict[str, tuple[Receptor, Ligand]]:
    """Return what is scored; the lysozyme holds a ligand of 20 heavy atoms, which is not its own."""
    receptor, xylene = real_complex("t4-lysozyme-l99a-p-xylene")
    drug = prepare_ligand("CC(=O)Nc1ccc(cc1Cl)S(=O)(=O)NCC(O)CC", name="20 heavy atoms")
    centre = prepare_ligand(xylene).centre_angstrom
    there = Ligand(**{**drug.__dict__, "centre_angstrom": centre})
    found = {"T4 lysozyme L99A, 20 heavy atoms": (prepare_receptor(receptor), there)}
    for name, receptor_name, ligand_name in (
        ("1w2g", "1w2g-receptor", "1w2g-thm"),
        ("2br1", "2br1-receptor", "2br1-pfp"),
        ("1oyt", "1oyt-receptor", "1oyt-fsn"),
    ):
        if (data / name).is_dir():
            found[name] = (
                read_receptor_pdbqt(data / name / f"{receptor_name}.pdbqt"),
                read_ligand_pdbqt(data / name / f"{ligand_name}.pdbqt"),
            )
    return found


def vina_evaluations_a_second(
    receptor: Receptor, ligand: Ligand, box: Box, threads: int, seed: int, folder: Path
) -> float:
    import vina

    path = folder / "receptor.pdbqt"
    path.write_text(receptor_to_pdbqt(receptor))
    took = []
    for evaluations in (FEW_EVALUATIONS, MANY_EVALUATIONS):
        engine = vina.Vina(sf_name="vina", cpu=threads, seed=seed, verbosity=0)
        engine.set_receptor(str(path))
        engine.set_ligand_from_string(ligand_to_pdbqt(ligand))
        engine.compute_vina_maps(list(box.centre_angstrom), list(box.size_angstrom))
        began = time.perf_counter()
        engine.dock(exhaustiveness=CHAINS, n_poses=1, max_evals=evaluations)
        took.append(time.perf_counter() - began)
    return CHAINS * (MANY_EVALUATIONS - FEW_EVALUATIONS) / (took[1] - took[0])


def our_poses_a_second(maps: GridMaps, ligand: Ligand, poses: Poses) -> float:
    began = time.perf_counter()
    score_and_gradient(maps, ligand, poses)
    return len(poses) / (time.perf_counter() - began)


def largest_error(maps: GridMaps, ligand: Ligand, poses: Poses) -> float:
    few = poses[:2048]
    found = score_and_gradient(maps, ligand, few).energies_kcal_mol.double()
    plain = score_and_gradient(maps, ligand, few.to(torch.float64), method="torch").energies_kcal_mol
    # outside the maps both are thousands, and float32 has seven digits
    return float(((found - plain).abs() / (1 + 1e-3 * plain.abs())).max())


def measure(receptor: Receptor, ligand: Ligand, threads: int, repeats: int, folder: Path) -> dict[str, object]:
    box = Box.around(ligand.source_coordinates_angstrom[ligand.heavy_atoms], 4.0)
    began = time.perf_counter()
    build_grids(receptor, ligand.scored_types, box)
    maps = build_grids(receptor, ligand.scored_types, box)
    maps_s = (time.perf_counter() - began) / 2
    generator = torch.Generator().manual_seed(1)
    centre = torch.tensor(ligand.centre_angstrom, dtype=torch.float32).expand(POSES, 3)
    moves = torch.randn(2, POSES, 3, generator=generator)
    drawn = {
        "random": Poses.random(POSES, box, generator, margin_angstrom=4.0),
        "near": Poses.unturned(centre).moved(0.5 * moves[0], 0.3 * moves[1]),
    }
    errors = [largest_error(maps, ligand, poses) for poses in drawn.values()]
    rates: dict[str, list[float]] = {name: [] for name in (*drawn, "vina")}
    for repeat in range(repeats):
        for name, poses in drawn.items():
            rates[name] += [our_poses_a_second(maps, ligand, poses) for _ in range(5)]
        rates["vina"].append(vina_evaluations_a_second(receptor, ligand, box, threads, repeat + 1, folder))
    ours = min(float(np.median(rates[name])) for name in drawn)
    peer = float(np.median(rates["vina"]))
    return {
        "ours": ours,
        "peer": peer,
        "ratio": ours / peer,
        "spread": {
            name: [float(np.min(found)), float(np.median(found)), float(np.max(found))] for name, found in rates.items()
        },
        "heavy_atoms": len(ligand.heavy_atoms),
        "maps_mib": round(maps.records.values.nbytes / 2**20, 1),
        "maps_s": round(maps_s, 3),
        "largest_error_kcal_mol": max(errors),
        "sound": max(errors) <= MOST_ERROR_AN_ATOM * len(ligand.heavy_atoms),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "complexes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (receptor, ligand) in complexes(options.data).items():
            cases[name] = measure(receptor, ligand, options.threads, options.repeats, Path(folder))
            print(name, json.dumps(cases[name]), flush=True)
    worst = min(cases.values(), key=lambda case: float(str(case["ratio"])))
    sound = all(case["sound"] for case in cases.values())
    result = {
        "what": f"rigid poses scored with gradients, {options.threads} threads, beside Vina's search",
        "unit": "pose/s",
        "ours": worst["ours"],
        "peer": worst["peer"],
        "ratio": worst["ratio"] if sound else None,
        "cases": cases,
        "passed": sound,
    }
    print(json.dumps(result))
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(watched(main))
