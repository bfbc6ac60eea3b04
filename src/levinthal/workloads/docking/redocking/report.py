"""What is reported of a redocking: metrics, gates, and the pictures and files that are kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.workloads.docking.molecules.contact_table import contacts_csv, contacts_svg
from levinthal.workloads.docking.molecules.contacts import contacts_of
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.molecules.sanity import sanity_checks
from levinthal.workloads.docking.redocking.comparison import (
    SEARCH_TOLERANCE_KCAL_MOL,
    SUCCESS_ANGSTROM,
    Contender,
    Finished,
    FinishedRun,
    Summary,
    verdict_of,
)
from levinthal.workloads.docking.redocking.figures import anytime_figure, table_svg
from levinthal.workloads.docking.redocking.viewer import scene_html, scene_of, scene_svg
from levinthal.workloads.docking.search.agent.policy import TrainedPolicy
from levinthal.workloads.docking.search.contract import Problem


def report_searches(run: Run, summaries: Sequence[Summary]) -> None:
    """Record times and quality of every search, by its name."""
    no_crystal = "there is no crystal pose to compare with"
    for each in summaries:
        of = {"search": each.search.shown}
        run.metric("docking time", each.search_s, unit="s", better="lower", labels=of)
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


def report_break_even(run: Run, summaries: Sequence[Summary], model: TrainedPolicy | None) -> None:
    """Record after how many ligands the training has paid for itself, against the control."""
    control = next((each for each in summaries if each.search.is_control), None)
    trained = [each for each in summaries if each.search.needs_model]
    if model is None or control is None:
        return
    reason = "the policy was given, not trained here" if model.training_s is None else "it saves no time"
    for each in trained:
        saved_s = control.search_s - each.search_s
        ligands = model.training_s / saved_s if model.training_s is not None and saved_s > 0 else None
        run.metric(
            "break-even ligands of the training", ligands, unit="1", better="lower", reason=reason,
            labels={"search": each.search.shown},
        )  # fmt: skip


def report_success(run: Run, problem: Problem, finished: Finished, best_known_kcal_mol: float, *, gated: bool) -> None:
    """Check the gates on the first search of the settings, the median of its runs; of a person's own, the best pose."""
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
    distances = [each.rmsd_angstrom for each in runs if each.rmsd_angstrom is not None]
    above = float(np.median([each.best_kcal_mol for each in runs])) - best_known_kcal_mol
    run.gate("RMSD of the redocked ligand (A)", float(np.median(distances)), at_most=SUCCESS_ANGSTROM, labels=of)
    run.gate("score above the best known (kcal/mol)", above, at_most=SEARCH_TOLERANCE_KCAL_MOL, labels=of)


def keep_artifacts(
    run: Run,
    problem: Problem,
    crystal: CrystalPose | None,
    finished: Finished,
    summaries: Sequence[Summary],
    training_s: float | None,
) -> None:
    """Write the pictures and files, and say the verdict in words, with the seconds of the training."""
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


def _sdf(problem: Problem, crystal: CrystalPose | None, finished: Finished) -> str:
    records = []
    for contender, runs in finished.items():
        final = min(runs, key=lambda each: each.best_kcal_mol).final
        for rank, (pose, conformation, energy) in enumerate(
            zip(final.coordinates, final.conformations, final.energies_kcal_mol, strict=True), 1
        ):
            fields: dict[str, object] = {
                "search": contender.shown,
                "rank": rank,
                "score_kcal_mol": float(energy),
                "conformation": int(conformation),
            }
            if crystal is not None:
                fields["rmsd_angstrom"] = float(crystal.rmsd(pose[None])[0])
            records.append(pose_record(problem.ligand, pose, problem.ligand.name, fields))
    return "".join(records)


def _runs_csv(finished: Finished) -> str:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["search", "run", "score_kcal_mol", "rmsd_angstrom", "conformation", "search_s", "setup_s", "evaluations",
         "relative_distance", "volume_overlap"]
    )  # fmt: skip
    for contender, runs in finished.items():
        for number, each in enumerate(runs):
            rmsd = "" if each.rmsd_angstrom is None else f"{each.rmsd_angstrom:.3f}"
            rows.writerow(
                [contender.name, number, f"{each.best_kcal_mol:.3f}", rmsd, int(each.final.conformations[0]),
                 f"{each.outcome.duration_s:.4f}", f"{each.setup_s:.4f}", each.outcome.n_evaluations,
                 f"{each.check.relative_distance:.3f}", f"{each.check.volume_overlap:.3f}"]
            )  # fmt: skip
    return table.getvalue()
