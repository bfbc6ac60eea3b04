"""Redocking on one clock: AutoDock Vina, tuned and by default, against our searches, end to end.

Five complexes (a folder with `1iep`, `1kzk`, `1oyt`, `1w2g`, `2br1`) and T4 lysozyme L99A with p-xylene, ten seeds
each. Every run starts from PDBQT files and ends with poses rescored by Vina's exact path: receptor, ligand, maps,
search and rescoring are timed apart and in sum. Vina and ours take turns, so that drift of the machine meets both;
every Vina object is fresh. Our searches run on one thread and Vina has all cores. `--ensemble` docks one ligand into
eight conformations in one batch, against eight runs of tuned Vina; `--cross` docks the ligand of 1iep into the
conformation of 1fpu, rigid and with a flexible pocket. The success of a run is its top pose within 2 A of the crystal
pose, by symmetry-corrected RMSD of heavy atoms; intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from undisturbed import watched

from levinthal.datasets.structures import real_complex
from levinthal.workloads.docking.molecules.atom_types import ELEMENTS
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.plausibility import check_pose
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation import (
    ligand_to_pdbqt,
    prepare_ligand,
    prepare_receptor,
    read_ligand_pdbqt,
    read_receptor_pdbqt,
    receptor_to_pdbqt,
)
from levinthal.workloads.docking.preparation.conformations import make_conformations
from levinthal.workloads.docking.redocking.comparison import judge
from levinthal.workloads.docking.scoring import build_grids
from levinthal.workloads.docking.search.built_in.cma_es import Evolution
from levinthal.workloads.docking.search.built_in.enumeration import Enumeration
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.built_in.vina import Vina
from levinthal.workloads.docking.search.built_in.vina_tuned import TunedVina
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.rescoring import rescore

CORES = len(os.sched_getaffinity(0))
COMPLEXES = {
    "1iep": ("1iep_receptor", "1iep_ligand"),
    "1kzk": ("1kzk-receptor", "1kzk-je2"),
    "1oyt": ("1oyt-receptor", "1oyt-fsn"),
    "1w2g": ("1w2g-receptor", "1w2g-thm"),
    "2br1": ("2br1-receptor", "2br1-pfp"),
}
PARTS = ("receptor", "ligand", "maps", "search", "rescore")
PADDING_ANGSTROM = 4.0
N_CONFORMATIONS = 8

Run = dict[str, Any]


def ours(search: Search) -> Callable[[Path, Path, int], Run]:
    """Return a run of one of our searches from files to rescored poses."""

    def run(receptor_file: Path, ligand_file: Path, seed: int) -> Run:
        clock = [time.perf_counter()]
        receptor = read_receptor_pdbqt(receptor_file)
        clock.append(time.perf_counter())
        ligand = read_ligand_pdbqt(ligand_file)
        clock.append(time.perf_counter())
        grids = build_grids(receptor, ligand.scored_types, box_of(ligand))
        clock.append(time.perf_counter())
        outcome = search.search(Problem(grids, ligand), seed=seed)
        clock.append(time.perf_counter())
        final = rescore([receptor], ligand, outcome)
        clock.append(time.perf_counter())
        return finished([receptor], ligand, final.coordinates[0], 0, final.energies_kcal_mol[0], clock, outcome)

    return run


def vina(search: Vina) -> Callable[[Path, Path, int], Run]:
    """Return a run of Vina; its parts are timed inside, around its own calls."""

    def run(receptor_file: Path, ligand_file: Path, seed: int) -> Run:
        receptor, ligand = read_receptor_pdbqt(receptor_file), read_ligand_pdbqt(ligand_file)
        outcome = search.dock([receptor], ligand, box_of(ligand), seed=seed)
        clock = np.cumsum([0.0, *outcome.setup_s.values(), outcome.duration_s, 0.0]).tolist()
        final = rescore([receptor], ligand, outcome, polished=False)
        return finished([receptor], ligand, final.coordinates[0], 0, final.energies_kcal_mol[0], clock, outcome)

    return run


def box_of(ligand: Ligand) -> Box:
    return ligand.box(PADDING_ANGSTROM)


def finished(
    receptors: Sequence[Receptor],
    ligand: Ligand,
    pose: np.ndarray,
    conformation: int,
    energy: float,
    clock: Sequence[float],
    outcome: SearchOutcome,
) -> Run:
    """Return what is kept of a run."""
    receptor = receptors[conformation]
    elements = [ELEMENTS[kind] for kind in receptor.types]
    return {
        **dict(zip(PARTS, np.diff(clock).tolist(), strict=True)),
        "total": clock[-1] - clock[0],
        "energy": float(energy),
        "rmsd": float(CrystalPose.of(ligand).rmsd(pose[None])[0]),
        "plausible": check_pose(ligand.elements, pose, elements, receptor.coordinates_angstrom).passed,
        "evaluations": outcome.n_evaluations,
    }


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    z = 1.96
    middle = (successes + z * z / 2) / (n + z * z)
    half = z * math.sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z)
    return max(0.0, middle - half), min(1.0, middle + half)


def prepared_files(data: Path, folder: Path) -> dict[str, tuple[Path, Path]]:
    """Write what every run reads: PDBQT files of receptors, and of ligands as one rigid fragment."""
    files = {}
    for name, (receptor, ligand) in COMPLEXES.items():
        files[name] = written(
            read_receptor_pdbqt(data / name / f"{receptor}.pdbqt"),
            read_ligand_pdbqt(data / name / f"{ligand}.pdbqt"),
            folder,
            name,
        )
    receptor_file, ligand_file = real_complex("t4-lysozyme-l99a-p-xylene")
    files["t4l"] = written(prepare_receptor(receptor_file), prepare_ligand(str(ligand_file)), folder, "t4l")
    return files


def written(receptor: Receptor, ligand: Ligand, folder: Path, name: str) -> tuple[Path, Path]:
    paths = folder / f"{name}_receptor.pdbqt", folder / f"{name}_ligand.pdbqt"
    paths[0].write_text(receptor_to_pdbqt(receptor))
    paths[1].write_text(ligand_to_pdbqt(ligand))
    return paths


def redock(files: dict[str, tuple[Path, Path]], methods: dict[str, Any], seeds: int, default_seeds: int) -> list[Run]:
    """Run everything in turn; the first of each is thrown away, it compiles."""
    first = next(iter(files.values()))
    for name, method in methods.items():
        if name != "Vina default":
            method(*first, 0)
    runs = []
    for complex_name, paths in files.items():
        for seed in range(seeds):
            for name, method in methods.items():
                if name == "Vina default" and seed >= default_seeds:
                    continue
                runs.append({"complex": complex_name, "method": name, "seed": seed, **method(*paths, seed)})
        print(f"{complex_name}: done", flush=True)
    return runs


def summary(runs: list[Run], method: str) -> Run:
    """Return a method's success and times: sums over the complexes of medians over the seeds."""
    mine = [run for run in runs if run["method"] == method]
    complexes = list(dict.fromkeys(run["complex"] for run in mine))
    best = {name: min(run["energy"] for run in runs if run["complex"] == name) for name in complexes}
    verdicts = [judge(run["rmsd"], run["energy"], best[run["complex"]]) for run in mine]
    successes = verdicts.count("success")

    def total(part: str) -> float:
        medians = [statistics.median([run[part] for run in mine if run["complex"] == name]) for name in complexes]
        return float(sum(medians))

    return {
        "method": method,
        "n": len(mine),
        "success": successes / len(mine),
        "success_ci95": wilson(successes, len(mine)),
        "search_failures": verdicts.count("search failure"),
        "scoring_failures": verdicts.count("scoring failure"),
        "plausible": sum(run["plausible"] for run in mine) / len(mine),
        **{f"{part}_s": total(part) for part in (*PARTS, "total")},
        "evaluations": statistics.median([run["evaluations"] for run in mine]),
    }


