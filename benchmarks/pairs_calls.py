"""What `pairs.py --calls` times: single calls of a checkout's own benchmarks, each a function that returns seconds.

A process of this script stays open for each checkout and runs a call when it is asked to, so that the two checkouts can
take turns within milliseconds. It imports the benchmarks, and through them the sources, of the checkout that it is
given; where a function or module has been renamed since, both names are tried.

    python benchmarks/pairs_calls.py CHECKOUT BENCHMARK DATA

prints the names of the calls as a line of JSON; then, for each line of standard input that names one, its seconds.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

Call = Callable[[], float]


def timed(work: Callable[[], Any]) -> Call:
    """Return a call that gives the seconds `work` takes."""

    def call() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return call


def module(*names: str) -> ModuleType:
    """Return the first module of these names that this checkout has."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    return importlib.import_module(names[-1])


def of_backbone(data: Path) -> dict[str, Call]:
    """Atoms of 1 and 32 proteins of 700 residues from dihedrals, forward, and with their gradient."""
    import numpy as np
    import torch

    benchmark = module("backbone")
    dihedrals = torch.from_numpy(np.random.default_rng(0).uniform(-3.1, 3.1, (32, 700, 3)).astype(np.float32))
    calls = {}
    for kind in benchmark.OURS:
        build = benchmark.ours(kind)
        for batch in (1, 32):
            angles = dihedrals[:batch]
            weight = torch.ones(batch, 700, 3, 3)

            @torch.no_grad()
            def forward(build: Any = build, angles: Any = angles) -> None:
                build(angles)

            def both(build: Any = build, angles: Any = angles, weight: Any = weight) -> None:
                build(angles.detach().requires_grad_()).backward(weight)

            calls[f"{kind}, batch {batch}"] = timed(forward)
            calls[f"{kind}, batch {batch}, backward"] = timed(both)
    return calls


