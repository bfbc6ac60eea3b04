"""Kill a sampling campaign's coordinator and workers at random moments, then look whether anything was lost.

The campaign walks on the Mueller-Brown surface with two workers and training on a third process. A coordinator
that was killed is started again and resumes. After every kill the record must hold all that it held before; in the end
no walker, chunk or frame may be missing or there twice, and every chunk must be what its seed and its parent's full
state make of it, bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from levinthal.errors import DataError
from levinthal.harness.engines.open import open_engine
from levinthal.harness.engines.processes import die_with_parent
from levinthal.simulation.exact.potential import MINIMA
from levinthal.workloads.sampling.loop.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.loop.task import chunk_seed
from levinthal.workloads.sampling.policies.view import Decision, View
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.sampling.study.spending import busy_share
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics

N_WALKERS, CHUNK_STEPS, FRAME_INTERVAL, SEED = 6, 200_000, 20_000, 5
DYNAMICS = PlanarDynamics(starts=MINIMA)


class Restless:
    """Restart anywhere, one time in three."""

    name = "restless"

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Draw a frame."""
        if rng.random() < 2 / 3:
            return Decision(None, "go on")
        return Decision(int(rng.integers(len(view.step))), "anywhere", 1.0)


@dataclass(frozen=True)
class Centred:
    """The place relative to the mean."""

    mean: npt.NDArray[np.float32]

    def embed(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the mean away."""
        return np.asarray(frames - self.mean, np.float32)


@dataclass(frozen=True)
class Centring:
    """A learner that is done at once."""

    name: str = "centred"

    def fit(self, frames: npt.NDArray[np.float32], previous: Centred | None, seed: int) -> Centred:
        """Find the mean."""
        return Centred(frames.mean(axis=0))


def coordinate(folder: Path, max_steps: int, engine_name: str) -> None:
    """Be the coordinator."""
    die_with_parent()
    plan = CampaignPlan(
        n_walkers=N_WALKERS,
        chunk_steps=CHUNK_STEPS,
        frame_interval=FRAME_INTERVAL,
        seed=SEED,
        n_workers=2,
        max_steps=max_steps,
        first_training_frames=100,
    )
    engine = open_engine(engine_name, folder)
    result = run_campaign(
        DYNAMICS,
        Restless(),
        Centring(),
        folder,
        plan,
        make_executor=engine.executor,
        make_learner_executor=engine.training_executor,
        resume=(folder / DATABASE).exists(),
    )
    engine.close()
    print(json.dumps({"coordinator_s": result.coordinator_s, "wall_s": result.wall_s}))


class Sessions:
    """Every coordinator has a session of its own: by it whatever outlives a killed one is found, and ended."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._killed: dict[int, float] = {}
        self.survivors = 0

    def killed(self, session: int) -> None:
        """Remember a killed coordinator."""
        self._killed[session] = time.monotonic() + self._patience_s

    def look(self, *, wait: bool = False) -> None:
        """Count, and end, what outlived its coordinator for longer than it may."""
        for session, deadline in list(self._killed.items()):
            while wait and members(session) and time.monotonic() < deadline:
                time.sleep(0.05)
            left = members(session)
            if left and time.monotonic() < deadline:
                continue
            del self._killed[session]
            self.survivors += sum(works(process) for process in left)
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()


def members(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def works(process: psutil.Process) -> bool:
    """Tell workers, and what trains, from the servants that Python and Parsl give them."""
    try:
        if "spawn_main" not in " ".join(process.cmdline()):
            return False
        parent = process.parent()
        if parent is None or "process_worker_pool" not in " ".join(parent.cmdline()):
            return True
        return any(Path(file.path).name.startswith("worker_") for file in process.open_files())
    except psutil.Error:
        return False


def start(folder: Path, max_steps: int, engine_name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--coordinate", str(max_steps), "--folder", folder, "--engine", engine_name]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("log.txt").open("ab") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)


def committed(folder: Path) -> list[ChunkRow]:
    try:
        return list(CampaignRecord(folder).chunks)
    except DataError:
        return []  # killed before there was a record


def time_to_first_chunk_s(folder: Path, engine_name: str) -> float:
    """Begin the campaign, wait for its first chunk, kill it; so the moments of the kills fit this machine."""
    began = time.monotonic()
    process = start(folder, sys.maxsize, engine_name)
    try:
        while not committed(folder):
            if process.poll() is not None or time.monotonic() - began > 120:
                raise SystemExit(f"the campaign does not begin: see {folder.with_name('log.txt')}")
            time.sleep(0.05)
        return time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def kill_at_random(
    folder: Path, engine_name: str, kills: int, longest_s: float, limit_s: float, rng: random.Random
) -> dict[str, int]:
    """Kill coordinators and workers so many times; return how many of each, and which workers did not end by that."""
    counts = {"coordinator": 0, "worker": 0}
    sessions = Sessions(12.0 if engine_name.startswith("parsl") else 10.0)
    before: list[ChunkRow] = []
    process: subprocess.Popen[bytes] | None = None
    ends = time.monotonic() + limit_s
    try:
        while sum(counts.values()) < kills and time.monotonic() < ends:
            if process is None:
                process = start(folder, sys.maxsize, engine_name)
                time.sleep(rng.uniform(0.0, longest_s))
            else:
                time.sleep(rng.uniform(0.0, 0.4 * longest_s))
            if process.poll() is not None:
                raise SystemExit(f"the coordinator ended by itself with status {process.returncode}")
            if rng.random() < 0.5:
                process.kill()
                process.wait()
                sessions.killed(process.pid)
                process = None
                counts["coordinator"] += 1
                now = committed(folder)
                if now[: len(before)] != before:
                    raise SystemExit("committed chunks are gone")
                before = now
            else:
                workers = [each for each in members(process.pid) if works(each)]
                if workers:
                    with contextlib.suppress(psutil.Error):
                        rng.choice(workers).kill()
                        counts["worker"] += 1
            sessions.look()
    finally:
        if process is not None:
            process.kill()
            process.wait()
            sessions.killed(process.pid)
        sessions.look(wait=True)
    return {**counts, "workers_that_outlived_their_coordinator": sessions.survivors}


def examine(folder: Path, max_steps: int, simulate_again: int) -> dict[str, object]:
    """Look for whatever may be lost, twice there or wrong."""
    record = CampaignRecord(folder)
    record.verify()
    places = [(chunk.walker, chunk.position) for chunk in record.chunks]
    if len(set(places)) != len(places):
        raise SystemExit("a chunk is there twice")
    for walker in range(N_WALKERS):
        positions = sorted(position for own, position in places if own == walker)
        if not positions or positions != list(range(len(positions))):
            raise SystemExit(f"walker {walker} was lost or has a gap: {positions}")
    if sum(chunk.n_steps for chunk in record.chunks) != max_steps:
        raise SystemExit("the campaign did not spend its budget")
    ids = np.concatenate([record.walker_frames(walker) for walker in range(N_WALKERS)])
    if not np.array_equal(np.sort(ids), np.arange(len(record))):
        raise SystemExit("a frame is missing or there twice")
    if len(np.unique(record.states, axis=0)) != len(record):
        raise SystemExit("two frames are the same")
    chosen = random.Random(1).sample(list(record.chunks), min(simulate_again, len(record.chunks)))
    for chunk in chosen:
        if chunk.parent_frame is None:
            state = DYNAMICS.start(chunk.walker, chunk_seed(SEED, chunk.walker, -1, chunk.attempt))
        else:
            state = np.array(record.states[chunk.parent_frame])
        seed = chunk_seed(SEED, chunk.walker, chunk.position, chunk.attempt)
        again = DYNAMICS.advance(state, chunk.n_steps, seed, FRAME_INTERVAL, chunk.first_step)
        part = slice(chunk.first_frame, chunk.first_frame + chunk.n_frames)
        if not np.array_equal(again.states, record.states[part]):
            raise SystemExit(f"chunk {chunk.number} is not what its seed and parent make")
    last = [chunk for chunk in record.chunks if chunk.created >= record.sessions[-1].began]
    return {
        "chunks": len(places),
        "frames": len(record),
        "restarts": sum(decision.frame is not None for decision in record.decisions),
        "models": len(record.models),
        "sessions": len(record.sessions),
        "lost_chunks": sum(failure.kind == "lost" for failure in record.failures),
        "quarantined": sum(failure.kind == "quarantined" for failure in record.failures),
        "simulated_again": len(chosen),
        "chunk_s": statistics.median(chunk.simulated - chunk.started for chunk in record.chunks),
        "commit_ms": 1e3 * statistics.median(chunk.committed - chunk.returned for chunk in record.chunks),
        "busy_share_of_last_session": busy_share(last, 2),
    }


PARSL = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(executors=[
    HighThroughputExecutor(
        address="127.0.0.1", max_workers_per_node=2, cores_per_worker=0.001, heartbeat_period=1, heartbeat_threshold=5,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--folder", type=Path, help="go on with this campaign (default a new one)")
    parser.add_argument("--engine", default="local:2", help="local:2 (default) or parsl (two workers on this machine)")
    parser.add_argument("--longest", type=float, help="the first kill comes within so many s (default as it fits)")
    parser.add_argument("--limit", type=float, default=3000.0, help="no more kills after so many s (default 3000)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--coordinate", type=int, metavar="STEPS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.coordinate is not None:
        coordinate(options.folder, options.coordinate, options.engine)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "campaign"
        engine_name = options.engine
        if engine_name == "parsl":
            path = Path(temporary) / "parsl.py"
            path.write_text(PARSL)
            engine_name = f"parsl:{path}"
        longest_s = options.longest or 1.5 * time_to_first_chunk_s(folder, engine_name)
        began = time.monotonic()
        random_moments = random.Random(options.seed)
        counts = kill_at_random(folder, engine_name, options.kills, longest_s, options.limit, random_moments)
        killing_s = time.monotonic() - began
        survived = len(committed(folder))
        n_chunks = survived + 5 * N_WALKERS
        process = start(folder, n_chunks * CHUNK_STEPS, engine_name)
        try:
            output, _ = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            process.kill()
            raise SystemExit("the campaign does not finish: it has stalled") from None
        if process.returncode:
            raise SystemExit(f"the campaign did not finish: status {process.returncode}")
        found = examine(folder, n_chunks * CHUNK_STEPS, simulate_again=200)
    result = {"what": "kills survived", "engine": options.engine, "kills": counts, "lost": 0}
    result |= {"killing_s": killing_s, "longest_s": longest_s, "chunks_committed_between_kills": survived}
    print(json.dumps({**result, **found, **json.loads(output)}))


if __name__ == "__main__":
    main()
