"""The CVAE trained in bf16 and in fp32: held-out loss over seeds, and both speeds.

Data are frames of a made-up repeat protein (a CA Go model; synthetic), split by blocks of time. For each seed both
precisions start from the same weights and see the same batches and noise, in turn on the same cores; bf16 is torch's
autocast with weights and optimiser in fp32, and the loss of both is evaluated in fp32 on the same held-out frames. The
claim to check: the mean difference, seed by seed, is within the spread of fp32 over seeds. Whether bf16 is fast depends
on the machine: without AVX-512 bf16 or AMX units a CPU emulates it, which the output says. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from undisturbed import watched

RESIDUES, RUNS, FRAMES, FRAME_INTERVAL = 28, 4, 400, 50


def frames(seed: int) -> list[np.ndarray]:
    """Simulate and return packed maps, one array a run."""
    from levinthal.proteins.contact_maps.maps import pack_contacts
    from levinthal.simulation.dynamics.replica import advance, start_replica
    from levinthal.simulation.go.repeat_protein import repeat_protein

    model = repeat_protein(RESIDUES, 1.0)
    result = []
    for run in range(RUNS):
        state = start_replica(model.system, model.native_nm, seed + run)
        _, simulated = advance(
            model.system, state, FRAMES * FRAME_INTERVAL, seed + 100 + run, frame_interval=FRAME_INTERVAL
        )
        result.append(pack_contacts(simulated.coordinates_nm))
    return result


def main() -> None:
    from levinthal.workloads.cvae.data.maps import PackedMaps
    from levinthal.workloads.cvae.data.split import split_by_block
    from levinthal.workloads.cvae.inference import evaluate
    from levinthal.workloads.cvae.model.config import CVAEConfig
    from levinthal.workloads.cvae.model.network import CVAEModel
    from levinthal.workloads.cvae.training.loop import train
    from levinthal.workloads.cvae.training.settings import TrainingSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    runs = frames(1)
    packed = np.concatenate(runs)
    split = split_by_block([len(run) for run in runs], block=40, gap=4, validation=0.2, test=0.0)
    train_maps, held_out = (PackedMaps(packed[part], RESIDUES, RESIDUES) for part in (split.train, split.validation))
    config = CVAEConfig(RESIDUES, filters=(arguments.filters,) * 4)
    losses: dict[str, list[float]] = {"fp32": [], "bf16": []}
    rates: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for seed in range(arguments.seeds):
        for precision in ("fp32", "bf16"):
            model = CVAEModel(config, seed=seed)
            start = time.perf_counter()
            settings = TrainingSettings(
                epochs=arguments.epochs, batch_size=arguments.batch, seed=seed, precision=precision
            )
            history = train(model, train_maps, settings, device=arguments.device)
            loss = evaluate(model, held_out, seed=seed)
            losses[precision].append(loss.total)
            rates[precision].append(history.epochs[-1].frames / sum(e.train_s for e in history.epochs))
            print(
                f"seed {seed} {history.execution.name:13s} held-out loss {loss.total:8.3f} nat/frame, "
                f"{rates[precision][-1]:8.1f} frames/s ({time.perf_counter() - start:.1f} s)",
                flush=True,
            )
    fp32, bf16 = (np.array(losses[name]) for name in ("fp32", "bf16"))
    difference, spread = float((bf16 - fp32).mean()), float(fp32.std(ddof=1))
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    units = "avx512_bf16" in flags or "amx_bf16" in flags
    where = arguments.device if arguments.device != "cpu" else f"a CPU {'with' if units else 'without'} bf16 units"
    print(
        f"bf16 - fp32: {difference:+.3f} nat/frame in the mean, {bf16.std(ddof=1):.3f} and {spread:.3f} over seeds; "
        f"{np.median(rates['bf16']):.0f} against {np.median(rates['fp32']):.0f} frames/s on {where}",
        flush=True,
    )
    print(
        json.dumps(
            {
                "ours": round(float(bf16.mean()), 4), "peer": round(float(fp32.mean()), 4),
                "ratio": round(float(fp32.mean() / bf16.mean()), 4), "unit": "nat/frame",
                "what": "held-out loss of the CVAE trained in bf16 against fp32, same seeds",
                "mean_difference": difference, "spread_over_seeds_fp32": spread,
                "spread_over_seeds_bf16": float(bf16.std(ddof=1)),
                "within_the_spread": abs(difference) <= spread, "bf16_units": units, "where": where,
                "frames_per_s": {name: [round(r, 1) for r in each] for name, each in rates.items()},
                "cases": losses, "synthetic": True,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(watched(main))
