"""The reference of each system against one ten times as long: how far it is off, with an interval; whether it holds.

Of Go models both come from plain walks by the reversible model of coarse states that studies use; the longer walks
begin with the shorter ones, which are a tenth of them. Of exact systems the answer is exact, and walks are held against
it: ten times as long they are to be nearer. Divergences are Jensen-Shannon's in nats, intervals jackknives over eight
walks. What is simulated is kept in the data folder and gone on with.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from levinthal.arrays import Doubles
from levinthal.datasets.registry import data_folder
from levinthal.errors import DataError, LevinthalError
from levinthal.harness.contract.settings import make_settings
from levinthal.simulation.analysis.coarse_model import coarse_model
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.intervals import Estimate, jackknife
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.reference import WALKS, why_not
from levinthal.workloads.sampling.study.walks import Walk, WalkTask, content_key, kept_folder, make_walk
from levinthal.workloads.sampling.systems.system import System, make_system

SYSTEMS = "landscape:7,landscape:10,bottleneck,mueller-brown,three-helix-bundle,repeat-fold"
STEPS = {"exact": 400_000, "Go": 8_000_000}


def walks_of(system: System, n_steps: int, frame_interval: int, pool: ProcessPoolExecutor) -> list[Walk]:
    dynamics = system.reference_dynamics or system.dynamics
    key, named = content_key(dynamics, system.observables, frame_interval)
    folder = kept_folder(data_folder(), key) if named else None
    n_frames = n_steps // (WALKS * frame_interval)
    tasks = [WalkTask(dynamics, system.observables, k, n_frames, frame_interval, folder, key) for k in range(WALKS)]
    return list(pool.map(make_walk, tasks))


def divergence(walks: Sequence[Walk], populations_of: Callable[[Sequence[Walk]], Doubles], other: Doubles) -> Estimate:
    return jackknife(
        list(walks),
        lambda part: jensen_shannon_nats(populations_of(part), other),
        limits=(0.0, math.log(2.0)),
    )


def measure(name: str, frame_interval: int, factor: int, pool: ProcessPoolExecutor) -> dict[str, object]:
    (member,) = make_settings(SamplingSettings, "smoke", {"system": name}).members()
    system = make_system(member.sampled)
    n_cells, event = system.observables.n_cells, system.observables.event
    exact = system.stationary
    n_steps = STEPS["Go" if exact is None else "exact"]

    def modelled(part: Sequence[Walk]) -> Doubles:
        return coarse_model(
            [each.cell for each in part], n_cells, [each.arrived for each in part] if event else None
        ).stationary

    def counted(part: Sequence[Walk]) -> Doubles:
        return np.bincount(np.concatenate([each.cell for each in part]), minlength=n_cells).astype(np.float64)

    began = time.perf_counter()
    longer = walks_of(system, factor * n_steps, frame_interval, pool)
    shorter = [
        Walk(each.cell[: len(each) // factor], each.arrived[: len(each) // factor], each.state) for each in longer
    ]
    if exact is not None:
        found = {label: divergence(part, counted, exact) for label, part in (("short", shorter), ("long", longer))}
        return {"system": name, "against": "exact", "steps": n_steps, "s": time.perf_counter() - began,
                **{f"nats, {label}": [e.value, e.low, e.high] for label, e in found.items()}}  # fmt: skip
    model = coarse_model([each.cell for each in shorter], n_cells, [each.arrived for each in shorter])
    off = divergence(shorter, modelled, modelled(longer))
    return {"system": name, "against": f"{factor} times as long", "steps": n_steps, "s": time.perf_counter() - began,
            "nats, short": [off.value, off.low, off.high], "refused": why_not(model, event, n_steps)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=SYSTEMS, help="which (default %(default)s)")
    parser.add_argument("--factor", type=int, default=10, help="how much longer (default 10)")
    parser.add_argument("--frame-interval", type=int, default=100, help="steps between frames (default 100)")
    parser.add_argument("--workers", type=int, default=2, help="walks at a time (default 2)")
    options = parser.parse_args()
    found = []
    with ProcessPoolExecutor(options.workers) as pool:
        for name in options.systems.split(","):
            try:
                found.append(measure(name, options.frame_interval, options.factor, pool))
            except DataError as error:
                found.append({"system": name, "refused": str(error)})
            print(json.dumps(found[-1]), flush=True)
    print(json.dumps({"what": "references against longer ones", "systems": found}))


if __name__ == "__main__":
    try:
        main()
    except LevinthalError as error:
        raise SystemExit(str(error)) from None
