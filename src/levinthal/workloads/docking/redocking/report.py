"""What is reported of a redocking: metrics, gates, and the pictures and files that are kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.harness import Run
from levinthal.harness.results.scenes import ScenePart, SceneStep
from levinthal.workloads.docking.molecules.contact_table import contacts_csv, contacts_svg
from levinthal.workloads.docking.molecules.contacts import contacts_of
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.molecules.sanity import sanity_checks
from levinthal.workloads.docking.redocking.comparison import (
    SEARCH_TOLERANCE_KCAL_MOL,
    Contender,
    Finished,
    FinishedRun,
    Summary,
    verdict_of,
)
from levinthal.workloads.docking.redocking.figures import anytime_figure, table_svg
from levinthal.workloads.docking.redocking.viewer import scene_html, scene_of, scene_svg
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SUCCESS_ANGSTROM

_RANKS_SHOWN = 3


def report_searches(run: Run, summaries: Sequence[Summary]) -> None:
    """Record quality, and what is needed before a search, of every search by its name."""
    no_crystal = "there is no crystal pose to compare with"
    for each in summaries:
        of = {"search": each.search.shown}
        if each.succeeded is None:
            run.metric("search time", each.search_s, unit="s", better="lower", labels=of)
        if each.setup_s:
            run.metric("set-up", each.setup_s, unit="s", better="lower", labels=of)
        run.metric("best score", each.best_kcal_mol, unit="kcal/mol", better="lower", kind="quality", labels=of)
        run.metric("best known found", each.found, unit="1", better="higher", kind="quality", labels=of)
        run.metric(
            "success", each.success, unit="1", better="higher", kind="quality", reason=no_crystal,
            labels={**of, "within_angstrom": SUCCESS_ANGSTROM},
        )  # fmt: skip
        run.metric(
            "RMSD of the top pose", each.rmsd_angstrom, unit="A", better="lower", kind="quality", reason=no_crystal,
            labels=of,
        )  # fmt: skip
        if each.success is not None:
            for name, count in (
                ("search failures", each.n_search_failures),
                ("scoring failures", each.n_scoring_failures),
            ):
                run.metric(name, count / each.n_runs, unit="1", better="lower", kind="quality", labels=of)
        plausible = each.n_plausible / each.n_runs
        run.metric("plausible top poses", plausible, unit="1", better="higher", kind="quality", labels=of)


def report_break_even(run: Run, summaries: Sequence[Summary], training_s: Mapping[str, float | None]) -> None:
    """Record after how many ligands a training has paid for itself, against the control; seconds by search."""
    control = next((each for each in summaries if each.search.is_control), None)
    trained = [each for each in summaries if each.search.needs_model]
    if control is None:
        return
    for each in trained:
        spent_s = training_s[each.search.shown]
        reason = "what it learned was given, not trained here" if spent_s is None else "it saves no time"
        times = control.search_s, each.search_s
        saved_s = times[0] - times[1] if times[0] is not None and times[1] is not None else 0.0
        ligands = spent_s / saved_s if spent_s is not None and saved_s > 0 else None
        run.metric(
            "break-even ligands of the training", ligands, unit="1", better="lower", reason=reason,
            labels={"search": each.search.shown},
        )  # fmt: skip


def report_success(run: Run, problem: Problem, finished: Finished, best_known_kcal_mol: float, *, gated: bool) -> None:
    """Check the gates on the first search of the settings, the median of its runs; of a person's own, the best pose.

    In a rigid pocket the best pose has to be the crystal's. Of several conformations the score may prefer another, and
    the program be right: there the crystal's pose has to be among the final ones.
    """
    run.metric("best known score", best_known_kcal_mol, unit="kcal/mol", better="lower", kind="quality")
    if not gated:
        _, best = _best_of(finished)
        receptor = problem.receptors[int(best.final.conformations[0])]
        pose = best.final.coordinates[0]
        for each in sanity_checks(problem.ligand, receptor, problem.grids.box, pose, best.best_kcal_mol):
            run.gate(each.name, each.value, at_most=each.at_most, kind="sanity", advice=each.advice)
        return
    first, runs = next(iter(finished.items()))
    of = {"search": first.shown}
    above = float(np.median([each.best_kcal_mol for each in runs])) - best_known_kcal_mol
    flexible = problem.n_conformations > 1
    which = "nearest_angstrom" if flexible else "rmsd_angstrom"
    distances = [value for each in runs if (value := getattr(each, which)) is not None]
    name = "RMSD of the nearest final pose (A)" if flexible else "RMSD of the redocked ligand (A)"
    run.gate(name, float(np.median(distances)), at_most=SUCCESS_ANGSTROM, labels=of)
    run.gate("score above the best known (kcal/mol)", above, at_most=SEARCH_TOLERANCE_KCAL_MOL, labels=of)


def keep_artifacts(
    run: Run,
    problem: Problem,
    crystal: CrystalPose | None,
    finished: Finished,
    summaries: Sequence[Summary],
    training_s: Mapping[str, float | None],
) -> None:
    """Write the pictures and files, and say the verdict in words, with the seconds of the trainings."""
    verdict = verdict_of(summaries, training_s)
    run.artifact("comparison.svg", table_svg(summaries, verdict), "The searches, each over its runs.")
    run.finding(verdict)
    run.artifact(
        "anytime.svg",
        anytime_figure({each.shown: [one.outcome.trace for one in runs] for each, runs in finished.items()}),
        "Best energy so far against evaluations and against search time, the median over the runs. Energies are those "
        "each search works with (maps); Vina reports only its end, so that each of its budgets is a point.",
    )
    _keep_best_pose(run, problem, crystal, finished)
    run.artifact("poses.sdf", _sdf(problem, crystal, finished), "The final poses of each search's best run.")
    run.artifact("receptor.pdb", receptor_pdb(problem.receptors), "The receptor conformations, a model for each.")
    run.artifact("runs.csv", _runs_csv(finished), "Every run of every search.")
    _show_poses(run, problem, crystal, finished)


def _best_of(finished: Finished) -> tuple[Contender, FinishedRun]:
    """Return the run with the best score of all, and whose it is."""
    return min(((each, one) for each, runs in finished.items() for one in runs), key=lambda pair: pair[1].best_kcal_mol)


def _keep_best_pose(run: Run, problem: Problem, crystal: CrystalPose | None, finished: Finished) -> None:
    ligand = problem.ligand
    contender, best = _best_of(finished)
    receptor = problem.receptors[int(best.final.conformations[0])]
    seen = None if crystal is None else ligand.source_coordinates_angstrom
    scene = scene_of(receptor, ligand, best.final.coordinates[0], seen)
    rmsd = "" if best.rmsd_angstrom is None else f", {best.rmsd_angstrom:.2f} A from the crystal pose"
    words = f"{ligand.name} in {receptor.name}: {best.best_kcal_mol:.2f} kcal/mol{rmsd}, found by {contender.shown}"
    run.artifact(
        "pose.svg", scene_svg(scene), f"The best pose, from two sides: {words}. pose.html is the same to turn."
    )
    touched = contacts_of(receptor, ligand, best.final.coordinates[0])
    run.artifact("contacts.svg", contacts_svg(touched), f"What the best pose touches: {words}.")
    run.artifact("contacts.csv", contacts_csv(touched), "The residues within 4 A of the best pose, the nearest first.")
    run.artifact(
        "pose.html", scene_html(scene, f"{ligand.name} in its pocket", words), "The best pose, to look at and turn."
    )


def _show_poses(run: Run, problem: Problem, crystal: CrystalPose | None, finished: Finished) -> None:
    """Have the report show the first poses of each search in the receptor conformation that each is in."""
    parts = [
        ScenePart(artifact="receptor.pdb", words="receptor", shown="pocket"),
        ScenePart(artifact="poses.sdf", words="docked pose", shown="molecule"),
    ]
    if crystal is not None:
        pose = pose_record(problem.ligand, problem.ligand.source_coordinates_angstrom, problem.ligand.name, {})
        run.artifact("crystal.sdf", pose, "The ligand as the crystal has it.")
        parts.append(ScenePart(artifact="crystal.sdf", words="crystal pose", shown="molecule"))
    steps = []
    for number, each in enumerate(_final_poses(finished)):
        if each.rank <= _RANKS_SHOWN:
            apart = (
                "" if crystal is None else f", {crystal.rmsd(each.coordinates[None])[0]:.2f} A from the crystal pose"
            )
            where = f", conformation {each.conformation + 1}" if problem.n_conformations > 1 else ""
            words = f"{each.search.shown}, rank {each.rank}: {each.energy_kcal_mol:.2f} kcal/mol{apart}{where}"
            steps.append(SceneStep(words=words, models=(each.conformation, number, 0)[: len(parts)]))
    caption = "The first final poses of each search's best run, each in the receptor conformation that it was found in."
    run.scene(f"{problem.ligand.name} in its pocket", caption, parts, steps)


@dataclass(frozen=True, eq=False)
class _FinalPose:
    """A final pose of a search's best run: its rank from 1, where it is, and how good."""

    search: Contender
    rank: int
    coordinates: npt.NDArray[np.float64]
    conformation: int
    energy_kcal_mol: float


