"""What a discovery run reports: times, states, the ranked list and what it is worth, and the files of each stage."""

from __future__ import annotations

import csv
import io

import numpy as np

from levinthal.arrays import Mask
from levinthal.harness import Run
from levinthal.harness.results.scenes import ScenePart, SceneStep
from levinthal.workloads.discovery.conformations import Pocket
from levinthal.workloads.discovery.ensemble import molecule_of
from levinthal.workloads.discovery.figures import flow_figure, ranking_figure, states_figure
from levinthal.workloads.discovery.library import TESTED
from levinthal.workloads.discovery.ranking import Ranking, area_of, areas_compared, binders_ahead, ranked_csv
from levinthal.workloads.discovery.refinement import Refined
from levinthal.workloads.discovery.target import Target
from levinthal.workloads.discovery.workflow import Found
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.sampling.reporting.structures import write_trajectory
from levinthal.workloads.sampling.systems.system import System

_MOST_LEFT_OUT = 0.5
_FEWEST_STATES_A_SIDE = 3
_SHOWN = 12


def share_left_out(found: Found) -> float:
    """Return the share of all new states that could not be carried to all atoms; 0 where none was found."""
    n = len(found.left_out) + len(found.states) - 1
    return len(found.left_out) / n if n else 0.0


def report_states(run: Run, found: Found, pocket: Pocket) -> None:
    """Report states, their geometry, and what feeding docking back into simulation gained."""
    run.metric("states found", len(found.states) - 1, unit="1", better="higher", kind="quality")
    spread = [pocket.rmsd_angstrom(10 * each.ca_nm, pocket.native_angstrom) for each in found.states[1:]]
    farthest = max(spread) if spread else None
    why = "no state but the structure was found"
    run.metric("pocket RMSD of the farthest state", farthest, unit="A", better="higher", kind="quality", reason=why)
    run.gate(
        "share of states that could not be carried to all atoms",
        share_left_out(found),
        at_most=_MOST_LEFT_OUT,
        advice="lower temperature, or simulate all atoms: model=implicit",
    )
    nats = [each for each in found.validation_nats if each is not None]
    run.metric(
        "held-out loss of the last model", nats[-1] if nats else None, unit="nat/frame", better="lower", kind="quality",
        reason="there were too few frames to hold any out",
    )  # fmt: skip
    _report_feedback(run, found)


def _report_feedback(run: Run, found: Found) -> None:
    """Compare states of walkers that began in states that bind well with those that began where little was known."""
    worth = {each.state: each.mean_kcal_mol for each in found.docked}
    sides = {
        origin: np.array([worth[each.number] for each in found.states[1:] if each.origin == origin and each.round > 1])
        for origin in ("promising", "novel")
    }
    n = {origin: int(np.isfinite(values).sum()) for origin, values in sides.items()}
    gain = None
    if min(n.values()) >= _FEWEST_STATES_A_SIDE:
        gain = float(np.nanmean(sides["novel"]) - np.nanmean(sides["promising"]))
    run.metric(
        "gain by feeding docking back", gain, unit="kcal/mol", better="higher", kind="quality",
        reason=f"cannot be told from {n['promising']} states of walkers that docking sent and {n['novel']} of others: "
        f"{_FEWEST_STATES_A_SIDE} of each are needed",
    )  # fmt: skip


def report_times(run: Run, found: Found, wall_s: float, clock_offset_s: float) -> None:
    """Report times to each list, costs, and the workers' lanes."""
    lanes: dict[str, str] = {}
    busy_s = 0.0
    for each in found.rounds:
        for chunk in each.chunks:
            lane = lanes.setdefault(chunk.worker.rpartition(" ")[2], f"worker {len(lanes) + 1}")
            duration_s = chunk.ended - chunk.started
            busy_s += duration_s
            run.interval("simulate a walker", lane=lane, start_s=chunk.started - clock_offset_s, duration_s=duration_s)
    for state in found.docked:
        lane = lanes.setdefault(state.worker.rpartition(" ")[2], f"worker {len(lanes) + 1}")
        busy_s += state.duration_s
        run.interval(
            "dock into a state", lane=lane, start_s=state.began_s - clock_offset_s, duration_s=state.duration_s
        )
    run.metric("time to the first ranked list", found.listed_s[0], unit="s", better="lower")
    run.metric("time to the last ranked list", found.listed_s[-1], unit="s", better="lower")
    n_steps = sum(chunk.n_steps for each in found.rounds for chunk in each.chunks)
    run.metric("simulation rate", n_steps / run.duration_s("simulate"), unit="step/s", better="higher")
    docked_s = sum(each.duration_s for each in found.docked)
    n_docked = sum(int(np.isfinite(each.affinities_kcal_mol).sum()) for each in found.docked)
    cost = docked_s / n_docked if n_docked else None
    run.metric("cost of a compound in a state", cost, unit="core-s", better="lower", reason="no compound was docked")
    run.metric("workers busy", busy_s / (wall_s * run.n_workers), unit="1", better="higher")


