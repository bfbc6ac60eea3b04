"""What a latent space keeps of the slow motion: CVAE, time-lagged VAE, PCA and tICA by cross-validated VAMP-2.

Data are runs of the three-helix bundle's Go model at the temperature at which it folds and unfolds (synthetic). Whole
runs are left out: in each fold all four are fitted on the other runs, embed all frames, and the VAMP-2 score (VAMP-E,
whose maximum over all models is that of the true dynamics) is fitted on the embeddings of those runs and taken on the
run left out. Networks differ in nothing but what they decode to: the same frame, or the one a lag later. Printed are
means over the folds with Student's interval, and the differences to the CVAE fold by fold. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise

import numpy as np
from undisturbed import watched


def simulate(seed: int, frames: int, interval: int) -> np.ndarray:
    """Return packed maps of one run, from the native structure or the stretched chain in turn."""
    from levinthal.proteins.contact_maps.maps import pack_contacts
    from levinthal.simulation.dynamics.replica import advance, start_replica
    from levinthal.simulation.go.ideal_fold import three_helix_bundle

    model = three_helix_bundle()
    state = start_replica(model.system, list(model.starts.values())[seed % 2], seed)
    _, simulated = advance(model.system, state, frames * interval, 1000 + seed, frame_interval=interval)
    return pack_contacts(simulated.coordinates_nm)


def interval_of(values: np.ndarray) -> tuple[float, float, float]:
    """Return mean and Student's 95 % interval."""
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def main() -> None:
    from levinthal.proteins.contact_maps.maps import unpack_pairs
    from levinthal.workloads.cvae.data.maps import LaggedMaps, PackedMaps, SelectedMaps, lagged_pairs
    from levinthal.workloads.cvae.evaluation.baselines import pca_embedding, tica_embedding
    from levinthal.workloads.cvae.evaluation.kinetics import vamp2_held_out
    from levinthal.workloads.cvae.inference import encode
    from levinthal.workloads.cvae.model.config import CVAEConfig
    from levinthal.workloads.cvae.model.network import CVAEModel
    from levinthal.workloads.cvae.training.loop import train
    from levinthal.workloads.cvae.training.settings import TrainingSettings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8, help="runs, and folds")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--interval", type=int, default=200, help="steps between frames")
    parser.add_argument("--lag", type=int, default=10, help="frames")
    parser.add_argument("--latent", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    n_residues, size = 33, 34
    with ProcessPoolExecutor(2) as pool:
        runs = list(
            pool.map(
                simulate, range(arguments.runs), [arguments.frames] * arguments.runs,
                [arguments.interval] * arguments.runs,
            )
        )  # fmt: skip
    packed = np.concatenate(runs)
    maps = PackedMaps(packed, n_residues, size)
    pairs = unpack_pairs(packed, n_residues)
    ends = np.cumsum([0, *map(len, runs)])
    blocks = [np.arange(first, last) for first, last in pairwise(ends)]
    scores: dict[str, list[float]] = {name: [] for name in ("CVAE", "time-lagged VAE", "PCA", "tICA")}
    config = CVAEConfig(size, filters=(16,) * 4, latent=arguments.latent)
    for fold in range(arguments.runs):
        fit = [block for k, block in enumerate(blocks) if k != fold]
        together = np.concatenate(fit)
        first, second = lagged_pairs(fit, arguments.lag)
        sources = {
            "CVAE": SelectedMaps(maps, first),  # as many frames as the other has pairs
            "time-lagged VAE": LaggedMaps(maps, first, second),
        }
        points = {
            "PCA": pca_embedding(pairs[together], pairs, arguments.latent, 0),
            "tICA": tica_embedding([pairs[block] for block in fit], pairs, arguments.latent, arguments.lag),
        }
        for name, source in sources.items():
            model = CVAEModel(config, seed=fold)
            train(model, source, TrainingSettings(arguments.epochs, batch_size=64, seed=fold, precision="fp32"))
            points[name] = encode(model, maps)[0].astype(np.float64)
        for name, each in points.items():
            score = vamp2_held_out([each[block] for block in fit], [each[blocks[fold]]], arguments.lag)
            scores[name].append(score)
        print(
            f"run {fold} left out: " + ", ".join(f"{name} {each[-1]:.3f}" for name, each in scores.items()), flush=True
        )
    means = {name: interval_of(np.array(each)) for name, each in scores.items()}
    gains = {
        name: interval_of(np.array(each) - np.array(scores["CVAE"])) for name, each in scores.items() if name != "CVAE"
    }
    for name, (mean, low, high) in means.items():
        print(f"{name:16s} VAMP-2 {mean:.3f} ({low:.3f} to {high:.3f})")
    for name, (mean, low, high) in gains.items():
        print(f"{name:16s} less CVAE {mean:+.3f} ({low:+.3f} to {high:+.3f})")
    print(
        json.dumps(
            {
                "ours": round(means["time-lagged VAE"][0], 4), "peer": round(means["CVAE"][0], 4),
                "ratio": round(means["time-lagged VAE"][0] / means["CVAE"][0], 4), "unit": "VAMP-2",
                "what": "cross-validated VAMP-2 of the time-lagged VAE against the CVAE, same network and frames",
                "cases": scores, "means": means, "less_cvae": gains, "lag_frames": arguments.lag,
                "frame_interval_steps": arguments.interval, "synthetic": True,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(watched(main))
