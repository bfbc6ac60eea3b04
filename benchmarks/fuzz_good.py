"""The good files that `fuzz_inputs.py` breaks, made on the spot by real runs of the smallest size."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import numpy as np
from fuzz_breaking import TOML


def prepare(folder: Path, kinds: Iterable[str]) -> None:
    """Make a good example of each kind in a folder of its name."""
    for name in kinds:
        (folder / name).mkdir(parents=True)
    _run(folder)
    _points(folder / "point")
    (folder / "settings" / "settings.toml").write_bytes(TOML)
    _tensors(folder / "tensors")
    _arrays(folder / "arrays")
    _cache(folder / "cache")
    _store(folder / "store")


def _run(folder: Path) -> None:
    """Run the smallest sampling there is: its result, journal, plan, a campaign and an outcome."""
    from levinthal.harness.running.execute import start_run

    run = folder / "run"
    start_run("sampling", {"policies": ("random",)}, size="smoke", precision="fp32", out=run)
    shutil.copy(run / "result.json", run / "as-it-was.json")
    (record,) = {path.parent for path in run.glob("repeats/*/kept/**/campaign.db")}
    for path in record.iterdir():
        if path.suffix != ".npz":
            shutil.copy(path, folder / "campaign")
    shutil.copy(next(run.glob("repeats/*/kept/**/*.npz")), folder / "arrays" / "outcome.npz")
    shutil.rmtree(run / "repeats" / "000" / "kept")
    for kind in ("result", "journal", "plan"):
        shutil.copytree(run, folder / kind, dirs_exist_ok=True)
        if kind != "result":
            (folder / kind / "repeats" / "000" / "repeat.json").unlink()
    shutil.rmtree(run)


def _points(folder: Path) -> None:
    from levinthal.harness.results.grid import Axis, Choice, StudyPlan
    from levinthal.harness.study.scaling.record import PointRecord

    record = PointRecord(
        n_items=10, step_s=(0.1, 0.2), lone_step_s=(), loading_share=0.1, first_losses=(1.0, None),
        parameter_spread=0.0, execution="fp32", device="cpu", ranks_per_core=1,
    )  # fmt: skip
    axes = (Axis(name="ranks", values=(1, 2), baseline=1), Axis(name="case", values=("a", "b")))
    plan = StudyPlan(axes=axes, kind="scaling", parts=({"case": ("a",)}, {"ranks": (1,)}))
    for name, document in (("point", record), ("choice", Choice(taken={"precision": "fp32"})), ("study", plan)):
        (folder / f"{name}.json").write_text(document.model_dump_json())


def _tensors(folder: Path) -> None:
    from levinthal.workloads.cvae.estimator import CVAE
    from levinthal.workloads.cvae.inference import Evaluation
    from levinthal.workloads.cvae.training.checkpoint import FORM, Progress
    from levinthal.workloads.cvae.training.history import Epoch
    from levinthal.workloads.docking.search.agent.checkpoint import save_policy
    from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings
    from levinthal.workloads.rgn.model.config import RGNConfig
    from levinthal.workloads.rgn.model.network import RGNModel
    from levinthal.workloads.rgn.training.weights import Provenance, save_weights
    from levinthal.workloads.training.checkpoint import CHECKPOINT, Checkpoint, save_checkpoint

    config = RGNConfig(n_hidden=4, n_layers=1, alphabet=3)
    save_weights(folder / "rgn.safetensors", RGNModel(config), Provenance("synthetic", 1, 1.0, 1.0))
    save_policy(folder / "docking.safetensors", DockingPolicy(PolicySettings(width=4)))
    maps = np.random.default_rng(0).integers(0, 2, (16, 8, 8)).astype(np.uint8)
    maps |= maps.transpose(0, 2, 1)
    CVAE(latent=2, filters=(2, 2, 2, 2), dense=4, epochs=1, batch_size=8, precision="fp32").fit(maps).save(
        folder / "cvae.safetensors"
    )
    losses = Evaluation(3.0, 2.0, 1.0)
    epoch = Epoch(steps=3, frames=24, train=losses, validation=None, train_s=1.0, validation_s=0.0, loading_s=0.1)
    weights = RGNModel(config).state_dict()
    progress = Progress(3, (1.0, 2.0, 3.0), 0.5, (epoch,))
    state = Checkpoint({"seed": 1}, progress, weights, {"0": next(iter(weights.values()))})
    save_checkpoint(folder, FORM, state)
    (folder / CHECKPOINT).rename(folder / "training.safetensors")


def _arrays(folder: Path) -> None:
    from scipy import sparse

    matrix = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.5, 0.5]])
    sparse.save_npz(folder / "csr.npz", sparse.csr_array(matrix))
    sparse.save_npz(folder / "coo.npz", sparse.coo_array(matrix))
    np.save(folder / "dense.npy", matrix)


def _cache(folder: Path) -> None:
    from fuzz_records import random_record

    from levinthal.proteins.records import format_record
    from levinthal.workloads.rgn.data import corpus

    rng = np.random.default_rng(0)
    source = folder.parent / "records.txt"
    source.write_text("".join(format_record(random_record(rng, length)) for length in (5, 9, 20)))
    with mock.patch.dict("os.environ", {"LEVINTHAL_DATA": str(folder / "data")}):
        corpus._cached(source, None, "skip", corpus.LeftOut())
    (folder / "data" / "source-is-at").write_text(str(source))


def _store(folder: Path) -> None:
    from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader
    from levinthal.simulation.dynamics.frames import Frames

    rng = np.random.default_rng(0)
    with FrameWriter(folder, StoreHeader(n_residues=6, system="six")) as writer:
        for replica in (0, 1):
            places = np.cumsum(rng.normal(0, 0.25, (5, 6, 3)), axis=1).astype(np.float32)
            writer.append(Frames(places, np.arange(1, 6, dtype=np.int64)), replica=replica, start="made up")
