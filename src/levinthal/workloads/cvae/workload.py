"""The workload `cvae`: contact maps of molecular dynamics, a variational autoencoder, and what it found in them.

It reads from top to bottom: frames, bits, training, inference, clusters. PCA and tICA stand beside the CVAE on the same
frames with as many dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from levinthal.errors import DataError
from levinthal.harness import Rank, Run, ScalingCase, Settings
from levinthal.metrics.peaks import Peaks
from levinthal.metrics.process import process_tree_usage
from levinthal.proteins.contact_maps import pack_contacts, unpack_pairs
from levinthal.proteins.secondary_structure import helical_fraction
from levinthal.proteins.similarity import fraction_native_contacts, rmsd
from levinthal.simulation.frame_store import FrameStore, FrameWriter, StoreHeader
from levinthal.workloads.cvae import evaluation
from levinthal.workloads.cvae.config import CVAEConfig, flops_per_frame
from levinthal.workloads.cvae.data import PackedMaps, Split, split_by_block
from levinthal.workloads.cvae.figures import contact_map_figure, latent_figure
from levinthal.workloads.cvae.frames import TrajectorySet, read_trajectories, simulate
from levinthal.workloads.cvae.model import CVAEModel
from levinthal.workloads.cvae.optimiser import OptimizerSettings
from levinthal.workloads.cvae.precision import Execution, choose_execution
from levinthal.workloads.cvae.scaling import CASES, CVAETrainer, store_frames
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training import Epoch, History, decode, encode, evaluate, train

__all__ = ["CVAEWorkload"]

_BLOCKS = 10
_HELD_OUT = 0.15
_HELIX = 0.5
_LN2 = float(np.log(2.0))

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Data:
    """The frames with everything that is computed from their coordinates."""

    trajectories: TrajectorySet
    maps: PackedMaps
    split: Split
    pairs: npt.NDArray[np.bool_]
    properties: Mapping[str, Doubles]
    helical: npt.NDArray[np.bool_]

    def part(self, frames: npt.NDArray[np.int64]) -> PackedMaps:
        return PackedMaps(self.maps.packed[frames], self.maps.n_residues, self.maps.size)


class _Space(NamedTuple):
    """Embeddings and their cluster labels; null where there are too few frames for the method."""

    points: Doubles | None
    labels: npt.NDArray[np.int32] | None


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
        trajectories = _trajectories(run, settings)
        run.dataset(
            trajectories.name,
            version=trajectories.version,
            sha256=trajectories.sha256(),
            synthetic=trajectories.synthetic,
        )
        data = _featurise(run, settings, trajectories)
        model = CVAEModel(_architecture(settings, data.maps.size), seed=run.seed_for("weights") % 2**31)
        model.to(run.device)
        execution, peaks = _calibrate(run, settings, model)
        history = _train(run, settings, model, data, peaks, execution)
        latent = _infer(run, settings, model, data, history.execution)
        with run.phase("evaluate", items=len(data.split.test)):
            _reconstruct(run, settings, model, data, latent)
        spaces = _cluster(run, settings, data, latent)
        with run.phase("interpret", items=len(latent)):
            _interpret(run, settings, data, spaces)
        if not settings.trajectory:
            rate = trajectories.n_frames / run.duration_s("simulate")
            run.metric("simulation frames", rate, unit="frame/s", better="higher")
        rate = trajectories.n_frames / run.duration_s("featurise")
        run.metric("featurisation", rate, unit="frame/s", better="higher")
        run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")

    def prepare_training(self, run: Run, settings: CVAESettings) -> None:
        """Simulate or read frames for the ranks of a scaling study."""
        store_frames(run, _trajectories(run, settings))

    def trainer(self, rank: Rank, settings: CVAESettings) -> CVAETrainer:
        """Return the trainer of one rank; the maps are those of `map_size`."""
        config = _architecture(settings, settings.map_size)
        return CVAETrainer(rank, config, settings.batch_size, OptimizerSettings(settings.learning_rate))


def _trajectories(run: Run, settings: CVAESettings) -> TrajectorySet:
    if settings.trajectory:
        return read_trajectories(settings.trajectory, settings.topology)
    return simulate(run, settings)


def _architecture(settings: CVAESettings, size: int) -> CVAEConfig:
    n = len(settings.strides)
    return CVAEConfig(
        size,
        filters=(settings.filters,) * n,
        kernels=(settings.kernel,) * n,
        strides=settings.strides,
        dense=settings.dense,
        latent=settings.latent,
        dropout=settings.dropout,
        beta=settings.beta,
    )


def _featurise(run: Run, settings: CVAESettings, trajectories: TrajectorySet) -> _Data:
    n_residues = trajectories.n_residues
    size = settings.map_size or n_residues + n_residues % 2
    if size < n_residues:
        raise DataError(
            f"map_size={size} is smaller than the protein of {n_residues} residues: set 0 or more than that"
        )
    pack_contacts(np.zeros((1, n_residues, 3), np.float32))  # compiled before the clock starts
    store = run.folder / "frames"
    with (
        run.phase("featurise", items=trajectories.n_frames),
        FrameWriter(store, StoreHeader(n_residues, system=trajectories.name)) as writer,
    ):
        for replica, frames in enumerate(trajectories.frames):
            writer.append(frames, replica=replica, start=trajectories.starts[replica])
    stored = FrameStore(store)
    coordinates, packed = np.asarray(stored.coordinates_nm), np.asarray(stored.contacts)
    lengths = [len(each) for each in trajectories.frames]
    block = max(2, min(lengths) // _BLOCKS)
    split = split_by_block(
        lengths,
        block=block,
        gap=block // 10,
        validation=_HELD_OUT,
        test=_HELD_OUT,
        seed=run.seed_for("split") % 2**31,
    )
    with run.phase("describe", items=trajectories.n_frames):
        (native, reference), *_ = trajectories.references.items()
        properties = {f"RMSD to {name}": rmsd(coordinates, each) for name, each in trajectories.references.items()}
        properties[f"contacts of {native}"] = fraction_native_contacts(coordinates, reference)
        return _Data(
            trajectories=trajectories,
            maps=PackedMaps(packed, n_residues, size),
            split=split,
            pairs=unpack_pairs(packed, n_residues),
            properties=properties,
            helical=helical_fraction(coordinates) >= _HELIX,
        )


def _calibrate(run: Run, settings: CVAESettings, model: CVAEModel) -> tuple[Execution, Peaks]:
    """Measure the machine's peaks and which way of computing is the fastest; compiles the kernels."""
    with run.phase("calibrate"):
        peaks = run.peaks()
        if settings.deterministic:  # no choice by timing: the next run must compute in the same way
            bf16 = run.precision == "bf16"
            execution = Execution("bf16" if bf16 else "fp32", compiled=model.can_compile and not bf16)
        else:
            execution = choose_execution(model, run.precision, settings.batch_size)
    run.use_precision(execution.precision)
    for name, rate in execution.measured_frames_per_s:
        print(f"training step by {name}: {rate:.0f} frames/s")
    return execution, peaks