def of_rgn_prediction(data: Path) -> dict[str, Call]:
    """Features to backbone with the published network: the shortest, a middle and the longest target, and all."""
    import torch

    benchmark = module("rgn_prediction")
    torch.set_grad_enabled(False)
    model = benchmark.RGNModel(benchmark.PRESETS["casp12"], seed=1).eval()
    sequences = list(benchmark.read_sequences(data / "casp12").values())
    features = [torch.from_numpy(benchmark.features_of(each, None)) for each in sequences]
    batches = {
        f"{len(features[k])} residues": (features[k][None], torch.tensor([len(features[k])]))
        for k in (0, len(features) // 2, -1)
    }
    batches["all in a batch"] = benchmark.pad_features([each.numpy() for each in features])
    calls: dict[str, Call] = {}
    for precision in ("int16", "fp32"):
        for name, (inputs, lengths) in batches.items():

            def call(precision: str, inputs: Any, lengths: Any) -> float:
                benchmark.set_precision(model, precision)
                began = time.perf_counter()
                benchmark.our_prediction(model, inputs, lengths)
                return time.perf_counter() - began

            calls[f"{precision}, {name}"] = partial(call, precision, inputs, lengths)
    return calls


def of_cvae_training(data: Path) -> dict[str, Call]:
    """Train in fp32 on each of the benchmark's map sizes: the median step of three after the first."""
    import numpy as np

    cvae = "levinthal.workloads.cvae"
    benchmark = module("cvae_training")
    maps = module("levinthal.proteins.contact_maps.maps", "levinthal.proteins.contact_maps")
    packed_maps = module(f"{cvae}.data.maps", f"{cvae}.data").PackedMaps
    config = module(f"{cvae}.model.config", f"{cvae}.config").CVAEConfig
    network = module(f"{cvae}.model.network", f"{cvae}.model").CVAEModel
    train: Any = module(f"{cvae}.training.loop", f"{cvae}.training").train
    calls: dict[str, Call] = {}
    for name, (size, n_residues, batch, latent) in benchmark.CASES.items():
        frames = packed_maps(maps.pack_contacts(benchmark.chains(4 * batch, n_residues, 1)), n_residues, size)

        def call(size: int, batch: int, latent: int, frames: Any) -> float:
            ends: list[float] = []
            how: dict[str, Any] = {"steps": 4, "batch_size": batch, "precision": "fp32"}
            try:
                settings = importlib.import_module(f"{cvae}.training.settings").TrainingSettings(**how)
                arguments: tuple[Any, ...] = (settings,)
                how = {}
            except ModuleNotFoundError:
                arguments = ()
            model = network(config(size=size, latent=latent))
            train(model, frames, *arguments, **how, on_step=lambda step, loss: ends.append(time.perf_counter()))
            return float(np.median(np.diff(ends)))

        calls[name] = partial(call, size, batch, latent, frames)
    return calls


def of_contact_maps(data: Path) -> dict[str, Call]:
    """Packed contact maps of the benchmark's chains."""
    benchmark = module("contact_maps")
    calls = {}
    for n_residues, n_frames in benchmark.CASES.items():
        chains = benchmark.random_chains(n_frames, n_residues, 1)
        calls[f"{n_residues} residues"] = timed(partial(benchmark.pack_contacts, chains))
    return calls


def of_docking_score(data: Path) -> dict[str, Call]:
    """Energies and gradients of random poses in four complexes."""
    import torch

    benchmark = module("docking_score")
    calls = {}
    for name, (receptor, ligand) in benchmark.complexes(data / "complexes").items():
        box = benchmark.Box.around(ligand.source_coordinates_angstrom[ligand.heavy_atoms], 4.0)
        maps = benchmark.build_grids(receptor, ligand.scored_types, box)
        poses = benchmark.Poses.random(benchmark.POSES, box, torch.Generator().manual_seed(1), margin_angstrom=4.0)
        calls[name] = timed(partial(benchmark.score_and_gradient, maps, ligand, poses))
    return calls


def of_docking(data: Path) -> dict[str, Call]:
    """Search from files to rescored poses, in three complexes."""
    benchmark = module("docking")
    try:
        search = benchmark.ours(benchmark.RandomRestarts())
    except AttributeError:
        how = benchmark.RestartSettings()
        search = benchmark.ours(lambda problem, seed: benchmark.random_restarts(problem, how, seed=seed))
    calls = {}
    for name in ("1iep", "1oyt", "2br1"):
        files = [data / "complexes" / name / f"{stem}.pdbqt" for stem in benchmark.COMPLEXES[name]]
        calls[name] = timed(partial(search, *files, 0))
    return calls


def of_selection(data: Path) -> dict[str, Call]:
    """Embedding of 20,000 frames by principal components, and each policy that both checkouts have."""
    import numpy as np

    benchmark = module("selection")
    frames = benchmark.chains(20_000, 100, seed=1)
    model = benchmark.make_learner("pca", components=3).fit(frames, None, 1)
    n, segment = len(frames), 200
    walkers = getattr(benchmark, "N_WALKERS", None) or benchmark.N_SLOTS
    view = benchmark.View(
        embedding=model.embed(frames), trajectory=np.arange(n) // segment, step=np.arange(n) % segment,
        restarts=np.zeros(n, np.int64), latest=(np.arange(walkers) + 1) * segment - 1, frames=frames, model_version=1,
    )  # fmt: skip
    calls = {"embedding": timed(partial(model.embed, frames))}
    for name in ("random", "least-counts", "dbscan", "lof", "fast", "reap", "directed"):
        calls[name] = timed(partial(benchmark.look_and_decide, name, view, 0))
    return calls


BENCHMARKS: dict[str, Callable[[Path], dict[str, Call]]] = {
    "backbone": of_backbone,
    "rgn_prediction": of_rgn_prediction,
    "cvae_training": of_cvae_training,
    "contact_maps": of_contact_maps,
    "docking_score": of_docking_score,
    "docking": of_docking,
    "selection": of_selection,
}


def serve(name: str, data: Path, asked: Iterable[str]) -> None:
    """Answer each name with its seconds."""
    answer, sys.stdout = sys.stdout, sys.stderr  # what a benchmark prints is not an answer
    calls = BENCHMARKS[name](data)
    print(json.dumps(list(calls)), file=answer, flush=True)
    for line in asked:
        print(json.dumps(calls[line.rstrip("\n")]()), file=answer, flush=True)


if __name__ == "__main__":
    checkout, benchmark_name, folder = sys.argv[1:]
    sys.path[0] = str(Path(checkout) / "benchmarks")
    serve(benchmark_name, Path(folder), sys.stdin)
