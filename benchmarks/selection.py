"""Embedding and selection of 100,000 frames of 28 residues: seconds for each learner and each policy.

For each learner: fit (which runs beside the simulations and is not counted), then embed all frames. For each policy:
one look at all frames, then a decision for each of 16 walkers. Met is a learner and a policy together below 10 s.
Frames are synthetic: random compact chains that swell and shrink along trajectories. Embeddings of 3 and 10 dimensions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from undisturbed import watched

from levinthal.workloads.sampling.learners.learner import make_learner
from levinthal.workloads.sampling.policies.registry import POLICIES, make_policy
from levinthal.workloads.sampling.policies.view import View

N_RESIDUES, N_WALKERS, LIMIT_S = 28, 16, 10.0
NAMES = tuple(name for name in POLICIES.built_in() if not POLICIES.declared(name, "wants_answer"))
LEARNERS: dict[str, tuple[str, dict[str, Any]]] = {
    "coordinates": ("coordinates", {"landmarks": 5}),
    "pca, d = 3": ("pca", {"components": 3}),
    "pca, d = 10": ("pca", {"components": 10}),
    "cvae, d = 3": ("cvae", {"latent": 3, "epochs": 1, "most_frames": 5000}),
    "cvae, d = 10": ("cvae", {"latent": 10, "epochs": 1, "most_frames": 5000}),
}

Frames = npt.NDArray[np.float32]


def chains(n_frames: int, n_segments: int, seed: int) -> Frames:
    """Return trajectories of chains: bonds of 0.38 nm that turn slowly, with a compactness that wanders."""
    rng = np.random.default_rng(seed)
    per_segment = n_frames // n_segments
    parts = []
    for _ in range(n_segments):
        bonds = rng.normal(size=(1, N_RESIDUES, 3)) + 0.15 * np.cumsum(
            rng.normal(size=(per_segment, N_RESIDUES, 3)), axis=0
        )
        bonds *= 0.38 / np.linalg.norm(bonds, axis=-1, keepdims=True)
        chain = np.cumsum(bonds, axis=1)
        size = 0.7 + 0.3 * np.sin(np.cumsum(0.05 * rng.normal(size=per_segment)))
        parts.append(((chain - chain.mean(axis=1, keepdims=True)) * size[:, None, None]).astype(np.float32))
    return np.concatenate(parts)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call takes and what it gives."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def look_and_decide(name: str, view: View, seed: int) -> tuple[float, float, int]:
    """Return the seconds of a policy's look at all frames and of a decision for each walker, and the restarts."""
    policy = make_policy(name, **({"target": view.frames[7]} if POLICIES.declared(name, "wants_target") else {}))
    refresh_s, _ = seconds(lambda: policy.refresh(view, np.random.default_rng(seed)))
    decide_s, decisions = seconds(
        lambda: [policy.decide(walker, view, np.random.default_rng((seed, walker))) for walker in range(N_WALKERS)]
    )
    return refresh_s, decide_s, sum(decision.frame is not None for decision in decisions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, medians are printed (default 3)")
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS), choices=list(LEARNERS))
    parser.add_argument("--policies", nargs="+", default=list(NAMES), choices=NAMES)
    options = parser.parse_args()
    segment = max(options.frames // 100, 1)
    frames = chains(options.frames, 100, seed=1)
    n = len(frames)
    results = []
    for label in options.learners:
        name, settings = LEARNERS[label]
        fit_s, model = seconds(lambda name=name, settings=settings: make_learner(name, **settings).fit(frames, None, 1))
        model.embed(frames[:512])
        embed_s = statistics.median(seconds(lambda model=model: model.embed(frames))[0] for _ in range(options.rounds))
        view = View(
            embedding=model.embed(frames),
            trajectory=np.arange(n) // segment,
            step=np.arange(n) % segment,
            restarts=np.zeros(n, np.int64),
            latest=(np.arange(N_WALKERS) + 1) * segment - 1,
            frames=frames,
            model_version=1,
        )
        print(f"{label}: {view.embedding.shape[1]} dimensions, fit {fit_s:.2f} s (beside), embed {embed_s:.2f} s")
        measured: dict[str, list[tuple[float, float, int]]] = {policy: [] for policy in options.policies}
        for k in range(options.rounds):
            for policy in options.policies:
                measured[policy].append(look_and_decide(policy, view, k))
        for policy, rounds in measured.items():
            refresh_s, decide_s = (statistics.median(each[i] for each in rounds) for i in (0, 1))
            total_s = embed_s + refresh_s + decide_s
            met = "met" if total_s < LIMIT_S else "missed"
            print(
                f"  {policy:13s} refresh {refresh_s:6.3f} s, {N_WALKERS} decisions {decide_s:6.3f} s "
                f"({rounds[0][2]} restarts), with embedding {total_s:6.2f} s of {LIMIT_S:g}: {met}",
                flush=True,
            )
            results.append({"learner": label, "policy": policy, "embed_s": embed_s, "refresh_s": refresh_s})
            results[-1] |= {"decide_s": decide_s, "total_s": total_s, "met": met}
    worst = max(results, key=lambda each: each["total_s"])
    print(json.dumps({"frames": n, "limit_s": LIMIT_S, "worst": worst, "cases": results}))


if __name__ == "__main__":
    raise SystemExit(watched(main))
