"""What a study leaves to look at: pictures, structures for a viewer, trajectories, decisions."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from levinthal.arrays import Doubles, Integers, Singles
from levinthal.harness import Run
from levinthal.harness.results.scenes import ScenePart, SceneStep
from levinthal.simulation.analysis.markov import cross_validated_vamp2, frame_weights
from levinthal.workloads.sampling.learners.learner import fit_learner, make_learner
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.reporting.against_reference import mass_figure, population_figure
from levinthal.workloads.sampling.reporting.figures import (
    arrival_figure,
    coverage_figure,
    free_energy_figure,
    latent_figure,
    lineage_figure,
    ratio_figure,
    time_series_figure,
)
from levinthal.workloads.sampling.reporting.structures import (
    chosen_states,
    evenly_spaced,
    positions_nm,
    structure_pdb,
    superposed_pdb,
    write_trajectory,
)
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import reweighted_populations, unbroken_runs
from levinthal.workloads.sampling.study.guard import attempt, attempt_all
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import StudyResult
from levinthal.workloads.sampling.study.settings import CampaignSettings
from levinthal.workloads.sampling.study.tasks import campaign_folder, learner_options
from levinthal.workloads.sampling.study.weighing import BY_WEIGHTS, weighing_of
from levinthal.workloads.sampling.systems.system import System

_MOST_TRAJECTORY_FRAMES = 2_000
_MOST_SHOWN_FRAMES, _SHOWN_ATOMS = 40, 5_000
_LATENT_LAG_FRAMES = 10
_LEAST_FOR_SCORE = 1_000
_RATIOS = "Each policy against its baselines, with 95 % intervals over pairs; one that spans 1: can't tell."
_COVERAGE = "Cells of the frozen discretisation seen, mean over campaigns; the bands hold the middle half of them."
_MASS = "Stationary mass of the cells seen, mean over campaigns; the bands hold the middle half of them."
_POPULATIONS = (
    "Population of each cell against the reference, medians over campaigns, weighted as for `divergence`: on the line "
    "is right; on the lower edge stands what was not seen."
)
_ARRIVALS = ", by Kaplan and Meier: the probability to have met it, with pointwise 95 % intervals."
_FREE_ENERGY = (
    "Free energy from all campaigns of a policy, each frame weighted by the Markov state model of its campaign, or by "
    "its walkers' weights where the policy keeps them. "
    "Grey: seen, but outside the model, whose transitions do not connect these cells both ways with the others."
)


def present(
    run: Run,
    study: StudyResult,
    comparisons: Sequence[PolicyComparison],
    campaign: CampaignSettings,
    best_structures: int,
) -> None:
    """Leave everything as artifacts of the run; what cannot be made is missing with the reason, and costs no other.

    Parameters
    ----------
    run : Run
        Where it is left.
    study : StudyResult
        All campaigns.
    comparisons : sequence of PolicyComparison
        To be drawn.
    campaign : CampaignSettings
        With the learner, which shows its latent space.
    best_structures : int
        States to be written for a viewer.
    """
    system, outcomes, leader = study.system, study.outcomes, study.leader
    labels, event = system.observables.labels, system.observables.event
    cost = study.cost
    budget, known = study.budgets[cost], None if study.reference is None else study.reference.populations
    first = outcomes[leader][0]
    folder = campaign_folder(study.folder, leader, first.replica)
    # what ceilings reach is the picture of shares
    ratios = [each for each in comparisons if each.ratio is not None and not study.declared[each.candidate].is_ceiling]
    made: dict[str, Callable[[], object]] = {
        "ratios.svg": lambda: ratios and run.artifact("ratios.svg", ratio_figure(ratios), _RATIOS),
        "coverage.svg": lambda: run.artifact("coverage.svg", coverage_figure(outcomes, cost, budget), _COVERAGE),
        "arrivals.svg": lambda: (
            event
            and run.artifact(
                "arrivals.svg", arrival_figure(outcomes, cost, budget, event), f"Time until {event}{_ARRIVALS}"
            )
        ),
        "mass.svg": lambda: known is not None and run.artifact("mass.svg", mass_figure(study, known), _MASS),
        "populations.svg": lambda: (
            known is not None and run.artifact("populations.svg", population_figure(study, known), _POPULATIONS)
        ),
        "free_energy.svg": lambda: _show_free_energies(run, study),
        "time_series.svg": lambda: run.artifact(
            "time_series.svg",
            time_series_figure([side[0] for side in outcomes.values()], cost, labels),
            "The first campaign of each policy, frame by frame.",
        ),
        "lineage.svg": lambda: run.artifact(
            "lineage.svg",
            lineage_figure(first, cost, labels[0]),
            f"Lineage of the first campaign of {leader}; frames that meet the event are green.",
        ),
        "the latent space": lambda: _show_latent(run, campaign, study, CampaignRecord(folder)),
        "the decisions": lambda: _report_decisions(run, study),
        "the structures": lambda: _write_structures(run, system, CampaignRecord(folder), first, best_structures),
    }
    attempt_all(run, made)


def _show_free_energies(run: Run, study: StudyResult) -> None:
    """Leave the free energy of each policy, and count the frames that have none."""
    n_cells, panels = study.system.observables.n_cells, {}
    for policy, side in study.outcomes.items():
        weights, why = [], "its populations come from weights" if weighing_of(side[0]) == BY_WEIGHTS else ""
        for outcome in side:
            weight, failed = attempt(partial(_weights, outcome, n_cells, study.lag))
            if weight is None:  # too short for a model: frames as they come
                weight, why = np.full(outcome.n_frames, 1.0 / outcome.n_frames), failed
            weights.append(weight)
        panels[policy] = (np.concatenate([outcome.values for outcome in side]), np.concatenate(weights))
        outside = None if why else float((panels[policy][1] == 0).mean())
        run.metric(
            "frames outside the Markov model", outside, unit="1", better="lower", kind="quality", reason=why,
            labels={"policy": policy},
        )  # fmt: skip
    run.artifact("free_energy.svg", free_energy_figure(panels, study.system.observables.labels), _FREE_ENERGY)


def _weights(outcome: Outcome, n_cells: int, lag: int) -> Doubles:
    (weight,) = frame_weights([outcome.cell], reweighted_populations(outcome, n_cells, lag))
    return weight


def _show_latent(run: Run, campaign: CampaignSettings, study: StudyResult, record: CampaignRecord) -> None:
    """Embed the first campaign's frames by a model of all of them: the space, and what it knows of slow motion."""
    outcome = study.outcomes[study.leader][0]
    if not record.header.learner or outcome.n_frames < campaign.first_training_frames:
        return
    frames, name = np.asarray(record.frames), study.entries[study.leader].learner

    def embedded() -> Singles:
        learner = make_learner(name, **learner_options(campaign, name, study.system))
        return fit_learner(learner, frames, None, outcome.seed, outcome.segment).embed(frames)

    latent, why = attempt(embedded)
    score = None
    if latent is not None:
        score, why = _slowness(latent, outcome)
    run.metric(
        "VAMP-2 of the latent space", score, unit="1", better="higher", kind="quality", reason=why,
        labels={"policy": outcome.policy, "learner": name, "lag": _LATENT_LAG_FRAMES},
    )  # fmt: skip
    if latent is None:
        run.warn(f"latent.svg: missing, all else stands; {why}.")
        return
    restarts = np.array([d.frame for d in record.decisions if d.frame is not None and d.frame >= 0], np.int64)
    dots = run.seed_for("dots", bits=31)
    run.artifact(
        "latent.svg",
        latent_figure(latent, outcome, study.cost, restarts, study.system.observables.labels[0], dots),
        f"The latent space of {name} growing over the first campaign of {outcome.policy}; crosses are "
        "frames that simulations restarted from.",
    )