def paired_ratios(runs: list[Run], peer: str, method: str) -> list[float]:
    """Return for each seed the peer's time over ours, both summed over the complexes."""
    ratios = []
    for seed in sorted({run["seed"] for run in runs if run["method"] == peer}):
        times = [
            sum(run["total"] for run in runs if run["method"] == name and run["seed"] == seed)
            for name in (peer, method)
        ]
        ratios.append(times[0] / times[1])
    return sorted(ratios)


def ensemble(files: dict[str, tuple[Path, Path]], seeds: int) -> list[Run]:
    """Dock one ligand into eight conformations: one batch of ours against eight runs of tuned Vina."""
    cases = []
    for name in ("1iep", "1oyt", "2br1"):
        receptor, ligand = read_receptor_pdbqt(files[name][0]), read_ligand_pdbqt(files[name][1])
        box, crystal = box_of(ligand), CrystalPose.of(ligand)
        receptors = make_conformations(receptor, box, "modes", N_CONFORMATIONS, seed=1)
        RandomRestarts().search(Problem(build_grids(receptors, ligand.scored_types, box), ligand))
        times: dict[str, list[float]] = {"ours": [], "Vina tuned": []}
        successes = {"ours": 0, "Vina tuned": 0}
        best: dict[str, list[float]] = {"ours": [], "Vina tuned": []}
        for seed in range(seeds):
            began = time.perf_counter()
            grids = build_grids(receptors, ligand.scored_types, box)
            outcome = RandomRestarts().search(Problem(grids, ligand), seed=seed)
            final = rescore(receptors, ligand, outcome)
            times["ours"].append(time.perf_counter() - began)
            done = TunedVina(threads=CORES).dock(receptors, ligand, box, seed=seed)
            times["Vina tuned"].append(sum(done.setup_s.values()) + done.duration_s)
            theirs = rescore(receptors, ligand, done, polished=False)
            for way, found in (("ours", final), ("Vina tuned", theirs)):
                successes[way] += bool(crystal.rmsd(found.coordinates[:1])[0] <= 2.0)
                best[way].append(float(found.energies_kcal_mol[0]))
        ratios = sorted(a / b for a, b in zip(times["Vina tuned"], times["ours"], strict=True))
        cases.append(
            {
                "complex": name,
                "conformations": len(receptors),
                "seeds": seeds,
                **{f"{way}_s": statistics.median(values) for way, values in times.items()},
                **{f"{way}_success": count / seeds for way, count in successes.items()},
                **{f"{way}_energy": statistics.median(values) for way, values in best.items()},
                "ratio": statistics.median(ratios),
                "ratio_range": (ratios[0], ratios[-1]),
            }
        )
        print(f"{name}, {len(receptors)} conformations: {json.dumps(cases[-1])}", flush=True)
    return cases


