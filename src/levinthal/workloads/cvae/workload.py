"""The workload `cvae`: contact maps of molecular dynamics, a variational autoencoder, and what it found in them.

It reads from top to bottom: frames, bits, training, inference, clusters. PCA and tICA stand beside the CVAE on the same
frames with as many dimensions.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from levinthal.errors import UsageError
from levinthal.harness import Rank, Run, ScalingCase, Settings
from levinthal.metrics.peaks import Peaks
from levinthal.metrics.process import process_tree_usage
from levinthal.proteins.contact_maps.maps import n_pairs
from levinthal.workloads.cvae.data.features import Features, features_of_maps, features_of_trajectories
from levinthal.workloads.cvae.data.frames import TrajectorySet, read_trajectories, simulate
from levinthal.workloads.cvae.data.maps import SelectedMaps
from levinthal.workloads.cvae.evaluation import scores as evaluation
from levinthal.workloads.cvae.evaluation.interpretation import embed_and_cluster, interpret, reconstruct_held_out
from levinthal.workloads.cvae.model.config import CVAEConfig, flops_per_frame, strides_for
from levinthal.workloads.cvae.model.memory import MemoryPlan, plan_memory
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution, choose_execution
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.batch_search import available_bytes, search_batch_size
from levinthal.workloads.cvae.training.checkpoint import ForeignCheckpointError
from levinthal.workloads.cvae.training.loop import History, encode, train
from levinthal.workloads.cvae.training.scaling import CASES, CVAETrainer, store_frames

__all__ = ["CVAEWorkload"]

_LN2 = float(np.log(2.0))
_STRIP_ROWS = 128
_TRAINING = "training"
_FIRST_BATCH = 16
"""Frames of the batch that the way to compute is chosen with, before a search for the batch size."""

Doubles = npt.NDArray[np.float64]


class CVAEWorkload:
    """Convolutional variational autoencoder on contact maps of molecular dynamics."""

    name: ClassVar[str] = "cvae"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = CVAESettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = CASES
    item: ClassVar[str] = "frame"

    def run(self, run: Run, settings: CVAESettings) -> None:
        """Simulate or read frames, train on their contact maps, embed and cluster them."""
        if settings.deterministic:
            torch.set_num_threads(1)
        data = _prepare(run, settings)
        model = CVAEModel(_architecture(settings, data.maps.size), seed=run.seed_for("weights", bits=31))
        model.to(run.device)
        execution, peaks, batch_size = _calibrate(run, settings, model, len(data.split.train))
        history = _train(run, settings, model, data, peaks, execution, batch_size)
        latent = _infer(run, model, data, history.execution, batch_size)
        with run.phase("evaluate", items=len(data.split.test)):
            reconstruct_held_out(run, settings, model, data, latent, batch_size)
        spaces = embed_and_cluster(run, settings, data, latent)
        with run.phase("interpret", items=len(latent)):
            interpret(run, settings, data, spaces)
        run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")
        shutil.rmtree(run.kept / _TRAINING, ignore_errors=True)  # there is nothing left to go on from

    def prepare_training(self, run: Run, settings: CVAESettings) -> None:
        """Simulate or read frames for the ranks of a scaling study."""
        store_frames(run, _trajectories(run, settings))

    def trainer(self, rank: Rank, settings: CVAESettings) -> CVAETrainer:
        """Return the trainer of one rank; the maps are those of `map_size`."""
        config = _architecture(settings, settings.map_size)
        if settings.batch_size == "auto":
            raise UsageError("a scaling study needs the batch sizes: give them with --batch-sizes")
        return CVAETrainer(rank, config, settings.batch_size, OptimizerSettings(settings.learning_rate))


def _trajectories(run: Run, settings: CVAESettings) -> TrajectorySet:
    if settings.maps:
        raise UsageError("maps have no coordinates for a scaling study to store: give a trajectory, or simulate")
    if settings.trajectory:
        return read_trajectories(settings.trajectory, settings.topology)
    return simulate(run, settings)


def _prepare(run: Run, settings: CVAESettings) -> Features:
    """Simulate or read frames and turn them into packed maps; say which data these are."""
    if settings.maps:
        return features_of_maps(run, settings)
    trajectories = _trajectories(run, settings)
    for note in trajectories.notes:
        run.note(note)
    run.dataset(
        trajectories.name,
        version=trajectories.version,
        sha256=trajectories.sha256(),
        synthetic=trajectories.synthetic,
    )
    data = features_of_trajectories(run, settings, trajectories)
    if not settings.frames_are_given:
        rate = trajectories.n_frames / run.duration_s("simulate")
        run.metric("simulation frames", rate, unit="frame/s", better="higher")
    rate = trajectories.n_frames / run.duration_s("featurise")
    run.metric("featurisation", rate, unit="frame/s", better="higher")
    return data


def _architecture(settings: CVAESettings, size: int) -> CVAEConfig:
    strides = settings.strides or strides_for(size)
    n = len(strides)
    return CVAEConfig(
        size,
        filters=(settings.filters,) * n,
        kernels=(settings.kernel,) * n,
        strides=strides,
        dense=settings.dense,
        latent=settings.latent,
        dropout=settings.dropout,
        beta=settings.beta,
    )


def _memory_plan(settings: CVAESettings, config: CVAEConfig, batch_size: int, device: str) -> MemoryPlan:
    if settings.memory == "auto":
        return plan_memory(config, batch_size, available_bytes(device))
    return MemoryPlan(settings.memory != "keep", _STRIP_ROWS if settings.memory == "strips" else 0)


def _calibrate(run: Run, settings: CVAESettings, model: CVAEModel, n_frames: int) -> tuple[Execution, Peaks, int]:
    """Measure the machine's peaks and which way of computing is the fastest; compiles the kernels.

    Returns
    -------
    tuple of (Execution, Peaks, int)
        The last is the batch size: what was asked for, or what a search found.
    """
    wanted = _FIRST_BATCH if settings.batch_size == "auto" else settings.batch_size
    batch_size = min(wanted, n_frames)
    model.memory = _memory_plan(settings, model.config, batch_size, run.device)
    with run.phase("calibrate"):
        peaks = run.peaks()
        if settings.deterministic:  # no choice by timing: the next run must compute in the same way
            bf16 = run.precision == "bf16"
            execution = Execution("bf16" if bf16 else "fp32", compiled=model.can_compile and not bf16)
        else:
            execution = choose_execution(model, run.precision, batch_size)
    run.use_precision(execution.precision)
    for name, rate in execution.measured_frames_per_s:
        print(f"training step by {name}: {rate:.0f} frames/s")
    if settings.batch_size == "auto":
        batch_size = _search(run, model, execution, n_frames)
        model.memory = _memory_plan(settings, model.config, batch_size, run.device)
    if model.memory != MemoryPlan():
        run.note(f"To spare memory, maps between layers are not kept in training: {model.memory.name}.")
    return execution, peaks, batch_size


def _search(run: Run, model: CVAEModel, execution: Execution, n_frames: int) -> int:
    with run.phase("search batch size"):
        found = search_batch_size(model, execution, most_frames=n_frames)
    for trial in found.trials:
        print(f"batch of {trial.batch_size}: {trial.frames_per_s:.1f} frames/s, {trial.peak_bytes / 2**20:.0f} MiB")
    run.metric("largest batch that fits", found.largest, unit="frame", better="higher")
    run.metric("fastest batch", found.fastest, unit="frame", better="higher")
    run.note(f"Batch size: {found.fastest} is the fastest for a frame; {found.why_no_larger}.")
    return found.fastest


def _train(
    run: Run,
    settings: CVAESettings,
    model: CVAEModel,
    data: Features,
    peaks: Peaks,
    execution: Execution,
    batch_size: int,
) -> History:
    train_maps, validation_maps = (
        data.source(frames, settings.model_lag) for frames in (data.split.train, data.split.validation)
    )
    held_out = data.pairs.contacts[data.split.validation]
    mean_map = evaluation.bits_per_contact(evaluation.mean_map_logits(data.pairs.contacts[data.split.train]), held_out)
    # A map holds each pair twice; its padding and diagonal cost next to nothing.
    target_nats = (1.0 - settings.margin) * mean_map * _LN2 * 2 * n_pairs(data.maps.n_residues)
    batch_size = min(batch_size, len(train_maps))
    steps = settings.epochs * (len(train_maps) // batch_size)
    folder = run.kept / _TRAINING if settings.checkpoint_interval else None

    with run.phase("train", items=steps * batch_size, total=steps) as phase:

        def fit(*, resume: bool) -> History:
            return train(
                model,
                train_maps,
                validation=validation_maps,
                epochs=settings.epochs,
                batch_size=batch_size,
                optimizer=OptimizerSettings(settings.learning_rate),
                seed=run.seed_for("training", bits=31),
                device=run.device,
                precision=execution.precision,
                deterministic=settings.deterministic,
                on_step=lambda *_: phase.advance(),
                checkpoint_folder=folder,
                checkpoint_interval=settings.checkpoint_interval or None,
                resume=resume,
            )

        try:
            history = fit(resume=folder is not None)
        except ForeignCheckpointError as error:  # simulated frames need not be the same again on every platform
            run.note(f"Training began anew: {error}.")
            history = fit(resume=False)
        phase.items = (steps - history.resumed_at) * batch_size
    if history.resumed_at:
        run.note(f"Training went on after step {history.resumed_at} of {steps}, where an earlier try was killed.")
    reached_s: list[float] = []
    clock_s = 0.0
    for epoch in history.epochs:
        clock_s += epoch.train_s + epoch.validation_s
        if epoch.validation is not None and epoch.validation.reconstruction <= target_nats:
            reached_s.append(clock_s)
    validated = [(epoch.steps, epoch.validation.total) for epoch in history.epochs if epoch.validation is not None]
    trained = [(epoch.steps, epoch.train.total) for epoch in history.epochs]
    for split, points in (("training", trained), ("validation", validated)):
        steps_done, totals = zip(*points, strict=True) if points else ((), ())
        run.curve("loss", steps_done, totals, x_name="training step", x_unit="1", unit="nat/frame",
                  labels={"split": split})  # fmt: skip
    losses = [total for _, total in trained + validated]
    run.gate("losses that are not finite", float(np.count_nonzero(~np.isfinite(losses))), at_most=0.0)

    rate = history.frames_per_s
    gflop_s = rate * flops_per_frame(model.config) / 1e9
    peak = peaks.bf16_gflop_s if execution.precision == "bf16" else peaks.fp32_gflop_s
    run.metric("training", rate, unit="frame/s", better="higher")
    run.metric("training arithmetic", gflop_s, unit="GFLOP/s", better="higher")
    run.metric(
        "share of the measured peak",
        None if peak is None else gflop_s / peak,
        unit="1",
        better="higher",
        reason=None if peak is not None else f"the {execution.precision} peak was not measured",
    )
    run.metric("data loading", history.loading_share, unit="1", better="lower")
    run.metric(
        "time to target loss",
        reached_s[0] if reached_s else None,
        unit="s",
        better="lower",
        reason=None if reached_s else f"not reached in {settings.epochs} epochs",
    )
    return history


def _infer(run: Run, model: CVAEModel, data: Features, execution: Execution, batch_size: int) -> Doubles:
    few = np.arange(min(batch_size, len(data.maps)))
    encode(model, SelectedMaps(data.maps, few), execution=execution, batch_size=batch_size)  # warm
    with run.phase("infer", items=len(data.maps)):
        latent, _ = encode(model, data.maps, batch_size=batch_size, execution=execution)
    run.metric("inference", len(data.maps) / run.duration_s("infer"), unit="frame/s", better="higher")
    return np.asarray(latent, np.float64)
