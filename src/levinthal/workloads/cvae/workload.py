"""The workload `cvae`: contact maps of molecular dynamics, a variational autoencoder, and what it found in them.

It reads from top to bottom: frames, bits, baselines, training, inference, clusters. PCA and tICA stand beside the CVAE
on the same frames with as many dimensions; what is judged are whole trajectories that none of them was fitted to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.errors import UsageError
from levinthal.harness import Choice, Rank, Run, ScalingCase, Settings
from levinthal.harness.contract.infers import ALL
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.results.figures import Better
from levinthal.kernels.choice import choose
from levinthal.proteins.contact_maps.maps import pack_contacts
from levinthal.workloads.cvae.archive import (
    TOPOLOGY,
    CVAEArchive,
    files_of,
    fitted_share,
    kept_archive,
    write_archive,
)
from levinthal.workloads.cvae.calibration import calibrate
from levinthal.workloads.cvae.data.features import Features, features_of_maps, features_of_trajectories
from levinthal.workloads.cvae.data.frames import TrajectorySet, map_size_of, read_trajectories, simulate
from levinthal.workloads.cvae.data.holding_out import count_crossings, report_held_out
from levinthal.workloads.cvae.data.maps import PackedMaps, SelectedMaps
from levinthal.workloads.cvae.evaluation.answer import LATENT_TABLE, WEIGHTS, leave_weights
from levinthal.workloads.cvae.evaluation.baselines import PCA, Space, fit_baselines, target_bits
from levinthal.workloads.cvae.evaluation.interpretation import cluster_model, interpret
from levinthal.workloads.cvae.evaluation.reconstruction import reconstruct_held_out
from levinthal.workloads.cvae.inference import check_frames, encode
from levinthal.workloads.cvae.learning import advice_after, learn
from levinthal.workloads.cvae.model.config import CVAEConfig, strides_for
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.serving import OUTLIERS, CVAEInference, few_frames
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.scaling import CASES, CVAETrainer, choice_of_execution, store_frames
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.training.reporting import report_peak_memory
from levinthal.workloads.training.resuming import end_training


class CVAEWorkload:
    """Convolutional variational autoencoder on contact maps of molecular dynamics."""

    name: ClassVar[str] = "cvae"
    version: ClassVar[int] = 2
    Settings: ClassVar[type[Settings]] = CVAESettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = CASES
    item: ClassVar[str] = "frame"
    query: ClassVar[str] = "frame"
    latency_bound_ms: ClassVar[float] = 50.0
    scenarios: ClassVar[tuple[str, ...]] = ("single-stream", "offline", "server")
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp64", "tf32", "bf16", "fp16")
    effects: ClassVar[Mapping[str, tuple[str, Better]]] = {OUTLIERS: ("1", "higher")}
    figures_of_merit: ClassVar[Sequence[FigureOfMerit]] = (
        FigureOfMerit("training", "training rate"),
        FigureOfMerit("inference", "inference rate"),
    )
    main_figures: ClassVar[Sequence[MainFigure]] = (
        "training rate",
        "share of the measured peak",
        "time to target",
        ("held-out bits per contact", {"method": "CVAE"}),
        ("macrostate agreement", {"method": "CVAE"}),
    )

    def run(self, run: Run, settings: CVAESettings) -> None:
        """Simulate or read frames, train on their contact maps, embed and cluster them."""
        use_implementation(run, settings)
        if settings.deterministic:
            torch.set_num_threads(1)
        data = _prepare(run, settings)
        report_held_out(run, settings, data.table, data.split, data.correlation_time, data.maps.packed)
        if settings.judge == "learning" and settings.is_two_state and data.native is not None:
            count_crossings(run, settings, data.table, data.split, data.properties[data.native])
        model = CVAEModel(_architecture(settings, data.maps.size), seed=run.seed_for("weights", bits=31))
        model.to(run.device)
        calibration = calibrate(run, settings, model, len(data.split.train))
        baselines = fit_baselines(run, settings, data)
        target = target_bits(settings, data, baselines[PCA])
        history = learn(run, settings, model, data, calibration, target)
        batch_size = calibration.batch_size
        n_residues, epochs = data.maps.n_residues, len(history.epochs)
        leave_weights(run, settings, model, n_residues, epochs=epochs, batch_size=batch_size)
        latent = _infer(run, model, data, history.execution, batch_size)
        spaces = {settings.model_name: Space(latent), **baselines}
        with run.phase("evaluate", items=len(data.split.test), doing="reconstructing held-out frames"):
            reconstruct_held_out(run, settings, model, data, spaces, batch_size, advice_after(history))
        with run.phase("cluster", items=len(latent), doing="clusters, and macrostates of the reference"):
            reference = cluster_model(run, settings, data, latent)
        with run.phase("interpret", items=len(latent), doing="what the latent space says of the molecule"):
            interpret(run, settings, data, spaces, reference)
        report_peak_memory(run)
        end_training(run, settings.checkpoint_interval)

    def inference_buckets(self, settings: CVAESettings) -> tuple[str, ...]:
        """Return the one there is: maps are of one size."""
        del settings
        return (ALL,)

    def load_inference(self, run: Run, settings: CVAESettings, source: Path | None) -> CVAEInference:
        """Return the model of a repeat, or a new one, and a few frames of what it was trained on."""
        choose(settings.implementation)
        maps = _maps_to_ask_about(run, few_frames(settings))
        if source is None:
            run.note("The model is not trained: places in its latent space mean nothing.")
            model = CVAEModel(_architecture(settings, maps.size), seed=run.seed_for("weights", bits=31))
        else:
            from levinthal.workloads.cvae.estimator import CVAE  # scikit-learn, which no other step needs

            model = CVAE.load(source / WEIGHTS).model_
            check_frames(model, maps)
        return CVAEInference(model.to(run.device), maps, run.precision)

    def open_archive(
        self, run: Run, settings: CVAESettings, source: Path, files: Sequence[str], topology: str, folder: Path
    ) -> CVAEArchive:
        """Return a person's trajectories, or new ones of the run's molecule, to be looked at by the run's model."""
        choose(settings.implementation)
        from levinthal.workloads.cvae.estimator import CVAE

        with run.phase("open", doing="the trained model, and what its places say of contacts"):
            model, share = CVAE.load(source / WEIGHTS).model_.to(run.device), fitted_share(source / LATENT_TABLE)
        if files:
            found = files_of(files)
            name = f"{len(found)} trajectories of {Path(topology).name}"
            run.dataset(name, version="1", sha256=None, synthetic=False)
            return CVAEArchive(model, share, found, Path(topology))
        if settings.maps or settings.frames_are_given:
            raise UsageError("the run was trained on a person's frames: give others, as files=... and topology=...")
        found = kept_archive(folder, settings.replicas)
        if not found:
            made = simulate(run, settings, "archive")
            run.note(f"The archive: {len(made.frames)} trajectories that were simulated for it, as DCD files.")
            found = write_archive(made, folder)
        sha256 = hashlib.sha256(b"".join(file.read_bytes() for file in found)).hexdigest()
        run.dataset(f"archive of {len(found)} trajectories", version="1", sha256=sha256, synthetic=True)
        return CVAEArchive(model, share, found, folder / TOPOLOGY)

    def prepare_training(self, run: Run, settings: CVAESettings) -> None:
        """Simulate or read frames for the ranks of a scaling study."""
        store_frames(run, _trajectories(run, settings))

    def choose_execution(self, rank: Rank, settings: CVAESettings) -> Choice:
        """Return precision and implementation for the ranks of a scaling study, from a short measurement."""
        choose(settings.implementation)
        return choice_of_execution(rank, _architecture(settings, settings.map_size), _batch_size(settings))

    def trainer(self, rank: Rank, settings: CVAESettings) -> CVAETrainer:
        """Return the trainer of one rank; the maps are those of `map_size`."""
        choose(settings.implementation)
        config = _architecture(settings, settings.map_size)
        return CVAETrainer(rank, config, _batch_size(settings), OptimizerSettings(settings.learning_rate))