def cross(data: Path, seeds: int) -> list[Run]:
    """Dock 1iep's ligand into 1fpu's conformation, rigid and with a flexible pocket."""
    receptor = read_receptor_pdbqt(data / "1iep/1fpu_receptor_rigid.pdbqt", data / "1iep/1fpu_receptor_flex.pdbqt")
    ligand = read_ligand_pdbqt(data / "1iep/1iep_ligand.pdbqt")
    box, crystal = box_of(ligand), CrystalPose.of(ligand)
    rows = []
    for way, count in (("none", 1), ("modes", 16), ("rotamers", 16)):
        receptors = make_conformations(receptor, box, way, count, seed=1)  # type: ignore[arg-type]
        grids = build_grids(receptors, ligand.scored_types, box)
        found = []
        for seed in range(seeds):
            began = time.perf_counter()
            outcome = RandomRestarts().search(Problem(grids, ligand), seed=seed)
            final = rescore(receptors, ligand, outcome)
            found.append(
                (
                    float(crystal.rmsd(final.coordinates[:1])[0]),
                    float(final.energies_kcal_mol[0]),
                    time.perf_counter() - began,
                )
            )
        rmsd, energy, seconds = (statistics.median(values) for values in zip(*found, strict=True))
        rows.append(
            {
                "pocket": "rigid" if way == "none" else way,
                "conformations": len(receptors),
                "success": sum(each[0] <= 2.0 for each in found) / seeds,
                "rmsd": rmsd,
                "energy": energy,
                "search_and_rescore_s": seconds,
            }
        )
        print(f"1iep's ligand into 1fpu: {json.dumps(rows[-1])}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the five complexes")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--default-seeds", type=int, default=1, help="seeds of Vina's slow default (default 1)")
    parser.add_argument("--policy", type=Path, help="a trained policy, to stand in the table")
    parser.add_argument("--spread", action="store_true", help="enumeration and CMA-ES too")
    parser.add_argument("--ensemble", action="store_true", help="eight conformations instead of the redocking")
    parser.add_argument("--cross", action="store_true", help="1iep's ligand into 1fpu instead of the redocking")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.cross:
            rows = cross(options.data, options.seeds)
            rigid, flexible = rows[0], max(rows[1:], key=lambda row: row["success"])
            result = {
                "what": "1iep's ligand into the conformation of 1fpu, flexible pocket against rigid",
                "unit": "share within 2 A", "ours": flexible["success"], "peer": rigid["success"], "ratio": None,
                "cases": rows,
            }  # fmt: skip
            print(json.dumps(result))
            return
        files = prepared_files(options.data, Path(folder))
        if options.ensemble:
            cases = ensemble(files, options.seeds)
            worst = min(cases, key=lambda case: case["ratio"])
            result = {
                "what": f"one ligand into {N_CONFORMATIONS} conformations, one batch against as many tuned Vina runs",
                "unit": "s", "ours": worst["ours_s"], "peer": worst["Vina tuned_s"], "ratio": worst["ratio"],
                "cases": cases,
            }  # fmt: skip
            print(json.dumps(result))
            return
        methods = all_methods(options.policy, options.spread)
        runs = redock(files, methods, options.seeds, options.default_seeds)
    table = [summary(runs, method) for method in dict.fromkeys(run["method"] for run in runs)]
    for row in table:
        low, high = row["success_ci95"]
        print(
            f"{row['method']:<14} success {row['success']:.3f} [{low:.2f}, {high:.2f}] of {row['n']}; receptor "
            f"{row['receptor_s']:.2f} s, ligand {row['ligand_s']:.2f} s, maps {row['maps_s']:.2f} s, search "
            f"{row['search_s']:.2f} s, rescore {row['rescore_s']:.2f} s, total {row['total_s']:.2f} s; search failures "
            f"{row['search_failures']}, scoring failures {row['scoring_failures']}, plausible {row['plausible']:.2f}"
        )
    ratios = paired_ratios(runs, "Vina tuned", "restarts")
    by_name = {row["method"]: row for row in table}
    result = {
        "what": "redocking of six complexes, end to end: random restarts on our score against tuned Vina",
        "unit": "s, summed over the complexes",
        "ours": by_name["restarts"]["total_s"],
        "peer": by_name["Vina tuned"]["total_s"],
        "ratio": statistics.median(ratios),
        "ratio_range": (ratios[0], ratios[-1]),
        "met": statistics.median(ratios) >= 2 and by_name["restarts"]["success"] >= by_name["Vina tuned"]["success"],
        "threads": {"ours": 1, "Vina": CORES},
        "cases": table,
        "by_complex": by_complex(runs),
    }
    print(json.dumps(result))