def report_ranking(run: Run, target: Target, found: Found, refined: dict[int, Refined]) -> None:
    """Report the list, the gate on known binders, and what the ensemble gained over the structure alone."""
    ranking = Ranking.of(found.docked)
    best, rigid = ranking.best_kcal_mol, ranking.rigid()
    n_ranked = int(np.isfinite(best).sum())
    run.gate("compounds that were ranked", float(n_ranked), at_least=1.0, kind="sanity", advice="ranked.csv says why")
    known = np.array([each is not None for each in target.actives]) & np.isfinite(best) & np.isfinite(rigid)
    active = np.array([bool(each) for each in target.actives])[known]
    both = bool(active.any() and not active.all())
    why = "the library marks no actives, or no decoys"
    ahead = binders_ahead(best[known], active) if both else None
    if both and ahead is not None:
        run.gate(
            "known binders below decoys, lower limit of the difference of medians (kcal/mol)",
            ahead.low,
            at_least=0.0,
            advice="more rounds, or another pocket",
        )
    run.metric(
        "known binders below decoys", None if ahead is None else ahead.value, unit="kcal/mol", better="higher",
        kind="quality", reason=why,
    )  # fmt: skip
    tested = known & np.array([each.entry.name in TESTED for each in target.library])
    for decoys, kept in (("all", known), *((("measured", tested),) if not target.is_own else ())):
        marked = np.array([bool(each) for each in target.actives])[kept]
        for label, scores in (("ensemble of states", best), ("structure alone", rigid)):
            area = area_of(scores[kept], marked) if marked.any() and not marked.all() else None
            run.metric(
                "ROC AUC", None if area is None else area.value, unit="1", better="higher", kind="quality", reason=why,
                labels={"receptor": label, "decoys": decoys},
            )  # fmt: skip
    _report_gain(run, ranking, known, active, both)
    lowest = np.where(np.isnan(ranking.affinities_kcal_mol), np.inf, ranking.affinities_kcal_mol).min(axis=1)
    run.samples("best affinity by state", lowest[np.isfinite(lowest)], unit="kcal/mol")
    names = [target.library[k].entry.name for k in ranking.order[:3]]
    run.finding(f"Best of {n_ranked} compounds over {len(found.states)} states: {', '.join(names)}.")
    run.artifact(
        "ranked.csv", ranked_csv(ranking, target.library, target.failures, refined),
        "The library, ranked by the state that binds each compound best.",
    )  # fmt: skip
    run.artifact("ranking.svg", ranking_figure(ranking, target), "Affinity of each compound to each state.")
    _keep_poses(run, target, found, ranking, refined)


def _report_gain(run: Run, ranking: Ranking, known: Mask, active: Mask, both: bool) -> None:
    """Compare the ensemble with the structure alone, on the same compounds, search and seeds."""
    best, rigid = ranking.best_kcal_mol, ranking.rigid()
    gained = rigid[np.isfinite(rigid) & np.isfinite(best)] - best[np.isfinite(rigid) & np.isfinite(best)]
    run.metric(
        "mean gain in affinity by the ensemble", float(gained.mean()) if len(gained) else None, unit="kcal/mol",
        better="higher", kind="quality", reason="no compound was docked into the structure",
    )  # fmt: skip
    told = areas_compared(best[known], rigid[known], active) if both else None
    verdict = "can't tell"
    if told is not None and (told.low > 1 or told.high < 1):
        verdict = "ensemble of states is ahead" if told.low > 1 else "structure alone is ahead"
    run.comparison(
        "ROC AUC of the ranked list",
        candidate="ensemble of states",
        baseline="structure alone",
        terms="the same compounds, search and seeds",
        value=None if told is None else told.value,
        interval=None if told is None else (told.low, told.high),
        n=int(known.sum()),
        verdict=verdict,
        method="bootstrap over compounds, binders and decoys apart",
        reason="the library marks no actives, or no decoys",
    )