def _final_poses(finished: Finished) -> Iterator[_FinalPose]:
    """Yield what `poses.sdf` holds, in its order."""
    for contender, runs in finished.items():
        final = min(runs, key=lambda each: each.best_kcal_mol).final
        for rank, (pose, conformation, energy) in enumerate(
            zip(final.coordinates, final.conformations, final.energies_kcal_mol, strict=True), 1
        ):
            yield _FinalPose(contender, rank, pose, int(conformation), float(energy))


def _sdf(problem: Problem, crystal: CrystalPose | None, finished: Finished) -> str:
    records = []
    for each in _final_poses(finished):
        fields: dict[str, object] = {
            "search": each.search.shown,
            "rank": each.rank,
            "score_kcal_mol": each.energy_kcal_mol,
            "conformation": each.conformation,
        }
        if crystal is not None:
            fields["rmsd_angstrom"] = float(crystal.rmsd(each.coordinates[None])[0])
        records.append(pose_record(problem.ligand, each.coordinates, problem.ligand.name, fields))
    return "".join(records)


def _runs_csv(finished: Finished) -> str:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["search", "run", "score_kcal_mol", "rmsd_angstrom", "conformation", "rounds", "succeeded", "seconds",
         "evaluations", "setup_s", "relative_distance", "volume_overlap"]
    )  # fmt: skip
    for contender, runs in finished.items():
        for number, each in enumerate(runs):
            rmsd = "" if each.rmsd_angstrom is None else f"{each.rmsd_angstrom:.3f}"
            tried = each.attempt
            rows.writerow(
                [contender.name, number, f"{each.best_kcal_mol:.3f}", rmsd, int(each.final.conformations[0]),
                 tried.n_rounds, "" if tried.succeeded is None else tried.succeeded, f"{tried.seconds:.4f}",
                 tried.evaluations or "", f"{each.setup_s:.4f}", f"{each.check.relative_distance:.3f}",
                 f"{each.check.volume_overlap:.3f}"]
            )  # fmt: skip
    return table.getvalue()
