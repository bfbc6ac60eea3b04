"""The five stages, and how they overlap: while molecules are docked into one round's states, the next is simulated.

1. The structure is simulated, at first from itself. 2. The frames are clustered in the space that a CVAE has learned.
3. What no state before is like is a new state; the next round begins where the learned space is thinly populated, and
in the states that bind best. 4. Molecules are docked into each state as soon as it is found. 5. They are ranked by
their best state, and the complexes at the top are minimised.

What a round decides rests on frames and on the docking of the rounds before the last one, which is done by then: so a
run that is killed and resumed makes the same list as one that was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.files.writing import write_whole
from levinthal.harness import Run
from levinthal.harness.study import measure_side_by_side
from levinthal.workloads.discovery.conformations import Pocket, carried_to_state, strain_of
from levinthal.workloads.discovery.docked import DockedState, DockingTask, dock_state, read_docked, worth_of
from levinthal.workloads.discovery.ensemble import Round, make_round
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.discovery.states import State, learn, new_states, next_starts
from levinthal.workloads.discovery.target import Target
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.sampling.systems.system import System


@dataclass(eq=False)
class Found:
    """What the rounds have found so far.

    Attributes
    ----------
    states : list of State
        The structure first.
    receptors : list of Receptor
        The receptor in each state.
    left_out : list of State
        Those that could not be carried to all atoms without broken bonds or clashes.
    rounds : list of Round
    docked : list of DockedState
        As they are done.
    validation_nats : list of float or None
        Held-out loss of each round's model.
    listed_s : list of float
        Seconds from the beginning of the workflow to each ranked list: one is complete when all states of a round are
        docked, the first when the structure is.
    """

    states: list[State]
    receptors: list[Receptor]
    left_out: list[State] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    docked: list[DockedState] = field(default_factory=list)
    validation_nats: list[float | None] = field(default_factory=list)
    listed_s: list[float] = field(default_factory=list)


class Docking:
    """Docking in the background: batches of states, one batch a round, on the workers of the run."""

    def __init__(self, run: Run, settings: DiscoverySettings, target: Target, began_s: float) -> None:
        self._run, self._settings, self._target, self._began_s = run, settings, target, began_s
        self._search = RandomRestarts(
            n_drawn=settings.drawn_poses, n_starts=settings.descents, n_last=min(32, settings.descents), n_poses=3
        )
        self._seed = run.seed_for("docking", bits=31)
        self._thread = ThreadPoolExecutor(1)
        self._batches: list[Future[tuple[list[DockedState], float]]] = []

    def begin(self, states: Sequence[State], receptors: Sequence[Receptor]) -> None:
        """Dock the library into some states, behind what was begun before."""
        tasks = [self._task(state, receptor) for state, receptor in zip(states, receptors, strict=True)]
        self._batches.append(self._thread.submit(self._dock, tasks))

    def done(self, n_batches: int) -> tuple[list[DockedState], list[float]]:
        """Wait for the first batches; return their states and when each batch was done."""
        finished = [batch.result() for batch in self._batches[:n_batches]]
        return [state for states, _ in finished for state in states], [when for _, when in finished]

    @property
    def n_batches(self) -> int:
        """How many were begun."""
        return len(self._batches)

    def close(self) -> None:
        """Begin nothing more; what runs is left to end with the run's workers."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _dock(self, tasks: list[DockingTask]) -> tuple[list[DockedState], float]:
        executor = self._run.new_executor()
        try:
            docked = measure_side_by_side(
                tasks, dock_state, read_docked, executor, self._run.new_executor, lambda _: None
            )
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        return docked, time.perf_counter() - self._began_s

    def _task(self, state: State, receptor: Receptor) -> DockingTask:
        return DockingTask(
            state=state.number,
            receptor=receptor,
            box=self._target.box,
            library=self._target.library,
            types=tuple(self._target.types),
            function=self._settings.function,
            spacing_angstrom=self._settings.spacing,
            search=self._search,
            seed=self._seed,
            path=self._run.kept / "docked" / f"state-{state.number:04d}.json",
        )