def _batch_size(settings: CVAESettings) -> int:
    if settings.batch_size == "auto":
        raise UsageError("a scaling study needs the batch sizes: give them with --batch-sizes")
    return settings.batch_size


def _trajectories(run: Run, settings: CVAESettings) -> TrajectorySet:
    if settings.maps:
        raise UsageError("maps have no coordinates for a scaling study to store: give a trajectory, or simulate")
    if settings.trajectory:
        with run.phase("read", doing=f"{len(settings.trajectory)} trajectory file(s)") as phase:
            found = read_trajectories(settings.trajectory, settings.topology)
            phase.items = found.n_frames
        return found
    return simulate(run, settings)


def _maps_to_ask_about(run: Run, settings: CVAESettings) -> PackedMaps:
    """Simulate or read frames, of which nothing is held out, and return their contact maps."""
    if settings.maps:
        return features_of_maps(run, settings).maps
    trajectories = _trajectories(run, settings)
    trajectories.report_as_dataset(run)
    packed = np.concatenate([pack_contacts(each.coordinates_nm) for each in trajectories.frames])
    return PackedMaps(packed, trajectories.n_residues, map_size_of(settings, trajectories.n_residues))


def _prepare(run: Run, settings: CVAESettings) -> Features:
    """Simulate or read frames and turn them into packed maps; say which data these are."""
    if settings.maps:
        return features_of_maps(run, settings)
    trajectories = _trajectories(run, settings)
    for change in trajectories.notes:
        run.warn(change)
    trajectories.report_as_dataset(run)
    data = features_of_trajectories(run, settings, trajectories)
    if not settings.frames_are_given:
        rate = trajectories.n_frames / run.duration_s("simulate")
        run.metric("simulation frame rate", rate, unit="frame/s", better="higher")
    rate = trajectories.n_frames / run.duration_s("featurise")
    run.metric("featurisation rate", rate, unit="frame/s", better="higher")
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
        beta=settings.model_beta,
        recurrent=settings.encoder == "lstm",
    )


def _infer(run: Run, model: CVAEModel, data: Features, execution: Execution, batch_size: int) -> Doubles:
    few = np.arange(min(batch_size, len(data.maps)))
    encode(model, SelectedMaps(data.maps, few), execution=execution, batch_size=batch_size)  # warm
    with run.phase("infer", items=len(data.maps), doing="embedding all frames"):
        latent, _ = encode(model, data.maps, batch_size=batch_size, execution=execution)
    run.metric("inference rate", len(data.maps) / run.duration_s("infer"), unit="frame/s", better="higher")
    return np.asarray(latent, np.float64)
