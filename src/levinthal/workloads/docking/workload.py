"""The workload `docking`: a rigid ligand in a flexible pocket, a trained search beside others, on one clock.

It reads from top to bottom: files become molecules, a pocket becomes conformations, these become maps; a policy is
trained on them, every search docks, and Vina's exact path has the last word on all of their poses.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from levinthal.errors import UsageError
from levinthal.harness import Run, Settings
from levinthal.harness.contract.seeds import low_bits
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.docking.agent.checkpoint import load_policy
from levinthal.workloads.docking.agent.learning import TrainedPolicy, obtain_policy
from levinthal.workloads.docking.inputs import Inputs, read_inputs
from levinthal.workloads.docking.judging.comparison import (
    Complex,
    FinishedRun,
    MethodRun,
    MethodSummary,
    finish,
    own_search,
    summarise,
    vina_search,
)
from levinthal.workloads.docking.judging.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.judging.rescoring import polish
from levinthal.workloads.docking.judging.verdicts import SEARCH_TOLERANCE_KCAL_MOL, SUCCESS_ANGSTROM
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.reporting.figures import NAMES, anytime_figure, enrichment_figure, table_svg
from levinthal.workloads.docking.reporting.scene import scene_of
from levinthal.workloads.docking.reporting.viewer import scene_html, scene_svg
from levinthal.workloads.docking.scoring import GridMaps, build_grids, exact_score, score_and_gradient
from levinthal.workloads.docking.screening.screen import Screening, ranked_csv, ranked_sdf, screen
from levinthal.workloads.docking.search.evolution import EvolutionSettings, evolve
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.problem import Problem
from levinthal.workloads.docking.search.restarts import RestartSettings, random_restarts
from levinthal.workloads.docking.search.vina_engine import VinaSettings, has_vina
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.implementation import use_implementation

__all__ = ["DockingWorkload"]

_TIMED_POSES = 16_384
_TIMINGS = 5
_LONGEST_ANYTIME_EVALS = 1500
_SCREENING = RestartSettings(n_drawn=2048, n_starts=512, n_last=32, n_poses=3)

Finished = Mapping[str, Sequence[FinishedRun]]


class DockingWorkload:
    """Docking of a rigid ligand in a flexible pocket by a trained policy and by the searches it has to beat."""

    name: ClassVar[str] = "docking"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = DockingSettings

    def run(self, run: Run, settings: DockingSettings) -> None:
        """Prepare, make maps, train, dock and rescore; screen a library where one is given."""
        use_implementation(run, settings)
        if run.device == "cpu":
            # Batches are small: a second thread gains little on an idle machine and loses much beside a neighbour.
            torch.set_num_threads(1)
        if settings.policy:
            load_policy(settings.policy)  # a mistake is told before anything long begins
        with run.phase("prepare") as phase:
            inputs = read_inputs(run, settings)
            phase.items = len(inputs.receptors)
        for sentence in inputs.notes:
            run.note(sentence)
        run.dataset(inputs.name, version="1", sha256=inputs.sha256, synthetic=False)
        if inputs.library:
            _screen(run, settings, inputs)
        if inputs.complex is not None:
            _redock(run, settings, inputs.complex, embedded=inputs.embedded)
        run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")


# -- one ligand


def _redock(run: Run, settings: DockingSettings, complex_: Complex, *, embedded: bool) -> None:
    build_grids(complex_.receptors[0], complex_.ligand.scored_types[:1], complex_.box)  # compiled before the clock
    with run.phase("maps", items=len(complex_.receptors)):
        grids = build_grids(
            complex_.receptors,
            complex_.ligand.scored_types,
            complex_.box,
            complex_.function,
            spacing_angstrom=settings.spacing,
            device=run.device,
        )
    problem = Problem(grids, complex_.ligand)
    _time_scoring(run, problem)
    policy = obtain_policy(run, settings, [problem]) if "policy" in settings.methods else None
    methods = [each for each in settings.methods if not each.startswith("vina") or has_vina()]
    if len(methods) < len(settings.methods):
        if not methods:
            raise UsageError("AutoDock Vina needs the package vina (Python 3.11 and 3.12): pip install vina")
        run.note("The package vina is not installed: AutoDock Vina does not stand in the table.")
    runs = _dock(run, settings, complex_, problem, methods, policy)
    with run.phase("rescore", items=sum(len(each) for each in runs.values())):
        finished = {method: [finish(complex_, each) for each in mine] for method, mine in runs.items()}
        best_known = min(
            _crystal_energy(complex_), *(each.best_kcal_mol for mine in finished.values() for each in mine)
        )
        summaries = summarise({name: mine for name, mine in finished.items() if name in methods}, best_known)
    _tell_methods(run, summaries)
    run.metric("map making", run.duration_s("maps"), unit="s", better="lower")
    _tell_break_even(run, summaries, policy)
    _tell_success(run, settings, finished, best_known, gated=embedded)
    _show(run, complex_, finished, summaries)


def _time_scoring(run: Run, problem: Problem) -> None:
    """Measure how many poses a second are scored with their gradients."""
    poses = Poses.random(_TIMED_POSES, problem.grids.box, torch.Generator().manual_seed(0), device=problem.grids.device)
    score_and_gradient(problem.grids, problem.ligand, poses)
    durations = []
    with run.phase("score", items=_TIMINGS * _TIMED_POSES):
        for _ in range(_TIMINGS):
            began = time.perf_counter()
            score = score_and_gradient(problem.grids, problem.ligand, poses)
            float(score.energies_kcal_mol[0])  # waits for the device
            durations.append(time.perf_counter() - began)
    rates = _TIMED_POSES / np.array(durations)
    run.samples("poses scored", rates, unit="pose/s")
    run.metric("poses scored with gradient", float(np.median(rates)), unit="pose/s", better="higher")


def _dock(
    run: Run,
    settings: DockingSettings,
    complex_: Complex,
    problem: Problem,
    methods: Sequence[str],
    policy: TrainedPolicy | None,
) -> dict[str, list[MethodRun]]:
    """Run every search with every seed; the seeds are the same for all."""
    seeds = [run.seed_for(f"search {number}", bits=31) for number in range(settings.searches)]
    anytime = settings.anytime if "vina-tuned" in methods else ()
    total = (len(methods) + len(anytime)) * len(seeds)
    threads = run.n_workers  # Vina may have all cores
    search = None if policy is None else policy.search(settings.poses)
    with run.phase("warm up"):  # once each, so that nothing is compiled or loaded on the clock
        for method in methods:
            if method == "cma-es":
                evolve(problem, EvolutionSettings(n_populations=1, population=8, n_evaluations=8))
            elif not method.startswith("vina"):
                own_search(method, problem, 0, settings.poses, search)
    runs: dict[str, list[MethodRun]] = {method: [] for method in methods}
    with run.phase("dock", items=total, total=total) as phase:
        for seed in seeds:
            for method in methods:
                if method.startswith("vina"):
                    runs[method].append(vina_search(complex_, method, seed, settings.poses, threads))
                else:
                    runs[method].append(own_search(method, problem, seed, settings.poses, search))
                phase.advance()
            for exhaustiveness in anytime:
                shorter = VinaSettings(exhaustiveness, _LONGEST_ANYTIME_EVALS)
                name = f"Vina, {exhaustiveness} chains"
                runs.setdefault(name, []).append(vina_search(complex_, "vina", seed, settings.poses, threads, shorter))
                phase.advance()
    return runs


def _crystal_energy(complex_: Complex) -> float:
    """Return the exact energy of the crystal pose after a descent in the first conformation; inf without one."""
    if complex_.crystal is None:
        return float("inf")
    receptor, ligand = complex_.receptors[0], complex_.ligand
    places = torch.as_tensor(ligand.source_coordinates_angstrom)[None]
    energies = [
        float(exact_score(receptor, ligand, each, complex_.function)[0])
        for each in (places, polish(receptor, ligand, places, complex_.function))
    ]
    return min(energies) + receptor.energy_kcal_mol


def _tell_methods(run: Run, summaries: Sequence[MethodSummary]) -> None:
    no_crystal = "there is no crystal pose to compare with"
    for each in summaries:
        name = NAMES[each.method]
        run.metric(f"docking time ({name})", each.search_s, unit="s", better="lower")
        if each.setup_s:
            run.metric(f"set-up ({name})", each.setup_s, unit="s", better="lower")
        run.metric(f"best score ({name})", each.best_kcal_mol, unit="kcal/mol", better="lower", kind="quality")
        run.metric(f"best known found ({name})", each.found, unit="1", better="higher", kind="quality")
        run.metric(
            f"success at 2 A ({name})", each.success, unit="1", better="higher", kind="quality", reason=no_crystal
        )
        run.metric(
            f"RMSD of the top pose ({name})", each.rmsd_angstrom, unit="A", better="lower", kind="quality",
            reason=no_crystal,
        )  # fmt: skip
        if each.success is not None:
            run.metric(
                f"search failures ({name})", each.n_search_failures / each.n_runs, unit="1", better="lower",
                kind="quality",
            )  # fmt: skip
            run.metric(
                f"scoring failures ({name})", each.n_scoring_failures / each.n_runs, unit="1", better="lower",
                kind="quality",
            )  # fmt: skip
        run.metric(
            f"plausible top poses ({name})", each.n_plausible / each.n_runs, unit="1", better="higher", kind="quality"
        )


def _tell_break_even(run: Run, summaries: Sequence[MethodSummary], policy: TrainedPolicy | None) -> None:
    """Say after how many ligands the training has paid for itself, against the restarts on the same score."""
    by_method = {each.method: each for each in summaries}
    if policy is None or "restarts" not in by_method or "policy" not in by_method:
        return
    saved_s = by_method["restarts"].search_s - by_method["policy"].search_s
    reason = "the policy was given, not trained here" if policy.training_s is None else "it saves no time"
    ligands = policy.training_s / saved_s if policy.training_s is not None and saved_s > 0 else None
    run.metric("break-even ligands of the training", ligands, unit="1", better="lower", reason=reason)


def _tell_success(run: Run, settings: DockingSettings, finished: Finished, best_known: float, *, gated: bool) -> None:
    """Check the gate on the first method of the settings: the median of its runs."""
    main = next(each for each in settings.methods if each in finished)
    runs = finished[main]
    run.metric("best known score", best_known, unit="kcal/mol", better="lower", kind="quality")
    if not gated:
        return
    distances = [each.rmsd_angstrom for each in runs if each.rmsd_angstrom is not None]
    run.gate(f"RMSD of the redocked ligand (A), {NAMES[main]}", float(np.median(distances)), at_most=SUCCESS_ANGSTROM)
    run.gate(
        f"score above the best known (kcal/mol), {NAMES[main]}",
        float(np.median([each.best_kcal_mol for each in runs])) - best_known,
        at_most=SEARCH_TOLERANCE_KCAL_MOL,
    )


# -- what is kept and shown


def _show(run: Run, complex_: Complex, finished: Finished, summaries: Sequence[MethodSummary]) -> None:
    ligand, receptors = complex_.ligand, complex_.receptors
    listed = [each for mine in finished.values() for each in mine]
    best = min(listed, key=lambda each: each.best_kcal_mol)
    named = {NAMES.get(method, method): mine for method, mine in finished.items()}
    run.artifact("comparison.svg", table_svg(summaries, verdict_of(summaries)), "The searches, each over its runs.")
    run.note(verdict_of(summaries))
    run.artifact(
        "anytime.svg",
        anytime_figure({name: [each.run.outcome.trace for each in mine] for name, mine in named.items()}),
        "Best energy so far against evaluations and against search time, the median over the runs. Energies are those "
        "each search works with (maps); Vina tells only its end, so that each of its budgets is a point.",
    )
    conformation = int(best.final.conformations[0])
    pose = best.final.coordinates[0]
    crystal = None if complex_.crystal is None else ligand.source_coordinates_angstrom
    scene = scene_of(receptors[conformation], ligand, pose, crystal)
    rmsd = "" if best.rmsd_angstrom is None else f", {best.rmsd_angstrom:.2f} A from the crystal pose"
    words = (
        f"{ligand.name} in {receptors[conformation].name}: {best.best_kcal_mol:.2f} kcal/mol{rmsd}, found by "
        f"{NAMES.get(best.run.method, best.run.method)}"
    )
    run.artifact(
        "pose.svg", scene_svg(scene), f"The best pose, from two sides: {words}. pose.html is the same to turn."
    )
    run.artifact(
        "pose.html", scene_html(scene, f"{ligand.name} in its pocket", words), "The best pose, to look at and turn."
    )
    run.artifact("poses.sdf", _sdf(complex_, finished), "The final poses of each search's best run.")
    run.artifact("receptor.pdb", receptor_pdb(receptors), "The receptor conformations, a model for each.")
    run.artifact("runs.csv", _runs_csv(finished), "Every run of every search.")


def verdict_of(summaries: Sequence[MethodSummary]) -> str:
    """Say in words what the table says: the trained policy against restarts, and both against tuned Vina."""
    by_method = {each.method: each for each in summaries}
    sentences = []
    policy, restarts, vina = (by_method.get(name) for name in ("policy", "restarts", "vina-tuned"))
    if policy is not None and restarts is not None:
        sentences.append(_versus("The trained policy", policy, "random restarts on the same score", restarts))
    if restarts is not None and vina is not None:
        sentences.append(_versus("Random restarts", restarts, "tuned Vina", vina))
    elif policy is not None and vina is not None:
        sentences.append(_versus("The trained policy", policy, "tuned Vina", vina))
    if not sentences and len(summaries) > 1:
        first, second = summaries[:2]
        sentences.append(_versus(NAMES[first.method], first, NAMES[second.method], second))
    alone = NAMES[summaries[0].method]
    return " ".join(sentences) or f"{alone[0].upper()}{alone[1:]} ran alone: there is nothing to compare it with."


def _versus(name: str, ours: MethodSummary, other: str, theirs: MethodSummary) -> str:
    better = ours.found - theirs.found
    ratio = theirs.search_s / ours.search_s
    time_words = (
        f"in about the same time ({ours.search_s:.3g} s against {theirs.search_s:.3g} s)"
        if 0.8 < ratio < 1.25
        else f"in {ours.search_s:.3g} s against {theirs.search_s:.3g} s"
    )
    if better > 0:
        found = "found the best known score more often than"
    elif better < 0:
        found = "found the best known score less often than"
    else:
        found = "found the best known score as often as"
    return f"{name} {found} {other}, {time_words}."


def _sdf(complex_: Complex, finished: Finished) -> str:
    records = []
    for method, mine in finished.items():
        best = min(mine, key=lambda each: each.best_kcal_mol)
        for rank, (pose, conformation, energy) in enumerate(
            zip(best.final.coordinates, best.final.conformations, best.final.energies_kcal_mol, strict=True), 1
        ):
            fields: dict[str, object] = {
                "search": NAMES.get(method, method),
                "rank": rank,
                "score_kcal_mol": float(energy),
                "conformation": int(conformation),
            }
            if complex_.crystal is not None:
                fields["rmsd_angstrom"] = float(complex_.crystal.rmsd(pose[None])[0])
            records.append(pose_record(complex_.ligand, pose, complex_.ligand.name, fields))
    return "".join(records)


def _runs_csv(finished: Finished) -> str:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["search", "run", "score_kcal_mol", "rmsd_angstrom", "conformation", "search_s", "setup_s", "evaluations",
         "relative_distance", "volume_overlap"]
    )  # fmt: skip
    for method, mine in finished.items():
        for number, each in enumerate(mine):
            rmsd = "" if each.rmsd_angstrom is None else f"{each.rmsd_angstrom:.3f}"
            rows.writerow(
                [method, number, f"{each.best_kcal_mol:.3f}", rmsd, int(each.final.conformations[0]),
                 f"{each.run.outcome.duration_s:.4f}", f"{each.run.setup_s:.4f}", each.run.outcome.n_evaluations,
                 f"{each.check.relative_distance:.3f}", f"{each.check.volume_overlap:.3f}"]
            )  # fmt: skip
    return table.getvalue()


# -- many ligands


def _screen(run: Run, settings: DockingSettings, inputs: Inputs) -> None:
    """Dock a library, rank it, and say what the ranking is worth."""
    prepared, failures = inputs.library, inputs.library_failures
    types = sorted({int(kind) for each in prepared for kind in each.ligand.scored_types})
    with run.phase("library maps", items=len(inputs.receptors)):
        grids = _library_maps(run, settings, inputs.receptors, types, inputs)
    seed = run.seed_for("screening", bits=31)

    def search(problem: Problem, number: int) -> SearchOutcome:
        return random_restarts(problem, _SCREENING, seed=low_bits(seed + number))

    with run.phase("screen", items=len(prepared), total=len(prepared)) as phase:
        screening = screen(
            prepared, failures, inputs.receptors, grids, search, settings.function, on_ligand=phase.advance
        )
    _tell_screening(run, screening, run.duration_s("screen"))


def _library_maps(
    run: Run, settings: DockingSettings, receptors: Sequence[Receptor], types: Sequence[int], inputs: Inputs
) -> GridMaps:
    return build_grids(
        receptors, types, inputs.box, settings.function, spacing_angstrom=settings.spacing, device=run.device
    )


def _tell_screening(run: Run, screening: Screening, duration_s: float) -> None:
    run.metric("screening", len(screening.hits) / duration_s, unit="ligand/s", better="higher")
    run.metric("ligands that failed", len(screening.failures), unit="1", better="lower", kind="quality")
    found = screening.enrichment
    why = "the library marks no actives, or no decoys"
    for name, value in (
        ("ROC AUC", None if found is None else found.roc_auc),
        ("BEDROC", None if found is None else found.bedroc),
        ("enrichment of the first 1 %", None if found is None else found.enrichment_1_percent),
    ):
        run.metric(f"screening {name}", value, unit="1", better="higher", kind="quality", reason=why)
    run.artifact(
        "ranked.csv", ranked_csv(screening), "The library, ranked; what failed stands at the end with its reason."
    )
    run.artifact("ranked.sdf", ranked_sdf(screening), "The best pose of each compound, in the order of the list.")
    if found is not None:
        run.artifact(
            "enrichment.svg",
            enrichment_figure(screening),
            f"{found.n_active} actives and {found.n_decoy} decoys in the order of their scores.",
        )
    for failure in screening.failures[:5]:
        run.note(f"{failure.name} was left out: {failure.reason}.")
    if len(screening.failures) > 5:
        run.note(f"{len(screening.failures) - 5} more compounds were left out: ranked.csv says why.")