def _keep_poses(run: Run, target: Target, found: Found, ranking: Ranking, refined: dict[int, Refined]) -> None:
    by_state = {each.state: each for each in found.docked}
    records = []
    for rank, k in enumerate(ranking.order, 1):
        state = int(ranking.states[ranking.best_row[k]])
        fields = {
            "rank": rank,
            "affinity_kcal_mol": float(ranking.best_kcal_mol[k]),
            "state": state,
            "receptor_file": f"state-{state:04d}.pdb",
        }
        each = target.library[k]
        records.append(pose_record(each.ligand, by_state[state].poses_angstrom[k], each.entry.name, fields))
    run.artifact(
        "poses.sdf", "".join(records), "The best pose of each compound; each names the receptor file of its state."
    )
    minimised = [f"{each.record.rstrip()}\n$$$$\n" for each in refined.values() if each.record]
    if minimised:
        run.artifact("minimised.sdf", "".join(minimised), "The poses at the top of the list, minimised by MMFF94s.")


def show_poses(run: Run, target: Target, found: Found) -> None:
    """Have the report show the head of the list, each compound in the state that binds it best.

    Poses and states have to be kept before.
    """
    ranking = Ranking.of(found.docked)
    states = ranking.states[ranking.best_row[ranking.order[:_SHOWN]]].tolist()
    files = {state: f"state-{state:04d}.pdb" for state in dict.fromkeys(states)}
    parts = [ScenePart(artifact=file, words="receptor in its state", shown="pocket") for file in files.values()]
    parts.append(ScenePart(artifact="poses.sdf", words="docked compound", shown="molecule"))
    steps = []
    for rank, (k, state) in enumerate(zip(ranking.order[:_SHOWN], states, strict=True)):
        words = f"{target.library[k].entry.name} in state {state}: {ranking.best_kcal_mol[k]:.2f} kcal/mol"
        receptor = [0 if each == state else None for each in files]
        steps.append(SceneStep(words=words, models=(*receptor, rank)))
    if steps:
        caption = "The head of the ranked list, each compound in the state of the receptor that binds it best."
        run.scene("States and docked compounds", caption, parts, steps)


def keep_states(run: Run, found: Found, pocket: Pocket, system: System, frame_interval: int) -> None:
    """Leave the files of simulation and states: trajectories, a receptor file a state, a table."""
    worth = {each.state: each.mean_kcal_mol for each in found.docked}
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["state", "round", "walker", "frame", "began_as", "share_of_round", "pocket_rmsd_angstrom",
         "mean_affinity_kcal_mol", "file"]
    )  # fmt: skip
    for state, receptor in zip(found.states, found.receptors, strict=True):
        file = f"state-{state.number:04d}.pdb"
        run.artifact(file, receptor_pdb([receptor]), f"The receptor in state {state.number}.")
        rmsd = pocket.rmsd_angstrom(10 * state.ca_nm, pocket.native_angstrom)
        mean = worth.get(state.number, np.nan)
        rows.writerow(
            [state.number, state.round, state.walker, state.frame, state.origin,
             "" if np.isnan(state.share) else f"{state.share:.3f}", f"{rmsd:.2f}",
             "" if np.isnan(mean) else f"{mean:.3f}", file]
        )  # fmt: skip
    run.artifact("states.csv", table.getvalue(), "The states, where they come from and how well they bind.")
    run.artifact(
        "states.svg", states_figure(found, pocket), "How far each state is from the structure, and how it binds."
    )
    folder = run.folder / "trajectories"
    folder.mkdir(exist_ok=True)
    molecule = molecule_of(system)
    for number, each in enumerate(found.rounds, 1):
        for walker in np.unique(each.walker):
            positions = each.positions_nm[each.walker == walker]
            steps = frame_interval * np.arange(1, len(positions) + 1, dtype=np.int64)
            stem = folder / f"round-{number:03d}-walker-{walker:03d}"
            write_trajectory(molecule, positions, stem, steps, system.time_step_ps or 1.0)
    run.note("The trajectories of all walkers lie in the folder trajectories, as DCD and XTC beside their topology.")


def keep_flow(run: Run, target: Target, found: Found, n_refined: int) -> None:
    """Leave the picture of the five stages with the numbers of this run."""
    caption = "The five stages, with what went through each in this run."
    run.artifact("flow.svg", flow_figure(found, len(target.library), n_refined), caption)