def _train(
    run: Run, settings: CVAESettings, model: CVAEModel, data: _Data, peaks: Peaks, execution: Execution
) -> History:
    train_maps, validation_maps = data.part(data.split.train), data.part(data.split.validation)
    held_out = data.pairs[data.split.validation]
    mean_map = evaluation.bits_per_contact(evaluation.mean_map_logits(data.pairs[data.split.train]), held_out)
    # A map holds each pair twice; its padding and diagonal cost next to nothing.
    target_nats = (1.0 - settings.margin) * mean_map * _LN2 * 2 * held_out.shape[1]
    batch_size = min(settings.batch_size, len(train_maps))
    steps = settings.epochs * (len(train_maps) // batch_size)
    reached_s: list[float] = []
    clock_s = 0.0

    def note_epoch(epoch: Epoch) -> None:
        nonlocal clock_s
        clock_s += epoch.train_s + epoch.validation_s
        if epoch.validation is not None and epoch.validation.reconstruction <= target_nats:
            reached_s.append(clock_s)

    with run.phase("train", items=steps * batch_size, total=steps) as phase:
        history = train(
            model,
            train_maps,
            validation=validation_maps,
            epochs=settings.epochs,
            batch_size=batch_size,
            optimizer=OptimizerSettings(settings.learning_rate),
            seed=run.seed_for("training") % 2**31,
            device=run.device,
            precision=execution.precision,
            deterministic=settings.deterministic,
            on_step=lambda *_: phase.advance(),
            on_epoch=note_epoch,
        )
    run.samples("curve/loss/x", [epoch.steps for epoch in history.epochs], unit="training step")
    run.samples("curve/loss/train", [epoch.train.total for epoch in history.epochs], unit="nat/frame")
    validations = [epoch.validation for epoch in history.epochs if epoch.validation is not None]
    run.samples("curve/loss/validation", [each.total for each in validations], unit="nat/frame")
    losses = [epoch.train.total for epoch in history.epochs] + [each.total for each in validations]
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
    run.metric(
        "time to target loss",
        reached_s[0] if reached_s else None,
        unit="s",
        better="lower",
        reason=None if reached_s else f"not reached in {settings.epochs} epochs",
    )
    return history


def _infer(run: Run, settings: CVAESettings, model: CVAEModel, data: _Data, execution: Execution) -> Doubles:
    encode(model, data.part(np.arange(min(settings.batch_size, len(data.maps)))), execution=execution)  # warm
    with run.phase("infer", items=len(data.maps)):
        latent, _ = encode(model, data.maps, batch_size=settings.batch_size, execution=execution)
    run.metric("inference", len(data.maps) / run.duration_s("infer"), unit="frame/s", better="higher")
    return np.asarray(latent, np.float64)


def _reconstruct(run: Run, settings: CVAESettings, model: CVAEModel, data: _Data, latent: Doubles) -> None:
    """Measure reconstruction on the test frames, which neither training nor any choice has seen."""
    frames = data.split.test
    truth = data.pairs[frames]
    upper = np.triu_indices(data.maps.n_residues, 1)
    logits = decode(model, latent[frames], batch_size=settings.batch_size)
    # The model need not be symmetric: a pair's odds are the mean of its two places in the map.
    pair_logits = 0.5 * (logits[:, upper[0], upper[1]] + logits[:, upper[1], upper[0]])
    bits = evaluation.bits_per_contact(pair_logits, truth)
    mean_map = evaluation.mean_map_logits(data.pairs[data.split.train])
    mean_map_bits = evaluation.bits_per_contact(mean_map, truth)
    held_out = evaluate(model, data.part(frames), batch_size=settings.batch_size, seed=run.seed_for("noise") % 2**31)
    # Pairs that are neighbours in the chain are always in contact and would flatter the curve.
    far = upper[1] - upper[0] >= 3
    auc = evaluation.area_under_curve(pair_logits[:, far], truth[:, far])
    mean_map_auc = evaluation.area_under_curve(mean_map[far], truth[:, far])
    why = "all pairs of the test frames are alike"
    run.metric("held-out bits per contact", bits, unit="bit", better="lower", kind="quality")
    run.metric("held-out bits per contact (mean map)", mean_map_bits, unit="bit", better="lower", kind="quality")
    run.metric("held-out AUC", auc, unit="1", better="higher", kind="quality", reason=why)
    run.metric("held-out AUC (mean map)", mean_map_auc, unit="1", better="higher", kind="quality", reason=why)
    run.metric("held-out loss", held_out.total, unit="nat/frame", better="lower", kind="quality")
    run.metric("KL divergence", held_out.kl, unit="nat/frame", better="lower", kind="quality")
    run.gate(
        "held-out bits per contact over those of the mean map",
        bits / mean_map_bits if mean_map_bits > 0 else None,
        at_most=1.0 - settings.margin,
    )
    n = data.maps.n_residues
    observed, reconstructed = np.zeros((n, n)), np.zeros((n, n))
    observed[upper] = truth.mean(axis=0)
    reconstructed[upper[1], upper[0]] = (1.0 / (1.0 + np.exp(-pair_logits))).mean(axis=0)
    run.artifact(
        "contact_map.svg",
        contact_map_figure(observed, reconstructed),
        "Mean contact map of the held-out frames (above the diagonal) and of their reconstructions (below).",
    )


def _cluster(run: Run, settings: CVAESettings, data: _Data, latent: Doubles) -> dict[str, _Space]:
    """Embed the frames by PCA and tICA too, and cluster each of the three spaces."""
    seed = run.seed_for("clusters") % 2**31
    fit = data.split.train
    with run.phase("cluster", items=len(latent)):
        points: dict[str, Doubles | None] = {
            "CVAE": latent,
            "PCA": evaluation.pca_embedding(data.pairs[fit], data.pairs, settings.latent, seed),
            "tICA": evaluation.tica_embedding(
                [data.pairs[block] for block in _contiguous(fit, data.trajectories)],
                data.pairs,
                settings.latent,
                settings.lag,
            ),
        }
        return {
            name: _Space(each, None if each is None else evaluation.cluster_labels(each, settings.clusters, seed))
            for name, each in points.items()
        }


def _interpret(run: Run, settings: CVAESettings, data: _Data, spaces: Mapping[str, _Space]) -> None:
    """Compare what the latent spaces of CVAE, PCA and tICA tell of the molecule."""
    seed = run.seed_for("clusters") % 2**31
    fit, test = data.split.train, data.split.test
    states = data.helical.astype(np.int64)
    for name, (space, label) in spaces.items():
        missing = f"no contact varies in blocks longer than the lag of {settings.lag} frames" if space is None else None
        for what, values in data.properties.items():
            found = None
            if space is not None:
                found = evaluation.linear_correlation(space[fit], values[fit], space[test], values[test])
            run.metric(
                f"correlation with {what} ({name})",
                found,
                unit="1",
                better="higher",
                kind="quality",
                reason=missing or "it does not vary",
            )
        run.metric(
            f"state agreement ({name})",
            None if label is None else evaluation.state_agreement(label, states),
            unit="1",
            better="higher",
            kind="quality",
            reason=missing or f"all frames are {'helix' if states.all() else 'coil'}: there are no two states to tell",
        )
        run.metric(
            f"silhouette ({name})",
            None if space is None or label is None else evaluation.silhouette(space, label, seed),
            unit="1",
            better="higher",
            kind="quality",
            reason=missing or "there is one cluster only",
        )
    first, *_ = data.trajectories.references
    latent = spaces["CVAE"].points
    assert latent is not None
    run.artifact(
        "latent.svg",
        latent_figure(latent, data.properties[f"RMSD to {first}"], data.helical, first, seed),
        f"Latent space of the CVAE, turned to its principal axes; each point is a frame. Left: coloured by the RMSD to "
        f"{first}. Right: by state; a frame is helix when at least half of its residues are.",
    )


def _contiguous(frames: npt.NDArray[np.int64], trajectories: TrajectorySet) -> list[npt.NDArray[np.int64]]:
    """Cut ascending frames where they do not follow each other in time."""
    ends = np.cumsum([len(each) for each in trajectories.frames])
    trajectory = np.searchsorted(ends, frames, side="right")
    cuts = np.flatnonzero((np.diff(frames) != 1) | (np.diff(trajectory) != 0)) + 1
    return np.split(frames, cuts)
