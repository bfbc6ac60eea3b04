"""All searches on one complex and one last word: what a run is worth, and the summaries that the table is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from levinthal.workloads.docking.molecules.plausibility import PoseCheck, check_in_receptor
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.redocking.waiting import median_of, waiting_of
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import SUCCESS_ANGSTROM, SearchOutcome
from levinthal.workloads.docking.search.rescoring import FinalPoses, rescore
from levinthal.workloads.docking.search.rounds import Attempt

SEARCH_TOLERANCE_KCAL_MOL = 0.5

Verdict = Literal["success", "search failure", "scoring failure"]


def judge(rmsd_angstrom: float, energy_kcal_mol: float, best_known_kcal_mol: float) -> Verdict:
    """Distinguish a failure of the search from one of the score.

    A top pose beyond 2 A is a failure of the search when its energy is more than 0.5 kcal/mol above the best known:
    then something better was there to be found. Otherwise the score itself prefers a wrong pose.
    """
    if rmsd_angstrom <= SUCCESS_ANGSTROM:
        return "success"
    if energy_kcal_mol > best_known_kcal_mol + SEARCH_TOLERANCE_KCAL_MOL:
        return "search failure"
    return "scoring failure"


@dataclass(frozen=True, eq=False)
class Contender:
    """A search that takes part.

    Attributes
    ----------
    name : str
        In the registry; of a budget of another search, what is shown.
    search : Search
    shown : str
        Where people read.
    ranked : bool
        Whether it is one of the settings' searches, not a point of the anytime curve of one.
    """

    name: str
    search: Search
    shown: str
    ranked: bool = True


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run of a search after rescoring.

    Attributes
    ----------
    attempt : Attempt
        As the search ended.
    final : FinalPoses
    rmsd_angstrom : float or None
        Of the pose with the best exact energy; None without a crystal pose.
    check : PoseCheck
        Of the same pose.
    nearest_angstrom : float or None
        The smallest RMSD of all final poses.
    """

    attempt: Attempt
    final: FinalPoses
    rmsd_angstrom: float | None
    check: PoseCheck
    nearest_angstrom: float | None = None

    @property
    def outcome(self) -> SearchOutcome:
        """Poses and trace of the whole search."""
        return self.attempt.outcome

    @property
    def best_kcal_mol(self) -> float:
        """Best exact energy."""
        return float(self.final.energies_kcal_mol[0])

    @property
    def setup_s(self) -> float:
        """What the search needed before it could begin."""
        return sum(self.outcome.setup_s.values())


Finished = Mapping[Contender, Sequence[FinishedRun]]
"""The runs of each contender."""


@dataclass(frozen=True)
class Summary:
    """A search over its runs.

    Attributes
    ----------
    search : type of Search
    n_runs : int
    success : float or None
        Share of runs whose top pose is within 2 A; None without a crystal pose.
    best_kcal_mol, median_kcal_mol : float
        Exact energies of the top poses.
    rmsd_angstrom : float or None
        Median of the top poses.
    search_s : float or None
        Kaplan-Meier median of the seconds to success, None where half of the runs or fewer succeeded; without a
        crystal pose the median of the searches' own schedules.
    setup_s : float
        Median.
    evaluations : float or None
        As `search_s`; None also where the search does not report them.
    n_search_failures, n_scoring_failures, n_plausible : int
        Runs.
    found : float
        Share of runs within 0.5 kcal/mol of the best known energy.
    succeeded : float or None
        Share of runs that succeeded within their budget; None without a crystal pose.
    """

    search: type[Search]
    n_runs: int
    success: float | None
    best_kcal_mol: float
    median_kcal_mol: float
    rmsd_angstrom: float | None
    search_s: float | None
    setup_s: float
    evaluations: float | None
    n_search_failures: int
    n_scoring_failures: int
    n_plausible: int
    found: float
    succeeded: float | None = None


def finish(problem: Problem, crystal: CrystalPose | None, search: Search, attempt: Attempt) -> FinishedRun:
    """Rescore the poses of a run and look at the best one."""
    function = problem.grids.function
    final = rescore(problem.receptors, problem.ligand, attempt.outcome, function, polished=not search.refines)
    top = final.coordinates[:1]
    receptor = problem.receptors[int(final.conformations[0])]
    check = check_in_receptor(problem.ligand, receptor, top[0])
    distances = None if crystal is None else crystal.rmsd(final.coordinates)
    if distances is None:
        return FinishedRun(attempt, final, None, check)
    return FinishedRun(attempt, final, float(distances[0]), check, float(distances.min()))


