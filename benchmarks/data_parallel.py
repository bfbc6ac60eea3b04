"""What the exchange of gradients costs the CVAE on two gloo ranks, and what each way to make it cheaper saves.

Two processes, pinned to a core each with one thread, take steps with each variant in turn (A B C ... A B C ...), every
turn preceded by steps without exchange; nobody else computes meanwhile. A variant's figure is the median time of a step
with exchange, beside DistributedDataParallel as torch sets it by default. "local" leaves the exchange out, which is the
limit of what local SGD could save; it is not a training. Variants other than fp16 sum the same gradients.

    python benchmarks/data_parallel.py [--cases 22x22:256,106x106:32] [--rounds 7]

The last line is JSON; `ratio` is ours to the default, the smallest over the cases.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from levinthal.harness.engines.processes import die_with_parent
from levinthal.harness.engines.ranks import end_ranks, pin_rank, start_ranks

LATENT = {22: 3, 106: 10}
CASES = "22x22:256,22x22:2048,106x106:32,106x106:128"
OURS, DEFAULT, LOCAL = "ours", "default", "local"
VARIANTS = {
    DEFAULT: ("never", {}),
    OURS: ("auto", {}),
    "static graph": ("never", {"static_graph": True}),
    "buckets of 1 MB": ("never", {"bucket_cap_mb": 1}),
    "buckets of 200 MB": ("never", {"bucket_cap_mb": 200}),
    "fp16": ("never", {}),
    "factors": ("always", {}),
}


def measure(rows: int, batch: int, rounds: int, variants: list[str]) -> dict[str, list[float]]:
    """Return the seconds of a step of the slower rank by variant, as one of the ranks."""
    import torch
    from torch import distributed
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook

    from levinthal.proteins.contact_maps.maps import packed_size
    from levinthal.workloads.cvae.data.maps import PackedMaps
    from levinthal.workloads.cvae.model.config import CVAEConfig
    from levinthal.workloads.cvae.model.network import CVAEModel
    from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
    from levinthal.workloads.cvae.model.precision import Execution
    from levinthal.workloads.cvae.training.stepper import Stepper
    from levinthal.workloads.training.allocator import keep_freed_memory

    die_with_parent()
    keep_freed_memory()
    distributed.init_process_group("gloo")
    pin_rank()
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (4 * batch, packed_size(rows)), dtype=np.uint8)
    packed &= rng.integers(0, 256, packed.shape, dtype=np.uint8)  # a quarter of the pairs are contacts
    source = PackedMaps(packed, rows, rows)
    config = CVAEConfig(rows, latent=LATENT[rows])

    def turn(stepper: Stepper, *, synchronise: bool, count: int) -> float:
        distributed.barrier()
        start = time.perf_counter()
        for _ in range(count):
            stepper.step(synchronise=synchronise)
        slowest = torch.tensor((time.perf_counter() - start) / count)
        distributed.all_reduce(slowest, distributed.ReduceOp.MAX)
        return float(slowest)

    seconds: dict[str, list[float]] = {name: [] for name in (*variants, LOCAL)}
    for number in range(rounds):
        for name in variants:
            factors, options = VARIANTS[name]
            model = CVAEModel(config)
            stepper = Stepper(
                model, source, batch, OptimizerSettings(), number, Execution("fp32", compiled=True),
                factors=factors, ddp_options=options,
            )  # fmt: skip
            if name == "fp16":
                stepper.exchange.network.register_comm_hook(None, fp16_compress_hook)
            turn(stepper, synchronise=True, count=1)
            seconds[name].append(turn(stepper, synchronise=True, count=2))
            if name == DEFAULT:
                seconds[LOCAL].append(turn(stepper, synchronise=False, count=2))
            stepper.close()
            del stepper, model
    distributed.destroy_process_group()
    return seconds


def run_case(case: str, rounds: int, variants: str) -> dict[str, object]:
    rows, batch = (int(part) for part in case.replace("x", ":").split(":")[1:])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seconds.json"
        os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        launcher = start_ranks(
            2,
            Path(__file__).stem,
            ["--rank", str(rows), str(batch), str(rounds), variants, str(out)],
            log=sys.stderr.fileno(),
        )
        try:
            launcher.communicate()
        finally:
            end_ranks(launcher)
        seconds = json.loads(out.read_text())
    steps = {name: statistics.median(each) for name, each in seconds.items()}
    shown = {
        name: {
            "step_s": round(steps[name], 4),
            "quartiles_s": [round(float(q), 4) for q in np.percentile(each, [25, 75])],
            "frames_per_s": round(batch / steps[name], 1),
            "speed_beside_default": round(steps[DEFAULT] / steps[name], 3),
        }
        for name, each in seconds.items()
    }
    for name, each in shown.items():
        print(
            f"{case:12s} {name:18s} {each['step_s']:8.4f} s {each['quartiles_s']} {each['speed_beside_default']:6.3f}"
        )
    sys.stdout.flush()
    return {"case": case, "variants": shown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=CASES, help="rows x rows : batch over both ranks, separated by commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="which of them; default and ours are needed")
    parser.add_argument("--rank", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        rows, batch, rounds, variants, out = options.rank
        seconds = measure(int(rows), int(batch), int(rounds), variants.split(","))
        if os.environ["RANK"] == "0":
            Path(out).write_text(json.dumps(seconds))
        return
    cases = [run_case(case, options.rounds, options.variants) for case in options.cases.split(",")]
    worst = min(cases, key=lambda case: case["variants"][OURS]["speed_beside_default"])
    ours, peer = worst["variants"][OURS], worst["variants"][DEFAULT]
    print(
        json.dumps(
            {
                "ours": ours["frames_per_s"], "peer": peer["frames_per_s"], "ratio": ours["speed_beside_default"],
                "cases": cases, "unit": "frames/s",
                "what": f"CVAE on two gloo ranks against torch's DDP as it comes, worst case {worst['case']}",
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