def _slowness(latent: Singles, outcome: Outcome) -> tuple[float | None, str]:
    """Return the cross-validated VAMP-2 score of an embedding, or why there is none."""
    runs = [latent[part] for part in unbroken_runs(outcome) if len(part) > 2 * _LATENT_LAG_FRAMES]
    folds = min(5, len(runs))
    if folds < 2 or sum(map(len, runs)) < _LEAST_FOR_SCORE:
        return None, f"it takes {_LEAST_FOR_SCORE} frames in two simulations or more"
    found, why = attempt(lambda: cross_validated_vamp2(runs, _LATENT_LAG_FRAMES, n_folds=folds, seed=0))
    return (None, why) if found is None else (found.value, "")


def _report_decisions(run: Run, study: StudyResult) -> None:
    """Leave the decisions of the first campaign of each policy whose record was kept."""
    for policy, side in study.outcomes.items():
        folder = campaign_folder(study.folder, policy, side[0].replica)
        if (folder / DATABASE).exists():
            _leave_decisions(run, policy, CampaignRecord(folder))


def _leave_decisions(run: Run, policy: str, record: CampaignRecord) -> None:
    """Leave the decisions of a campaign, and the model each was made by."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["number", "walker", "position", "frame", "model", "model_frames", "frames", "score", "reason"])
    for d in record.decisions:
        frame = "" if d.frame is None else d.frame
        score = "" if d.score is None else f"{d.score:.6g}"
        table.writerow(
            [d.number, d.walker, d.position, frame, d.model_version, d.model_frames, d.n_frames, score, d.reason]
        )
    run.artifact(f"decisions_{policy}.csv", text.getvalue(), f"Every decision in the first campaign of {policy}.")


def _write_structures(run: Run, system: System, record: CampaignRecord, outcome: Outcome, n_structures: int) -> None:
    """Write states worth looking at, and the way to the first of them."""
    molecule = system.molecule
    if molecule is None or not n_structures:
        return
    chosen = chosen_states(outcome.values, outcome.cell, outcome.arrived, n_structures)
    titles = [f"{molecule.name}, {_place_of(system, outcome, frame)}" for frame in chosen]
    states = positions_nm(record, chosen)
    for k, (positions, title) in enumerate(zip(states, titles, strict=True), start=1):
        run.artifact(f"state_{k}.pdb", structure_pdb(molecule, positions, title), title)
    way = record.lineage(int(chosen[0]))
    _show(run, system, "states", chosen, states, outcome)
    some = way[evenly_spaced(len(way), min(_MOST_SHOWN_FRAMES, max(2, _SHOWN_ATOMS // states.shape[1])))]
    _show(run, system, "way", some, positions_nm(record, some), outcome)
    shown = evenly_spaced(len(way), _MOST_TRAJECTORY_FRAMES)
    steps = outcome.frame_interval * (shown + 1)
    caption = f"How {outcome.policy} came to state 1, restarts without a jump; open it with lineage.pdb."
    with tempfile.TemporaryDirectory(dir=run.folder) as folder:
        stem, time_ps = Path(folder) / "lineage", system.time_step_ps or 1.0
        for path in write_trajectory(molecule, positions_nm(record, way[shown]), stem, steps, time_ps):
            run.artifact(path.name, path.read_bytes(), caption)
        atoms = stem.with_suffix(".pdb").read_text(encoding="utf-8")
    run.artifact("lineage.pdb", atoms, "The atoms of lineage.dcd and .xtc.")


def _place_of(system: System, outcome: Outcome, frame: int) -> str:
    labels, (first, second) = system.observables.labels, outcome.values[frame]
    return f"frame {frame} of {outcome.policy}: {labels[0]} {first:.3g}, {labels[1]} {second:.3g}"


def _show(
    run: Run, system: System, what: Literal["states", "way"], frames: Integers, positions: Doubles, outcome: Outcome
) -> None:
    """Have the report show the chosen states, or the way to the first of them as a trajectory."""
    molecule = system.molecule
    assert molecule is not None
    if what == "states":
        name, caption = "States", f"States worth looking at in the first campaign of {outcome.policy}, superposed."
    else:
        name = f"The way of {outcome.policy} to state 1"
        caption = f"{len(frames)} frames along its lineage, restarts without a jump, superposed; lineage.dcd has more."
    file = f"{what}.pdb"
    run.artifact(file, superposed_pdb(molecule, positions), f"{caption} A model for each.")
    steps = [SceneStep(words=_place_of(system, outcome, frame), models=(k,)) for k, frame in enumerate(frames)]
    run.scene(name, caption, [ScenePart(artifact=file, words=molecule.name)], steps, plays=what == "way")