def discover(run: Run, settings: DiscoverySettings, target: Target, system: System, pocket: Pocket) -> Found:
    """Simulate, cluster, find what is new, dock it, and begin again where that leads.

    Parameters
    ----------
    run : Run
    settings : DiscoverySettings
    target : Target
    system : System
        Of the structure.
    pocket : Pocket

    Raises
    ------
    SimulationError
        Nothing can be simulated any more, or the workers die again and again; what was done is kept.
    """
    began_s = time.perf_counter()
    start_nm = np.asarray(system.dynamics.start(0, 0), np.float64)[: system.dynamics.state_width // 2].reshape(-1, 3)
    native = State(0, 0, -1, -1, "structure", np.nan, start_nm, pocket.native_angstrom / 10)
    found = Found([native], [target.receptor])
    docking = Docking(run, settings, target, began_s)
    run.n_workers  # noqa: B018 -- opens the engine in this thread, before two use it
    try:
        docking.begin(found.states, found.receptors)
        starts, origins = [start_nm] * settings.walkers, ["novel"] * settings.walkers
        for number in range(1, settings.rounds + 1):
            found.rounds.append(_simulate(run, settings, system, starts, number))
            fresh, (starts, origins) = _look(run, settings, found, pocket, docking, origins, number)
            with run.phase("carry to all atoms", items=len(fresh)):
                receptors = [receptor_in(target, pocket, state, settings, system) for state in fresh]
            sound = [strain_of(target.receptor, each.coordinates_angstrom).is_sound for each in receptors]
            found.left_out += [state for state, kept in zip(fresh, sound, strict=True) if not kept]
            fresh = [state for state, kept in zip(fresh, sound, strict=True) if kept]
            receptors = [receptor for receptor, kept in zip(receptors, sound, strict=True) if kept]
            found.states += fresh
            found.receptors += receptors
            docking.begin(fresh, receptors)
        with run.phase("wait for docking", doing="docking into the last states"):
            found.docked, found.listed_s = docking.done(docking.n_batches)
    finally:
        docking.close()
    return found


def _simulate(run: Run, settings: DiscoverySettings, system: System, starts: Sequence[Doubles], number: int) -> Round:
    with run.phase(
        "simulate", items=len(starts) * settings.round_steps, total=len(starts), doing=f"round {number}"
    ) as phase:

        def chunk_done(_: ChunkRow) -> None:
            phase.advance()

        return make_round(
            system,
            starts,
            run.kept / f"round-{number:03d}",
            settings,
            run.seed_for(f"round {number}", bits=31),
            n_workers=run.n_workers,
            make_executor=run.new_executor,
            on_chunk=chunk_done,
        )


def _look(
    run: Run,
    settings: DiscoverySettings,
    found: Found,
    pocket: Pocket,
    docking: Docking,
    origins: Sequence[str],
    number: int,
) -> tuple[list[State], tuple[list[Doubles], list[str]]]:
    """Learn, cluster, and decide where the next round begins; what was decided before a kill is kept."""
    kept = run.kept / f"decisions-{number:03d}.json"
    n_frames = [len(each.frames_nm) for each in found.rounds]
    if kept.exists():
        return _decided(kept, found)
    with run.phase("learn", items=sum(n_frames), doing=f"CVAE on {sum(n_frames):,} contact maps"):
        learned = learn(found.rounds, pocket, settings, run.seed_for(f"model {number}", bits=31), run.device)
    last = learned.embedding[-n_frames[-1] :]
    with run.phase("cluster", items=n_frames[-1]):
        seed = run.seed_for(f"clusters {number}", bits=31)
        fresh = new_states(found.rounds[-1], last, found.states, origins, pocket, settings, seed)
    with run.phase("wait for docking", doing="docking into earlier states"):
        docked, _ = docking.done(number)
    rng = run.rng(f"starts {number}")
    starts, why = next_starts(found.rounds, learned.embedding, found.states, worth_of(docked), settings.walkers, rng)
    found.validation_nats.append(learned.validation_nats)
    write_whole(kept, _text(fresh, starts, why, learned.validation_nats))
    return fresh, (starts, why)


def _text(fresh: Sequence[State], starts: Sequence[Doubles], why: Sequence[str], nats: float | None) -> str:
    rows = [
        {
            "number": s.number,
            "round": s.round,
            "walker": s.walker,
            "frame": s.frame,
            "origin": s.origin,
            "share": s.share,
        }
        for s in fresh
    ]
    return json.dumps(
        {"states": rows, "starts": [each.tolist() for each in starts], "origins": list(why), "validation_nats": nats}
    )


def _decided(kept: Path, found: Found) -> tuple[list[State], tuple[list[Doubles], list[str]]]:
    values = json.loads(kept.read_text())
    last = found.rounds[-1]
    fresh = [
        State(
            **row, positions_nm=last.positions_nm[row["frame"]], ca_nm=last.frames_nm[row["frame"]].astype(np.float64)
        )
        for row in values["states"]
    ]
    found.validation_nats.append(values["validation_nats"])
    return fresh, ([np.array(each, np.float64) for each in values["starts"]], list(values["origins"]))


def receptor_in(target: Target, pocket: Pocket, state: State, settings: DiscoverySettings, system: System) -> Receptor:
    """Return the receptor in a state, in the frame of the structure."""
    name = f"{target.receptor.name}, state {state.number}"
    if settings.model == "go":
        places = carried_to_state(target.receptor, target.box, pocket, 10 * state.ca_nm)
        return target.receptor.in_conformation(places, name=name)
    from levinthal.workloads.discovery.ensemble import molecule_of
    from levinthal.workloads.docking.preparation.conformations import given_conformations
    from levinthal.workloads.docking.preparation.receptors import receptor_from_structure
    from levinthal.workloads.sampling.reporting.structures import structure_pdb

    turn, shift = pocket.laid_on(10 * state.ca_nm)
    laid_nm = state.positions_nm @ turn.T + shift / 10
    other = receptor_from_structure(structure_pdb(molecule_of(system), laid_nm, name), f"{name}.pdb")
    made = given_conformations(target.receptor, [other])[1]
    return made.in_conformation(made.coordinates_angstrom, name=name)
