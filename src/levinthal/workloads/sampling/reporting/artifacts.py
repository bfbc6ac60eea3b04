"""What a study leaves to look at: pictures, structures for a viewer, trajectories, decisions."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from levinthal.errors import DataError
from levinthal.harness import Run
from levinthal.simulation.analysis.markov import cross_validated_vamp2, frame_weights
from levinthal.workloads.sampling.learners.learner import make_learner
from levinthal.workloads.sampling.record.reader import CampaignRecord
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
    write_trajectory,
)
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import reweighted_populations, unbroken_runs
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import StudyResult
from levinthal.workloads.sampling.study.settings import CampaignSettings
from levinthal.workloads.sampling.study.tasks import campaign_folder, learner_options
from levinthal.workloads.sampling.systems.system import System

_MOST_TRAJECTORY_FRAMES = 2_000
_LATENT_LAG_FRAMES = 10
_LEAST_FOR_SCORE = 1_000


def present(
    run: Run,
    study: StudyResult,
    comparisons: Sequence[PolicyComparison],
    campaign: CampaignSettings,
    best_structures: int,
) -> None:
    """Leave everything as artifacts of the run.

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
    budget = study.budgets[cost]
    if comparisons:
        run.artifact(
            "ratios.svg",
            ratio_figure(comparisons),
            "Each policy against its baselines, with 95 % intervals over pairs of campaigns. An interval that spans 1: "
            "can't tell.",
        )
    run.artifact(
        "coverage.svg",
        coverage_figure(outcomes, cost, budget),
        "Cells of the frozen discretisation seen, mean over campaigns; the bands hold the middle half of them.",
    )
    if event:
        run.artifact("arrivals.svg", arrival_figure(outcomes, cost, budget, event), f"Campaigns in which {event}.")
    free_energies = _free_energies(study)
    for policy, (_, weights) in free_energies.items():
        run.metric(
            "frames outside the Markov model", float((weights == 0).mean()), unit="1", better="lower", kind="quality",
            labels={"policy": policy},
        )  # fmt: skip
    run.artifact(
        "free_energy.svg",
        free_energy_figure(free_energies, labels),
        "Free energy from all campaigns of a policy, each frame weighted by the Markov state model of its campaign. "
        "Grey: seen, but outside the model, whose transitions do not connect these cells both ways with the others.",
    )
    firsts = [side[0] for side in outcomes.values()]
    run.artifact(
        "time_series.svg",
        time_series_figure(firsts, cost, labels),
        "The first campaign of each policy, frame by frame.",
    )
    run.artifact(
        "lineage.svg",
        lineage_figure(outcomes[leader][0], cost, labels[0]),
        f"Lineage of the first campaign of {leader}; frames that meet the event are green.",
    )
    folder = campaign_folder(run.kept / "campaigns", leader, 0)
    record, outcome = CampaignRecord(folder), outcomes[leader][0]
    _show_latent(run, campaign, study, record)
    for policy in outcomes:
        _report_decisions(run, policy, CampaignRecord(campaign_folder(run.kept / "campaigns", policy, 0)))
    _write_structures(run, system, record, outcome, best_structures)


def _free_energies(study: StudyResult) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the coordinates of all frames of each policy, and a weight for each from the model of its campaign."""
    n_cells, panels = study.system.observables.n_cells, {}
    for policy, side in study.outcomes.items():
        values, weights = [], []
        for outcome in side:
            try:
                populations = reweighted_populations(outcome, n_cells, study.lag)
                (weight,) = frame_weights([outcome.cell], populations)
            except DataError:  # too short for a model: frames as they come
                weight = np.full(outcome.n_frames, 1.0 / outcome.n_frames)
            values.append(outcome.values)
            weights.append(weight)
        panels[policy] = (np.concatenate(values), np.concatenate(weights))
    return panels


def _show_latent(run: Run, campaign: CampaignSettings, study: StudyResult, record: CampaignRecord) -> None:
    """Embed the first campaign's frames by a model of all of them: the space, and what it knows of slow motion."""
    outcome = study.outcomes[study.leader][0]
    if not record.header.learner or outcome.n_frames < campaign.first_training_frames:
        return
    learner = make_learner(campaign.learner, **learner_options(campaign))
    frames = np.asarray(record.frames)
    latent = learner.fit(frames, None, outcome.seed).embed(frames)
    restarts = np.array([d.frame for d in record.decisions if d.frame is not None and d.frame >= 0], np.int64)
    run.artifact(
        "latent.svg",
        latent_figure(
            latent,
            outcome,
            study.cost,
            restarts,
            study.system.observables.labels[0],
            run.seed_for("dots", bits=31),
        ),
        f"The latent space of {campaign.learner} growing over the first campaign of {outcome.policy}; crosses are "
        "frames that simulations restarted from.",
    )
    runs = [latent[part] for part in unbroken_runs(outcome) if len(part) > 2 * _LATENT_LAG_FRAMES]
    folds = min(5, len(runs))
    score, why = None, f"it takes {_LEAST_FOR_SCORE} frames in two simulations or more"
    if folds >= 2 and sum(map(len, runs)) >= _LEAST_FOR_SCORE:
        try:
            score = cross_validated_vamp2(runs, _LATENT_LAG_FRAMES, n_folds=folds, seed=0).value
        except (DataError, ValueError, np.linalg.LinAlgError) as error:
            why = str(error)
    run.metric(
        "VAMP-2 of the latent space", score, unit="1", better="higher", kind="quality", reason=why,
        labels={"policy": outcome.policy, "learner": campaign.learner, "lag": _LATENT_LAG_FRAMES},
    )  # fmt: skip


def _report_decisions(run: Run, policy: str, record: CampaignRecord) -> None:
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
    labels = system.observables.labels
    for k, (frame, positions) in enumerate(zip(chosen, positions_nm(record, chosen), strict=True), start=1):
        first, second = outcome.values[frame]
        title = f"{molecule.name}, frame {frame} of {outcome.policy}: {labels[0]} {first:.3g}, {labels[1]} {second:.3g}"
        run.artifact(f"state_{k}.pdb", structure_pdb(molecule, positions, title), title)
    way = record.lineage(int(chosen[0]))
    shown = evenly_spaced(len(way), _MOST_TRAJECTORY_FRAMES)
    steps = outcome.frame_interval * (shown + 1)
    stem = run.folder / "lineage"
    caption = f"How {outcome.policy} came to state 1, restarts without a jump; open it with lineage.pdb."
    for path in write_trajectory(molecule, positions_nm(record, way[shown]), stem, steps, system.time_step_ps or 1.0):
        run.artifact(path.name, path.read_bytes(), caption)
    run.artifact(
        "lineage.pdb", stem.with_suffix(".pdb").read_text(encoding="utf-8"), "The atoms of lineage.dcd and .xtc."
    )