def summarise(search: Search, runs: Sequence[FinishedRun], best_known_kcal_mol: float) -> Summary:
    """Summarise the runs of a search.

    Parameters
    ----------
    search : Search
    runs : sequence of FinishedRun
    best_known_kcal_mol : float
        The best exact energy that anybody found, the crystal pose after a descent included.
    """
    energies = np.array([each.best_kcal_mol for each in runs])
    judged = [(each.rmsd_angstrom, each.best_kcal_mol) for each in runs if each.rmsd_angstrom is not None]
    verdicts = [judge(rmsd, energy, best_known_kcal_mol) for rmsd, energy in judged]
    distances = [rmsd for rmsd, _ in judged]
    waiting = waiting_of([each.attempt for each in runs])
    counts = [each.attempt.evaluations for each in runs if each.attempt.evaluations is not None]
    return Summary(
        search=type(search),
        n_runs=len(runs),
        success=float(np.mean([each <= SUCCESS_ANGSTROM for each in distances])) if distances else None,
        best_kcal_mol=float(energies.min()),
        median_kcal_mol=float(np.median(energies)),
        rmsd_angstrom=float(np.median(distances)) if distances else None,
        search_s=median_of(waiting.seconds) if waiting else float(np.median([each.attempt.seconds for each in runs])),
        setup_s=float(np.median([each.setup_s for each in runs])),
        evaluations=median_of(waiting.evaluations) if waiting else float(np.median(counts)) if counts else None,
        n_search_failures=verdicts.count("search failure"),
        n_scoring_failures=verdicts.count("scoring failure"),
        n_plausible=sum(each.check.passed for each in runs),
        found=float(np.mean(energies <= best_known_kcal_mol + SEARCH_TOLERANCE_KCAL_MOL)),
        succeeded=waiting.n_succeeded / waiting.n_runs if waiting else None,
    )


def verdict_of(summaries: Sequence[Summary], training_s: Mapping[str, float | None] | None = None) -> str:
    """Say in words what the table says: trained searches against the control, the control against the reference.

    Without a control the trained ones stand against the reference; without any of these the first against the second.
    What was trained here stands with the seconds of its training, `training_s`, by the name shown. Where a crystal
    pose is known and no top pose comes near it, that is said first.
    """
    trained = [each for each in summaries if each.search.needs_model]
    control = next((each for each in summaries if each.search.is_control), None)
    reference = next((each for each in summaries if each.search.is_reference), None)
    pairs = [(each, other) for each in trained if (other := control or reference) is not None]
    if control is not None and reference is not None:
        pairs.append((control, reference))
    if not pairs and len(summaries) > 1:
        pairs = [(summaries[0], summaries[1])]
    alone = summaries[0].search.shown
    missed = all(each.success == 0.0 for each in summaries)
    nothing = f"No search has a top pose within {SUCCESS_ANGSTROM:g} A of the crystal pose. " * missed
    return nothing + (
        " ".join(_versus(*pair, (training_s or {}).get(pair[0].search.shown)) for pair in pairs)
        or f"{alone[0].upper()}{alone[1:]} ran alone: there is nothing to compare it with."
    )


def _versus(ours: Summary, theirs: Summary, training_s: float | None) -> str:
    better = ours.found - theirs.found
    time_words = _time_words(ours.search_s, theirs.search_s)
    often = "more often than" if better > 0 else "less often than" if better < 0 else "as often as"
    if training_s is not None and ours.search.needs_model:
        time_words += f", after {training_s:.3g} s of training"
    score = " on the same score" if ours.search.needs_model and theirs.search.is_control else ""
    words = f"{_words(ours)} found the best known score {often} {_words(theirs)}{score}, {time_words}."
    return f"{words[0].upper()}{words[1:]}"


def _time_words(ours_s: float | None, theirs_s: float | None) -> str:
    if ours_s is None or theirs_s is None:
        said = ["not in half of its runs" if each is None else f"in {each:.3g} s" for each in (ours_s, theirs_s)]
        return f"{said[0]} against {said[1]}"
    words = f"in {ours_s:.3g} s against {theirs_s:.3g} s"
    return words if not 0.8 < theirs_s / ours_s < 1.25 else words.replace("in ", "in about the same time (", 1) + ")"


def _words(summary: Summary) -> str:
    return summary.search.described or summary.search.shown