def all_methods(policy: Path | None, spread: bool) -> dict[str, Any]:
    """Return the searches of the table."""
    methods: dict[str, Any] = {
        "Vina default": vina(Vina(threads=CORES)),
        "Vina tuned": vina(TunedVina(threads=CORES)),
        "restarts": ours(RandomRestarts()),
    }
    if policy is not None:
        from levinthal.workloads.docking.search.agent.checkpoint import load_policy
        from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
        from levinthal.workloads.docking.search.agent.policy import TrainedPolicy
        from levinthal.workloads.docking.search.built_in.policy import PolicySearch

        trained, _ = load_policy(policy)
        episode = EpisodeSettings(receptor="choose" if trained.settings.chooses_conformation else "start")
        methods["policy"] = ours(PolicySearch(TrainedPolicy(trained, episode)))
    if spread:
        methods["enumeration"] = ours(Enumeration())
        methods["CMA-ES"] = ours(Evolution())
    return methods


def by_complex(runs: list[Run]) -> dict[str, dict[str, Any]]:
    """Return success, energy and time of each method on each complex."""
    table: dict[str, dict[str, Any]] = {}
    for run in runs:
        row = table.setdefault(run["complex"], {}).setdefault(
            run["method"], {"ok": 0, "n": 0, "total": [], "energy": []}
        )
        row["ok"] += run["rmsd"] <= 2.0
        row["n"] += 1
        row["total"].append(run["total"])
        row["energy"].append(run["energy"])
    return {
        name: {
            method: {
                "success": f"{row['ok']}/{row['n']}",
                "total_s": round(statistics.median(row["total"]), 4),
                "energy": round(statistics.median(row["energy"]), 3),
            }
            for method, row in methods.items()
        }
        for name, methods in table.items()
    }


if __name__ == "__main__":
    raise SystemExit(watched(main))
