"""Training the CVAE on larger and larger proteins: time and memory per frame, and what a map of 1,024 residues needs.

Each measurement is a process of its own: it simulates a made-up repeat protein of so many residues (a CA Go model;
synthetic), leaves the packed maps in a frame store, reads them by memory map, and trains by the workload's own loop
with 64 filters. A batch has as many frames as two maps of 512 rows have elements, 2 to 256. Printed are seconds a frame
(median and quartiles over the steps after the warm-up; also of processor time, which a busy machine disturbs less, with
OMP_NUM_THREADS=1 least), the peak of resident memory, the share of the time that training waited for data, and the
exponent of a fit of time against the area of the map: 1 is growth with the area.

    python benchmarks/cvae_ladder.py [--sizes 28,56,...] [--strides auto|1,2,2,2] [--rounds 2]

Then the same training step at 1,024 residues and batch 2 in other ways: strides 1, 2, 2, 2 (four times the last map),
with everything kept, recomputed, and in strips. The paper's own strides (1, 2, 1, 1) are not measured at 1,024: their
two dense layers alone have 4.3e9 weights, 52 GB with gradient and RMSprop. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (28, 56, 106, 214, 512, 1024)
FRAME_INTERVAL, KT_OVER_EPSILON = 20, 1.3
EPOCH_STEPS = 4
# Strides, rows of a strip, whether to recompute.
LARGE_CASES = (
    ("2,2,2,2", 0, False),
    ("2,2,2,2", 128, True),
    ("1,2,2,2", 0, False),
    ("1,2,2,2", 0, True),
    ("1,2,2,2", 128, True),
)


def batch_of(size: int) -> int:
    """As many frames as make two maps of 512 rows, 2 to 256."""
    return int(np.clip(2 * 512**2 // size**2, 2, 256))


def simulate(n_residues: int, n_frames: int, folder: Path) -> None:
    from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader
    from levinthal.simulation.dynamics.replica import advance, start_replica
    from levinthal.simulation.go.repeat_protein import repeat_protein

    model = repeat_protein(n_residues, KT_OVER_EPSILON)
    state = start_replica(model.system, model.native_nm, 1)
    _, frames = advance(model.system, state, n_frames * FRAME_INTERVAL, 2, frame_interval=FRAME_INTERVAL)
    with FrameWriter(folder, StoreHeader(n_residues, system=model.system.name)) as writer:
        writer.append(frames, replica=0, start="native")


def serve(size: int, strides: str, rows: int, recompute: bool, batch: int, epochs: int) -> None:
    """Measure in this process and print one line of JSON."""
    from levinthal.metrics.process import process_tree_usage
    from levinthal.simulation.dynamics.frame_store import FrameStore
    from levinthal.workloads.cvae.data.maps import PackedMaps
    from levinthal.workloads.cvae.model.config import CVAEConfig, flops_per_frame, strides_for
    from levinthal.workloads.cvae.model.memory import MemoryPlan, activation_bytes, plan_memory, state_bytes
    from levinthal.workloads.cvae.model.network import CVAEModel
    from levinthal.workloads.cvae.training.batch_search import available_bytes
    from levinthal.workloads.cvae.training.loop import train
    from levinthal.workloads.cvae.training.settings import TrainingSettings

    chosen = strides_for(size) if strides == "auto" else tuple(map(int, strides.split(",")))
    config = CVAEConfig(size=size, strides=chosen, latent=10)
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        simulate(size, EPOCH_STEPS * batch, Path(name) / "frames")
        simulated_s = time.perf_counter() - began
        source = PackedMaps(FrameStore(Path(name) / "frames").contacts, size, size)
        model = CVAEModel(config)
        model.memory = MemoryPlan(recompute, rows)
        if strides == "auto" and not recompute:
            model.memory = plan_memory(config, batch, available_bytes("cpu"))
        before = process_tree_usage().peak_rss_bytes
        ends: list[float] = []
        ends_cpu: list[float] = []
        history = train(
            model, source, TrainingSettings(steps=EPOCH_STEPS * epochs, batch_size=batch, precision="fp32"),
            on_step=lambda step, loss: (ends.append(time.perf_counter()), ends_cpu.append(time.process_time())),
        )  # fmt: skip
    seconds = np.diff(ends)[EPOCH_STEPS - 1 :]
    later = history.epochs[1:]
    frame_s = float(np.median(seconds)) / batch
    cpu_s = float(np.median(np.diff(ends_cpu)[EPOCH_STEPS - 1 :])) / batch
    print(
        json.dumps(
            {
                "residues": size, "strides": ",".join(map(str, chosen)), "plan": model.memory.name,
                "execution": history.execution.name, "batch": batch,
                "s_per_frame": frame_s, "cpu_s_per_frame": cpu_s,
                "quartiles_s_per_frame": [float(q) / batch for q in np.percentile(seconds, [25, 75])],
                "gflop_per_s": flops_per_frame(config) / 1e9 / frame_s,
                "loading_share": sum(e.loading_s for e in later) / sum(e.train_s for e in later),
                "peak_resident_mib": process_tree_usage().peak_rss_bytes / 2**20,
                "before_training_mib": before / 2**20,
                "weights_and_optimiser_mib": state_bytes(config) / 2**20,
                "estimated_maps_mib": activation_bytes(config, batch, model.memory) / 2**20,
                "simulation_s": simulated_s, "loss_first_epoch": history.epochs[0].train.total,
                "loss_last_epoch": history.epochs[-1].train.total,
            }
        )
    )  # fmt: skip


def measure(
    size: int, strides: str, epochs: int, rows: int = 0, recompute: bool = False, batch: int | None = None
) -> dict[str, Any]:
    command = [sys.executable, __file__, "--serve", str(size), strides, str(rows), str(int(recompute))]
    command += [str(batch or batch_of(size)), str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{size} residues: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{found['residues']:5d} residues  strides {found['strides']:8s} {found['plan']:20s} {found['execution']:13s} "
        f"batch {found['batch']:4d}  {1e3 * found['s_per_frame']:9.3f} ms/frame {found['gflop_per_s']:6.1f} GFLOP/s  "
        f"loading {100 * found['loading_share']:5.2f} %  peak {found['peak_resident_mib']:7.0f} MiB "
        f"({found['weights_and_optimiser_mib']:.0f} of it weights)",
        flush=True,
    )
    return found


def exponent(cases: list[dict[str, Any]], key: str) -> float:
    """Return the slope of log(time or memory) against log(area)."""
    area = np.log([float(case["residues"]) ** 2 for case in cases])
    return float(np.polyfit(area, np.log([case[key] for case in cases]), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="residues, separated by commas")
    parser.add_argument("--strides", default="auto,1-2-2-2", help="architectures: auto, or strides joined by -")
    parser.add_argument("--rounds", type=int, default=2, help="each size is measured so often, in turn")
    parser.add_argument("--epochs", type=int, default=3, help=f"passes of {EPOCH_STEPS} steps, the first is warm-up")
    parser.add_argument("--only-large", action="store_true", help="nothing but the ways to train at 1,024")
    parser.add_argument("--skip-large", action="store_true", help="leave out the other ways to train at 1,024")
    parser.add_argument("--serve", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        size, strides, rows, recompute, batch, epochs = arguments.serve
        serve(int(size), strides, int(rows), recompute == "1", int(batch), int(epochs))
        return
    sizes = [int(each) for each in arguments.sizes.split(",")]
    ladders: dict[str, list[dict[str, Any]]] = {}
    for strides in (each.replace("-", ",") for each in arguments.strides.split(",")):
        if arguments.only_large:
            break
        rounds = [[measure(size, strides, arguments.epochs) for size in sizes] for _ in range(arguments.rounds)]
        best = [min(each, key=lambda case: case["s_per_frame"]) for each in zip(*rounds, strict=True)]
        for case, each in zip(best, zip(*rounds, strict=True), strict=True):
            case["s_per_frame_by_round"] = [one["s_per_frame"] for one in each]
            case["loading_share"] = max(one["loading_share"] for one in each)
        ladders[strides] = best
        print(
            f"strides {strides}: time per frame grows as area^{exponent(best, 's_per_frame'):.3f}, processor time as "
            f"area^{exponent(best, 'cpu_s_per_frame'):.3f}",
            flush=True,
        )
    large = []
    if not arguments.skip_large:
        large = [
            measure(1024, strides, arguments.epochs, rows, recompute, 2) for strides, rows, recompute in LARGE_CASES
        ]
    exponents = {strides: round(exponent(cases, "s_per_frame"), 3) for strides, cases in ladders.items()}
    if arguments.only_large:
        peak = min(case["peak_resident_mib"] for case in large) / 1024
        limits = {"ours": round(peak, 2), "peer": 8.0, "ratio": round(8.0 / peak, 2), "unit": "GiB"}
        print(json.dumps({**limits, "what": "peak of resident memory, 1,024 residues, batch 2", "cases": large}))
        return
    worst = max(exponents.values())
    print(
        json.dumps(
            {
                "ours": worst, "peer": 1.0, "ratio": round(1 / worst, 3), "unit": "exponent of the map's area",
                "what": "CVAE training: growth of time per frame with the size of the protein, against the map's area",
                "exponents": exponents,
                "exponents_of_processor_time": {
                    strides: round(exponent(cases, "cpu_s_per_frame"), 3) for strides, cases in ladders.items()
                },
                "most_loading_share": max(case["loading_share"] for cases in ladders.values() for case in cases),
                "cases": [case for cases in ladders.values() for case in cases], "at_1024_batch_2": large,
                "synthetic": True,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
