"""Kill a sampling campaign's coordinator and workers at random moments, then look whether anything was lost.

The campaign walks on the Mueller-Brown surface with two pinned workers and training on a third process. A coordinator
that was killed is started anew and resumes. After every kill the record must hold all that it held before; in the end
no slot, chunk or frame may be missing or there twice, and every chunk must be what its seed and its parent's full
state make of it, bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from levinthal.errors import DataError
from levinthal.harness.engine import pinned_pool
from levinthal.harness.processes import die_with_parent
from levinthal.simulation.potential import MINIMA
from levinthal.workloads.sampling.accounting import busy_share
from levinthal.workloads.sampling.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.policies.view import Decision, View
from levinthal.workloads.sampling.record import DATABASE, CampaignRecord
from levinthal.workloads.sampling.record_rows import ChunkRow
from levinthal.workloads.sampling.task import chunk_seed
from levinthal.workloads.sampling.walkers import PlanarWalker

N_SLOTS, CHUNK_STEPS, FRAME_INTERVAL, SEED = 6, 200_000, 20_000, 5
WALKER = PlanarWalker(starts=MINIMA)


class Restless:
    """Restart anywhere, one time in three."""

    name, directed = "restless", False

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, slot: int, view: View, rng: np.random.Generator) -> Decision:
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


def coordinate(folder: Path, max_steps: int) -> None:
    """Be the coordinator."""
    die_with_parent()
    plan = CampaignPlan(
        n_slots=N_SLOTS,
        chunk_steps=CHUNK_STEPS,
        frame_interval=FRAME_INTERVAL,
        seed=SEED,
        n_workers=2,
        max_steps=max_steps,
        first_training_frames=100,
    )
    result = run_campaign(
        WALKER,
        Restless(),
        Centring(),
        folder,
        plan,
        make_executor=partial(pinned_pool, 2),
        make_learner_executor=partial(pinned_pool, 1),
        resume=(folder / DATABASE).exists(),
    )
    print(json.dumps({"coordinator_s": result.coordinator_s, "wall_s": result.wall_s}))


def start(folder: Path, max_steps: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--coordinate", str(max_steps), "--folder", str(folder)]
    # A process group of its own, so that whatever outlives the coordinator is found and ended.
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def end_survivors(group: int) -> int:
    """End what is left of a killed coordinator's process group; return how many simulating or training it was."""
    deadline = time.monotonic() + 1.0
    while (left := _members(group)) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = sum("spawn_main" in _command(process) for process in left)
    if left:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    return workers


def _members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def committed(folder: Path) -> list[ChunkRow]:
    try:
        return list(CampaignRecord(folder).chunks)
    except DataError:
        return []  # killed before there was a record


def kill_at_random(folder: Path, kills: int, longest_s: float, rng: random.Random) -> dict[str, int]:
    """Kill coordinators and workers so many times; return how many of each, and which workers did not end by that."""
    counts = {"coordinator": 0, "worker": 0}
    survivors = 0
    before: list[ChunkRow] = []
    process: subprocess.Popen[bytes] | None = None
    while sum(counts.values()) < kills:
        if process is None:
            process = start(folder, sys.maxsize)
            time.sleep(rng.uniform(0.0, longest_s))
        else:
            time.sleep(rng.uniform(0.0, 0.4 * longest_s))
        if process.poll() is not None:
            raise SystemExit(f"the coordinator ended by itself with status {process.returncode}")
        if rng.random() < 0.5:
            process.kill()
            process.wait()
            survivors += end_survivors(process.pid)
            process = None
            counts["coordinator"] += 1
            now = committed(folder)
            if now[: len(before)] != before:
                raise SystemExit("committed chunks are gone")
            before = now
        else:
            workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in _command(child)]
            if workers:
                os.kill(rng.choice(workers).pid, signal.SIGKILL)
                counts["worker"] += 1
    if process is not None:
        process.kill()
        process.wait()
        survivors += end_survivors(process.pid)
    return {**counts, "workers_that_outlived_their_coordinator": survivors}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def examine(folder: Path, max_steps: int, simulate_again: int) -> dict[str, object]:
    """Look for whatever may be lost, twice there or wrong."""
    record = CampaignRecord(folder)
    record.verify()
    places = [(chunk.slot, chunk.position) for chunk in record.chunks]
    if len(set(places)) != len(places):
        raise SystemExit("a chunk is there twice")
    for slot in range(N_SLOTS):
        positions = sorted(position for own, position in places if own == slot)
        if not positions or positions != list(range(len(positions))):
            raise SystemExit(f"slot {slot} was lost or has a gap: {positions}")
    if sum(chunk.n_steps for chunk in record.chunks) != max_steps:
        raise SystemExit("the campaign did not spend its budget")
    ids = np.concatenate([record.slot_frames(slot) for slot in range(N_SLOTS)])
    if not np.array_equal(np.sort(ids), np.arange(len(record))):
        raise SystemExit("a frame is missing or there twice")
    if len(np.unique(record.states, axis=0)) != len(record):
        raise SystemExit("two frames are the same")
    chosen = random.Random(1).sample(list(record.chunks), min(simulate_again, len(record.chunks)))
    for chunk in chosen:
        if chunk.parent_frame is None:
            state = WALKER.start(chunk.slot, chunk_seed(SEED, chunk.slot, -1, chunk.attempt))
        else:
            state = np.array(record.states[chunk.parent_frame])
        seed = chunk_seed(SEED, chunk.slot, chunk.position, chunk.attempt)
        again = WALKER.advance(state, chunk.n_steps, seed, FRAME_INTERVAL, chunk.first_step)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--folder", type=Path, help="go on with this campaign (default a new one)")
    parser.add_argument("--longest", type=float, default=3.5, help="a coordinator's first kill comes within so many s")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--coordinate", type=int, metavar="STEPS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.coordinate is not None:
        coordinate(options.folder, options.coordinate)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "campaign"
        counts = kill_at_random(folder, options.kills, options.longest, random.Random(options.seed))
        n_chunks = len(committed(folder)) + 5 * N_SLOTS
        process = start(folder, n_chunks * CHUNK_STEPS)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"the campaign did not finish: status {process.returncode}")
        found = examine(folder, n_chunks * CHUNK_STEPS, simulate_again=200)
    print(json.dumps({"what": "kills survived", "kills": counts, "lost": 0, **found, **json.loads(output)}))


if __name__ == "__main__":
    main()
