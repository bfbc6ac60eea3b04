"""What is kept and shown of a redocking: the table, the anytime curves, the best pose, and files for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from levinthal.harness import Run
from levinthal.workloads.docking.molecules.crystal import CrystalPose
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.redocking.comparison import Finished, Summary, verdict_of
from levinthal.workloads.docking.redocking.figures import anytime_figure, table_svg
from levinthal.workloads.docking.redocking.scene import scene_of
from levinthal.workloads.docking.redocking.viewer import scene_html, scene_svg
from levinthal.workloads.docking.search.problem import Problem

__all__ = ["keep_artifacts"]


def keep_artifacts(
    run: Run, problem: Problem, crystal: CrystalPose | None, finished: Finished, summaries: Sequence[Summary]
) -> None:
    """Write the pictures and files, and the verdict in words as a note."""
    verdict = verdict_of(summaries)
    run.artifact("comparison.svg", table_svg(summaries, verdict), "The searches, each over its runs.")
    run.note(verdict)
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


def _keep_best_pose(run: Run, problem: Problem, crystal: CrystalPose | None, finished: Finished) -> None:
    ligand = problem.ligand
    contender, best = min(
        ((each, one) for each, runs in finished.items() for one in runs), key=lambda pair: pair[1].best_kcal_mol
    )
    receptor = problem.receptors[int(best.final.conformations[0])]
    seen = None if crystal is None else ligand.source_coordinates_angstrom
    scene = scene_of(receptor, ligand, best.final.coordinates[0], seen)
    rmsd = "" if best.rmsd_angstrom is None else f", {best.rmsd_angstrom:.2f} A from the crystal pose"
    words = f"{ligand.name} in {receptor.name}: {best.best_kcal_mol:.2f} kcal/mol{rmsd}, found by {contender.shown}"
    run.artifact(
        "pose.svg", scene_svg(scene), f"The best pose, from two sides: {words}. pose.html is the same to turn."
    )
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
