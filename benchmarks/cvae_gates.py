"""What the gates of the workload `cvae` are worth: how often they pass over seeds, and with codes that are wrong.

`levinthal run cvae` is carried out with so many repeats, each with data, split and weights of its own. From what each
repeat leaves (frames, parts, weights) its figures are made again: PCA with a logistic decoder must come out as it was
recorded. Then the codes of the test frames are broken and held to the same gate: shuffled between the frames, all set
to their mean, those of a model that was never trained. Last come the medians of bits on whole trajectories left out,
VAMP-2, the slowest implied timescale and the agreement with macrostates, by method; the mean and worst ratio, and
the seconds of training and of whole repeats. The last line is JSON; the exit status is 1 where more than one sound
repeat in twenty fails, or a broken one passes.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

TABLE = ("held-out bits per contact", "VAMP-2", "slowest implied timescale", "macrostate agreement")
GATE = "over those of PCA with a logistic decoder"
MARGIN = 0.95


def parts_of(folder: Path) -> dict[str, np.ndarray]:
    """Return the frames of each part of a repeat, as `latent.csv` says."""
    with (folder / "latent.csv").open(encoding="utf-8") as file:
        parts = np.array([row["part"] for row in csv.DictReader(file)])
    return {name: np.flatnonzero(parts == name) for name in ("train", "validation", "test")}


def ratios_of(folder: Path, seed: int) -> tuple[dict[str, float], float]:
    """Return bits over those of PCA of the model's codes and of broken ones, and the bits of PCA."""
    from levinthal.sampling import CVAE
    from levinthal.simulation import FrameStore
    from levinthal.workloads.cvae.data.features import sample_pairs
    from levinthal.workloads.cvae.evaluation.baselines import pca_embedding
    from levinthal.workloads.cvae.evaluation.logistic import tuned_decoder
    from levinthal.workloads.cvae.evaluation.reconstruction import decode_pairs
    from levinthal.workloads.cvae.evaluation.scores import frame_bits
    from levinthal.workloads.cvae.model.network import CVAEModel

    store, parts = FrameStore(folder / "frames"), parts_of(folder)
    packed, n = np.asarray(store.contacts), store.header.n_residues
    pairs = sample_pairs(packed, n, 0)
    fit, check, test = (parts[name] for name in ("train", "validation", "test"))
    trained = CVAE.load(folder / "model.safetensors")
    points = pca_embedding(pairs.contacts[fit], pairs.contacts, trained.latent, 0)
    decoder = tuned_decoder((points[fit], pairs.contacts[fit]), (points[check], pairs.contacts[check]))
    truth = pairs.contacts[test]
    of_pca = float(frame_bits(decoder.logits(points[test]), truth).mean())
    codes = np.asarray(trained.transform(packed[test]), np.float64)
    blank = CVAE.of_model(CVAEModel(trained.model_.config, seed=seed), n_residues=n)
    broken = {
        "sound": (trained, codes),
        "shuffled": (trained, np.random.default_rng(seed).permutation(codes)),
        "mean": (trained, np.broadcast_to(codes.mean(axis=0), codes.shape)),
        "untrained": (blank, np.asarray(blank.transform(packed[test]), np.float64)),
    }
    ratios = {
        name: float(frame_bits(decode_pairs(model.model_, z, pairs, n, 256).logits, truth).mean()) / of_pca
        for name, (model, z) in broken.items()
    }
    return ratios, of_pca


def main() -> int:
    import levinthal

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="repeats")
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="settings of the run")
    parser.add_argument("--out", type=Path, help="keep the run here, or take one that is there")
    arguments = parser.parse_args()
    scratch = tempfile.TemporaryDirectory()
    out = arguments.out or Path(scratch.name) / "run"
    if (out / "result.json").exists():
        result = levinthal.load_result(out)
    else:
        settings = dict(pair.split("=", 1) for pair in arguments.set)
        result = levinthal.run("cvae", settings, size=arguments.size, repeats=arguments.seeds, out=out)
    cases = []
    for repeat in result.repeats:
        gates = {str(gate): gate.passed for gate in repeat.gates}
        ratios, of_pca = ratios_of(out / "repeats" / f"{repeat.index:03d}", repeat.index)
        recorded = {str(metric): metric.value for metric in repeat.metrics}
        told = recorded["held-out bits per contact (method PCA)"]
        train_s = sum(each.duration_s for each in repeat.phases if each.lane == "main" and each.name == "train")
        cases.append({
            "gates": gates, "ratios": ratios, "bits_of_pca_again": of_pca, "bits_of_pca_recorded": told,
            "train_s": train_s, "repeat_s": repeat.duration_s,
        })  # fmt: skip
        print(
            f"seed {repeat.index}: gates {'passed' if all(gates.values()) else 'failed'}; bits over those of PCA: "
            + ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
            + f"; trained for {train_s:.0f} s of {repeat.duration_s:.0f}",
            flush=True,
        )
    passed = sum(all(case["gates"].values()) for case in cases)
    by_pca = sum(all(ok for name, ok in case["gates"].items() if GATE in name) for case in cases)
    broken = {name: sum(case["ratios"][name] > MARGIN for case in cases) for name in ("shuffled", "mean", "untrained")}
    apart = max(abs(case["bits_of_pca_again"] / case["bits_of_pca_recorded"] - 1.0) for case in cases)
    table: dict[str, dict[str, float | None]] = {}
    for name in TABLE:
        for summary in result.summary.named(name):
            table.setdefault(str(summary.labels["method"]), {})[name] = summary.median
    print(f"{'method':16s}" + "".join(f"{name:>28s}" for name in TABLE))
    for method, row in table.items():
        print(f"{method:16s}" + "".join(f"{row.get(name) or float('nan'):28.4g}" for name in TABLE))
    ratios = [case["ratios"]["sound"] for case in cases]
    train_s, repeat_s = (float(np.median([case[name] for case in cases])) for name in ("train_s", "repeat_s"))
    print(
        f"bits over those of PCA: mean {np.mean(ratios):.3f}, worst {max(ratios):.3f}; median training {train_s:.0f} s "
        f"of {repeat_s:.0f}"
    )
    print(
        f"all gates passed {passed} of {len(cases)}, those against PCA {by_pca}; broken codes missed the gate {broken}"
    )
    print(
        json.dumps(
            {
                "ours": passed, "peer": len(cases), "ratio": round(passed / len(cases), 3), "unit": "repeats",
                "what": "repeats of cvae whose gates pass", "by_pca": by_pca, "broken_fail": broken, "table": table,
                "mean_ratio": float(np.mean(ratios)), "worst_ratio": max(ratios), "train_s": train_s,
                "repeat_s": repeat_s, "cases": cases, "size": arguments.size, "synthetic": True,
            }
        )
    )  # fmt: skip
    sound = passed >= 0.95 * len(cases) and all(count == len(cases) for count in broken.values()) and apart < 1e-3
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
