"""Scores and gradients beside the package vina: the table on real complexes, the formula by finite differences.

For each complex, the pose of its file and perturbed ones (up to 2 A and 1 rad, some clashing) are written with three
decimals, scored by `vina.Vina.score()` and by the table; the largest difference counts. Forces and torques of the
formula are compared with central differences in float64; the largest error relative to the vector's length counts.

Needs a folder of complexes (`--data`): each a folder with `*receptor*.pdbqt` and a ligand's PDBQT; p-xylene in T4
lysozyme L99A, which comes with openmmtools, is always among them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

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
from levinthal.workloads.docking.scoring import exact_score, exact_score_and_gradient
from levinthal.workloads.docking.scoring.functions import CUTOFF_ANGSTROM

STEP = 1e-6
MOST_DIFFERENCE_KCAL_MOL = 1e-3
MOST_GRADIENT_ERROR = 1e-4


def complexes(data: Path) -> dict[str, tuple[Receptor, Ligand]]:
    """Return receptors and ligands by name; 1iep's ligand also in the conformation 1fpu."""
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    found = {"T4 lysozyme L99A": (prepare_receptor(receptor), prepare_ligand(ligand))}
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        receptors = list(folder.glob("*receptor.pdbqt"))
        ligands = [path for path in folder.glob("*.pdbqt") if "receptor" not in path.name]
        found[folder.name] = (read_receptor_pdbqt(receptors[0]), read_ligand_pdbqt(ligands[0]))
        for rigid in folder.glob("*_rigid.pdbqt"):
            flexible = rigid.with_name(rigid.name.replace("rigid", "flex"))
            crossed = read_receptor_pdbqt(rigid, flexible)
            found[f"{folder.name} in {rigid.name[:4]}"] = (crossed, found[folder.name][1])
    return found


def near_poses(ligand: Ligand, count: int, seed: int) -> Poses:
    """Return the pose of the source and others around it, farther and farther."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.linspace(0, 1, count, dtype=torch.float64)[:, None]
    moves = torch.rand(2, count, 3, generator=generator, dtype=torch.float64) * 2 - 1
    still = Poses.unturned(torch.tensor(ligand.centre_angstrom).expand(count, 3))
    return still.moved(2.0 * spread * moves[0] / 3**0.5, spread * moves[1] / 3**0.5)


def scored_by_vina(receptor: Receptor, ligand: Ligand, places: np.ndarray, function: str, folder: Path) -> np.ndarray:
    import vina

    path = folder / "receptor.pdbqt"
    path.write_text(receptor_to_pdbqt(receptor))
    engine = vina.Vina(sf_name=function, cpu=1, verbosity=0)
    engine.set_receptor(str(path))
    engine.set_ligand_from_string(ligand_to_pdbqt(ligand, places[0]))
    box = Box.around(places.reshape(-1, 3), 1.0)
    engine.compute_vina_maps(list(box.centre_angstrom), list(box.size_angstrom), spacing=1.0)
    energies = []
    for one in places:
        engine.set_ligand_from_string(ligand_to_pdbqt(ligand, one))
        energies.append(engine.score()[0])
    return np.array(energies)


def gradient_error(receptor: Receptor, ligand: Ligand, poses: Poses, function: str) -> tuple[float, int]:
    """Return the largest error of forces and torques relative to their lengths, and how many components were compared.

    Left out are components along which a pair crosses the cutoff within the step: there the function jumps.
    """
    template = torch.tensor(ligand.coordinates_angstrom)
    heavy = torch.tensor(ligand.heavy_atoms)
    atoms = torch.tensor(receptor.coordinates_angstrom)
    score = exact_score_and_gradient(receptor, ligand, poses, function)
    worst, compared = 0.0, 0
    for axis in range(6):
        moves = torch.zeros(2, len(poses), 3, dtype=torch.float64)
        moves[axis // 3, :, axis % 3] = STEP
        sides = [poses.moved_outside(sign * moves[0], sign * moves[1]).coordinates(template) for sign in (1, -1)]
        energies = [exact_score(receptor, ligand, side, function, mode="analytic") for side in sides]
        inside = [torch.cdist(side[:, heavy], atoms) < CUTOFF_ANGSTROM for side in sides]
        smooth = (inside[0] == inside[1]).flatten(1).all(dim=1)
        found = (score.forces, score.torques)[axis // 3]
        expected = -(energies[0] - energies[1]) / (2 * STEP)
        errors = (found[:, axis % 3] - expected).abs() / torch.linalg.vector_norm(found, dim=-1)
        worst = max(worst, float(errors[smooth].max()))
        compared += int(smooth.sum())
    return worst, compared


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "complexes")
    parser.add_argument("--poses", type=int, default=100)
    parser.add_argument("--only", default="", help="complexes whose name has this in it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (receptor, ligand) in complexes(options.data).items():
            for function in ("vina", "vinardo") if options.only in name else ():
                poses = near_poses(ligand, options.poses, 1)
                places = poses.coordinates(torch.tensor(ligand.coordinates_angstrom)).round(decimals=3)
                began = time.perf_counter()
                theirs = scored_by_vina(receptor, ligand, places.numpy(), function, Path(folder))
                took_s = time.perf_counter() - began
                ours = exact_score(receptor, ligand, places, function).numpy()
                formula = exact_score(receptor, ligand, places, function, mode="analytic").numpy()
                error, compared = gradient_error(receptor, ligand, poses[: min(20, len(poses))], function)
                case = {
                    "largest_difference_kcal_mol": float(np.abs(ours - theirs).max()),
                    "largest_difference_of_the_formula_kcal_mol": float(np.abs(formula - theirs).max()),
                    "energies_kcal_mol": [float(theirs.min()), float(np.median(theirs)), float(theirs.max())],
                    "largest_relative_gradient_error": error,
                    "gradient_components": compared,
                    "heavy_atoms": len(ligand.heavy_atoms),
                    "vina_s": round(took_s, 1),
                }
                cases[f"{name}, {function}"] = case
                print(name, function, json.dumps(case), flush=True)
    difference = max(case["largest_difference_kcal_mol"] for case in cases.values())
    error = max(case["largest_relative_gradient_error"] for case in cases.values())
    passed = difference <= MOST_DIFFERENCE_KCAL_MOL and error <= MOST_GRADIENT_ERROR
    result = {
        "what": f"table against vina.score(), {options.poses} poses a complex; gradients against finite differences",
        "unit": "kcal/mol; relative",
        "ours": {"largest_difference_kcal_mol": difference, "largest_relative_gradient_error": error},
        "cases": cases,
        "passed": passed,
    }
    print(json.dumps(result))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
