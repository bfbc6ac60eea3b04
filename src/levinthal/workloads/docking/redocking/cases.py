"""Harder cases beside the built-in complex, on which searches differ: what each needs until it has succeeded.

The cavity of T4 lysozyme in a box around its ligand is found by every search. In a box around the whole protein it is
one place among many, and a sugar that is built for the cleft where the enzyme cuts has many poses that almost fit. A
case asks for the minimum of the score, found twice by independent searches much longer than any that is compared; how
far that is from a crystal pose, where one is known, is a matter of the score and is said apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from levinthal.harness import Run
from levinthal.workloads.docking.inputs import sugar_in_cleft
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.rmsd import CrystalPose, automorphisms
from levinthal.workloads.docking.redocking.comparison import Contender
from levinthal.workloads.docking.redocking.waiting import Waiting, report_waiting, waiting_of
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import Goal
from levinthal.workloads.docking.search.rounds import attempt
from levinthal.workloads.docking.settings import DockingSettings

POCKET = "pocket"
_SURFACE_SPACING_ANGSTROM = 0.5
_SURFACE_MARGIN_ANGSTROM = 4.0
_THOROUGH = RandomRestarts(n_drawn=65_536, n_starts=8192, n_last=64, n_poses=1)
_FOUND_AGAIN_ANGSTROM = 1.0


@dataclass(frozen=True, eq=False)
class Reference:
    """The pose that a case asks for.

    Attributes
    ----------
    pose : CrystalPose
        The best pose of two thorough searches.
    energy_kcal_mol : float
        Its energy, on the maps.
    apart_angstrom : float
        Between what the two searches found: a reference that was not found twice is none.
    """

    pose: CrystalPose
    energy_kcal_mol: float
    apart_angstrom: float


def whole_surface(receptor: Receptor, ligand: Ligand, settings: DockingSettings) -> Problem:
    """Return the ligand in a box around the whole receptor."""
    scored = receptor.coordinates_angstrom[receptor.vina_types >= 0]
    box = Box.around(scored, _SURFACE_MARGIN_ANGSTROM)
    return Problem.of(receptor, ligand, box, settings.function, spacing_angstrom=_SURFACE_SPACING_ANGSTROM)


def cleft(receptor: Receptor, ligand: Ligand, settings: DockingSettings) -> Problem:
    """Return chitobiose, in one conformer that is made, in the cleft where lysozyme cuts such chains."""
    del ligand
    sugar, box = sugar_in_cleft(receptor, settings.padding)
    return Problem.of(receptor, sugar, box, settings.function, spacing_angstrom=settings.spacing)


CASES: Mapping[str, Callable[[Receptor, Ligand, DockingSettings], Problem]] = MappingProxyType(
    {"surface": whole_surface, "sugar": cleft}
)
"""Each from the built-in receptor in its first conformation, the built-in ligand and the settings."""


def reference_of(problem: Problem, thorough: Search = _THOROUGH) -> Reference:
    """Look for the minimum of the score twice, from draws that have nothing in common."""
    ends = [thorough.search(problem, seed=seed) for seed in (1, 2)]
    heavy = problem.ligand.heavy_atoms
    elements = [problem.ligand.elements[atom] for atom in heavy]
    symmetries = automorphisms(elements, problem.ligand.heavy_bonds)
    best, other = sorted(ends, key=lambda end: float(end.energies_kcal_mol[0]))
    pose = CrystalPose(best.coordinates[0][heavy], heavy, symmetries)
    return Reference(pose, float(best.energies_kcal_mol[0]), float(pose.rmsd(other.coordinates[:1])[0]))


def compare_on_cases(
    run: Run, settings: DockingSettings, contenders: Sequence[Contender], receptor: Receptor, ligand: Ligand
) -> None:
    """Run the searches that share the maps on every case of the settings, and say which cases tell them apart."""
    ours = [each for each in contenders if not each.search.refines]
    if not ours:
        return
    for name in settings.cases:
        with run.phase(f"case {name}", items=len(ours) * settings.searches, doing="searches until they succeed"):
            problem = CASES[name](receptor, ligand, settings)
            problem = replace(problem, grids=problem.grids.to(run.device))
            reference = reference_of(problem)
            problem = replace(problem, goal=Goal(reference.pose, settings.budget))
            found = {each.shown: waited(run, settings, each.search, problem, name) for each in ours}
        of = {"case": name}
        run.gate(
            "reference pose, found twice (A)", reference.apart_angstrom, at_most=_FOUND_AGAIN_ANGSTROM, labels=of,
            advice="two thorough searches disagree on the minimum of the score: success says nothing on this case",
        )  # fmt: skip
        for shown, waiting in found.items():
            report_waiting(run, waiting, {"search": shown, **of})
        if (words := told_apart(name, found)) is not None:
            run.finding(words)
        if name == "surface":
            crystal = ligand.source_coordinates_angstrom[None]
            apart = float(reference.pose.rmsd(crystal)[0])
            run.metric(
                "minimum of the score to the crystal pose", apart, unit="A", better="lower", kind="quality", labels=of
            )


def waited(run: Run, settings: DockingSettings, search: Search, problem: Problem, case: str) -> Waiting:
    """Run one search on one case, with the settings' number of seeds."""
    seeds = [run.seed_for(f"case {case}, search {number}", bits=31) for number in range(settings.searches)]
    waiting = waiting_of([attempt(search, problem, budget_s=settings.budget_s, seed=seed) for seed in seeds])
    if waiting is None:
        raise AssertionError("a case has a goal")
    return waiting


def told_apart(case: str, found: Mapping[str, Waiting]) -> str | None:
    """Say that a case does not tell searches apart, where all runs of all of them succeeded, or none did."""
    shares = np.array([each.n_succeeded / each.n_runs for each in found.values()])
    if not (shares == 1.0).all() and not (shares == 0.0).all():
        return None
    what = "every run of every search succeeded" if shares[0] else "no run of any search succeeded"
    return f"The case {case} does not tell the searches apart by their success: {what} within the budget."
