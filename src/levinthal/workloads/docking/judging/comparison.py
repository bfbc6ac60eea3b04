"""All searches on one complex, one clock and one last word: what the table of the workload is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.workloads.docking.judging.plausibility import PoseCheck, check_pose
from levinthal.workloads.docking.judging.rescoring import FinalPoses, rescore
from levinthal.workloads.docking.judging.verdicts import SUCCESS_ANGSTROM, CrystalPose, Verdict, judge
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.scoring.atom_types import ELEMENTS
from levinthal.workloads.docking.scoring.functions import FunctionName
from levinthal.workloads.docking.search.enumeration import enumerate_poses
from levinthal.workloads.docking.search.evolution import EvolutionSettings, evolve
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.problem import Problem
from levinthal.workloads.docking.search.restarts import RestartSettings, random_restarts
from levinthal.workloads.docking.search.vina_engine import (
    VINA_DEFAULT,
    VINA_TUNED,
    VinaSettings,
    dock_with_vina,
)

__all__ = ["Complex", "FinishedRun", "MethodRun", "MethodSummary", "finish", "own_search", "summarise", "vina_search"]

PolicySearch = Callable[[Problem, int], SearchOutcome]


@dataclass(frozen=True, eq=False)
class Complex:
    """What is docked into what.

    Attributes
    ----------
    receptors : tuple of Receptor
        Conformations of one receptor, the given one first.
    ligand : Ligand
    box : Box
    crystal : CrystalPose or None
        Where the ligand was seen, if it was.
    function : {"vina", "vinardo"}
    """

    receptors: tuple[Receptor, ...]
    ligand: Ligand
    box: Box
    crystal: CrystalPose | None
    function: FunctionName


@dataclass(frozen=True, eq=False)
class MethodRun:
    """One run of one search.

    Attributes
    ----------
    method : str
    outcome : SearchOutcome
        As the search ended.
    setup_s : float
        What it needed before it could search: for Vina receptor, ligand and maps; 0 for ours, which share their maps.
    """

    method: str
    outcome: SearchOutcome
    setup_s: float


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run after rescoring.

    Attributes
    ----------
    run : MethodRun
    final : FinalPoses
    rmsd_angstrom : float or None
        Of the pose with the best exact energy.
    check : PoseCheck
        Of the same pose.
    """

    run: MethodRun
    final: FinalPoses
    rmsd_angstrom: float | None
    check: PoseCheck

    @property
    def best_kcal_mol(self) -> float:
        """Best exact energy."""
        return float(self.final.energies_kcal_mol[0])


@dataclass(frozen=True)
class MethodSummary:
    """A method over its runs.

    Attributes
    ----------
    method : str
    n_runs : int
    success : float or None
        Share of runs whose top pose is within 2 A; None without a crystal pose.
    best_kcal_mol, median_kcal_mol : float
        Exact energies of the top poses.
    rmsd_angstrom : float or None
        Median of the top poses.
    search_s, setup_s : float
        Medians.
    evaluations : int or None
        Median; None where the method does not tell.
    n_search_failures, n_scoring_failures, n_plausible : int
        Runs.
    found : float
        Share of runs within 0.5 kcal/mol of the best known energy.
    """

    method: str
    n_runs: int
    success: float | None
    best_kcal_mol: float
    median_kcal_mol: float
    rmsd_angstrom: float | None
    search_s: float
    setup_s: float
    evaluations: int | None
    n_search_failures: int
    n_scoring_failures: int
    n_plausible: int
    found: float


def own_search(method: str, problem: Problem, seed: int, n_poses: int, policy: PolicySearch | None) -> MethodRun:
    """Run one of the searches on our maps: policy, restarts, enumeration or cma-es."""
    if method == "policy":
        if policy is None:
            raise ValueError("the method policy needs a trained policy")
        outcome = policy(problem, seed)
    elif method == "restarts":
        outcome = random_restarts(problem, RestartSettings(n_poses=n_poses), seed=seed)
    elif method == "enumeration":
        outcome = enumerate_poses(problem, n_poses=n_poses)
    elif method == "cma-es":
        outcome = evolve(problem, EvolutionSettings(n_poses=n_poses), seed=seed)
    else:
        raise ValueError(f"there is no search {method!r}")
    return MethodRun(method, outcome, 0.0)


def vina_search(
    complex_: Complex, method: str, seed: int, n_poses: int, threads: int, settings: VinaSettings | None = None
) -> MethodRun:
    """Run Vina: `vina` by default, `vina-tuned` with many short chains, or with settings that are given."""
    if settings is None:
        settings = VINA_TUNED if method == "vina-tuned" else VINA_DEFAULT
    run = dock_with_vina(
        complex_.receptors,
        complex_.ligand,
        complex_.box,
        settings,
        function=complex_.function,
        seed=seed,
        threads=threads,
        n_poses=n_poses,
        method=method,
    )
    return MethodRun(method, run.outcome, run.receptor_s + run.ligand_s + run.maps_s)


def finish(complex_: Complex, run: MethodRun) -> FinishedRun:
    """Rescore the poses of a run and look at the best one.

    Vina has refined its poses off the maps itself; those of our searches descend on the exact energy here.
    """
    polished = not run.method.startswith("vina")
    final = rescore(complex_.receptors, complex_.ligand, run.outcome, complex_.function, polished=polished)
    top = final.coordinates[:1]
    rmsd = None if complex_.crystal is None else float(complex_.crystal.rmsd(top)[0])
    receptor = complex_.receptors[int(final.conformations[0])]
    check = check_pose(
        complex_.ligand.elements, top[0], [ELEMENTS[kind] for kind in receptor.types], receptor.coordinates_angstrom
    )
    return FinishedRun(run, final, rmsd, check)


def summarise(runs: Mapping[str, Sequence[FinishedRun]], best_known_kcal_mol: float) -> tuple[MethodSummary, ...]:
    """Summarise the runs of each method, by name.

    Parameters
    ----------
    runs : mapping of str to sequence of FinishedRun
    best_known_kcal_mol : float
        The best exact energy that anybody found, the crystal pose after a descent included.
    """
    summaries = []
    for method, mine in runs.items():
        energies = np.array([each.best_kcal_mol for each in mine])
        judged = [each for each in mine if each.rmsd_angstrom is not None]
        verdicts: list[Verdict] = [
            judge(each.rmsd_angstrom, each.best_kcal_mol, best_known_kcal_mol)
            for each in judged
            if each.rmsd_angstrom is not None
        ]
        evaluations = [each.run.outcome.n_evaluations for each in mine]
        distances = [each.rmsd_angstrom for each in judged if each.rmsd_angstrom is not None]
        summaries.append(
            MethodSummary(
                method=method,
                n_runs=len(mine),
                success=float(np.mean([each <= SUCCESS_ANGSTROM for each in distances])) if distances else None,
                best_kcal_mol=float(energies.min()),
                median_kcal_mol=float(np.median(energies)),
                rmsd_angstrom=float(np.median(distances)) if distances else None,
                search_s=float(np.median([each.run.outcome.duration_s for each in mine])),
                setup_s=float(np.median([each.run.setup_s for each in mine])),
                evaluations=int(np.median(evaluations)) if min(evaluations) > 0 else None,
                n_search_failures=verdicts.count("search failure"),
                n_scoring_failures=verdicts.count("scoring failure"),
                n_plausible=sum(each.check.passed for each in mine),
                found=float(np.mean(energies <= best_known_kcal_mol + 0.5)),
            )
        )
    return tuple(summaries)
