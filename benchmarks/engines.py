"""What an engine costs for each chunk: the same campaign on local workers and on Parsl, in turns.

Both have the same number of workers and the same chunks of the Mueller-Brown surface. Without decisions every walker's
frames must be the same on both, bit for bit, before any figure is reported. The overhead of a chunk is the time a
worker was not simulating before it, from its second chunk on; `return` is the way back to the coordinator,
`commit` what the record takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from undisturbed import watched

from levinthal.harness.engines.contract import Engine
from levinthal.harness.engines.open import open_engine
from levinthal.simulation.exact.potential import MINIMA
from levinthal.workloads.sampling.loop.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.sampling.study.spending import busy_share, queue_times_s
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics

DYNAMICS = PlanarDynamics(starts=MINIMA)
FRAMES_A_CHUNK = 20
CONFIGURATION = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(executors=[
    HighThroughputExecutor(
        label="simulation", address="127.0.0.1", max_workers_per_node={workers}, cpu_affinity="list:{cores}",
        heartbeat_period=2, heartbeat_threshold=60,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
])
"""


def campaign(engine: Engine, folder: Path, chunk_steps: int, n_chunks: int) -> CampaignRecord:
    plan = CampaignPlan(
        n_walkers=4 * engine.n_workers,
        chunk_steps=chunk_steps,
        frame_interval=chunk_steps // FRAMES_A_CHUNK,
        seed=1,
        n_workers=engine.n_workers,
        max_steps=chunk_steps * n_chunks,
    )
    run_campaign(DYNAMICS, make_policy("plain"), None, folder, plan, make_executor=engine.executor)
    return CampaignRecord(folder)


def overheads_s(chunks: list[ChunkRow]) -> list[float]:
    """Return the time between two chunks of the same worker, for each but its first."""
    last: dict[str, float] = {}
    found = []
    for chunk in sorted(chunks, key=lambda each: each.started):
        if chunk.worker in last:
            found.append(chunk.started - last[chunk.worker])
        last[chunk.worker] = chunk.simulated
    return found


def figures(record: CampaignRecord, n_workers: int) -> dict[str, float]:
    chunks = list(record.chunks)
    warm = chunks[2 * n_workers :]
    return {
        "overhead_ms": 1e3 * statistics.median(overheads_s(warm)),
        "return_ms": 1e3 * statistics.median(c.returned - c.ended for c in warm),
        "commit_ms": 1e3 * statistics.median(c.committed - c.returned for c in warm),
        "queue_ms": 1e3 * statistics.median(queue_times_s(warm)),
        "chunk_ms": 1e3 * statistics.median(c.simulated - c.started for c in warm),
        "busy_share": busy_share(warm, n_workers),
    }


def same_frames(records: list[CampaignRecord], n_walkers: int) -> bool:
    for walker in range(n_walkers):
        parts = [np.asarray(record.states[record.walker_frames(walker)]) for record in records]
        n = min(map(len, parts))
        if n == 0 or any(part[:n].tobytes() != parts[0][:n].tobytes() for part in parts):
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="of both (default all cores)")
    parser.add_argument("--chunk-ms", type=float, default=200.0, help="about how long a chunk takes (default 200)")
    parser.add_argument("--chunks", type=int, default=80, help="of each campaign (default 80)")
    parser.add_argument("--rounds", type=int, default=5, help="campaigns on each engine (default 5)")
    options = parser.parse_args()
    DYNAMICS.advance(DYNAMICS.start(0, 0), 100, 0, 10, 0)  # compile
    began = time.perf_counter()
    DYNAMICS.advance(DYNAMICS.start(0, 0), 400_000, 0, 20_000, 0)
    steps = 400_000 * options.chunk_ms / 1e3 / (time.perf_counter() - began)
    chunk_steps = max(int(steps) // FRAMES_A_CHUNK, 1) * FRAMES_A_CHUNK
    found: dict[str, list[dict[str, float]]] = {"local": [], "parsl": []}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "parsl.py"
        cores = sorted(os.sched_getaffinity(0))
        pinned = ":".join(str(cores[k % len(cores)]) for k in range(options.workers))
        path.write_text(CONFIGURATION.format(workers=options.workers, cores=pinned))
        engines = {"local": open_engine(f"local:{options.workers}"), "parsl": open_engine(f"parsl:{path}", path.parent)}
        try:
            for number in range(-1, options.rounds):  # the first round starts the workers
                records = []
                for name, engine in engines.items():
                    record = campaign(engine, Path(temporary) / f"{name}-{number}", chunk_steps, options.chunks)
                    records.append(record)
                    if number >= 0:
                        found[name].append(figures(record, options.workers))
                if not same_frames(records, 4 * options.workers):
                    raise SystemExit("the engines do not give the same frames")
        finally:
            for engine in engines.values():
                engine.close()
    medians = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    for name, values in medians.items():
        spread = [each["overhead_ms"] for each in found[name]]
        print(
            f"{name}: overhead {values['overhead_ms']:.2f} ms a chunk of {values['chunk_ms']:.0f} ms (rounds "
            f"{min(spread):.2f} to {max(spread):.2f}), workers busy {100 * values['busy_share']:.1f} %"
        )
    result = {
        "what": "overhead of a chunk on its worker; the same frames bit for bit on both engines",
        "unit": "ms",
        "ours": medians["local"]["overhead_ms"],
        "peer": medians["parsl"]["overhead_ms"],
        "ratio": medians["parsl"]["overhead_ms"] / medians["local"]["overhead_ms"],
        "same_frames": True,
        "workers": options.workers,
        "cases": [{"case": name, **values, "rounds": found[name]} for name, values in medians.items()],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
