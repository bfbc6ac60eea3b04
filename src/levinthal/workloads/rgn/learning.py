"""The phase in which the workload trains its network, and what it reports of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from levinthal.harness import Run
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.model.config import PRESETS, flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.history import History, Step
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.optimiser import OPTIMISERS
from levinthal.workloads.rgn.training.ranks import RankedTraining, train_on_ranks
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.weights import Provenance, save_weights
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.reporting import Arithmetic, report_time_to_target
from levinthal.workloads.training.reproducible import on_threads
from levinthal.workloads.training.resuming import say_where_it_went_on, train_or_go_on

_ANGSTROM_PER_NM = 10.0
_FEW_UNITS = 128


class Learned(NamedTuple):
    """A network, where its weights come from, and what happened in its training; null where it was not trained here."""

    model: RGNModel
    provenance: Provenance
    history: History | None


def training_settings(settings: RGNSettings, *, seed: int, precision: str) -> TrainingSettings:
    """Return how the network is to be trained, from the workload's settings."""
    return TrainingSettings(
        steps=max(1, settings.steps),
        batch_size=settings.batch_size,
        optimiser=OPTIMISERS[settings.preset],
        seed=seed,
        precision="bf16" if precision == "bf16" else "fp32" if precision == "fp32" else "auto",
        deterministic=settings.deterministic,
        validation_interval=settings.validation_interval,
        checkpoint_interval=settings.checkpoint_interval or None,
        curriculum=Curriculum() if settings.preset == "fast" else None,
    )


def training_folder(run: Run) -> Path:
    """Return where the repeat leaves its checkpoint and its best weights."""
    return run.folder / "training"


def learn(run: Run, settings: RGNSettings, corpus: Corpus) -> Learned:
    """Train a network, here or on ranks, report how that went and leave its weights in the run's folder."""
    config, weights_seed = PRESETS[settings.preset], run.seed_for("weights", bits=31)
    if settings.steps == 0:
        return Learned(RGNModel(config, seed=weights_seed).to(run.device).eval(), Provenance(), None)
    # Two threads of so small a network gain a fifth on an idle machine and lose fivefold beside a neighbour.
    alone = run.device == "cpu" and config.n_hidden <= _FEW_UNITS
    with (
        run.phase("train", total=settings.steps, doing="the network") as phase,
        on_threads(1 if alone else torch.get_num_threads()),
    ):

        def on_step(_: Step) -> None:
            phase.advance()

        how = training_settings(settings, seed=run.seed_for("training", bits=31), precision=run.precision)

        def fit(keep: Keeping | None) -> tuple[RGNModel, History]:
            keep = keep or Keeping(training_folder(run))
            if settings.ranks > 1:
                training = RankedTraining(
                    config,
                    how,
                    data=corpus.train.path,
                    validation=corpus.validation.path,
                    out=keep.folder,
                    label=corpus.origin.label,
                    max_length=settings.max_length,
                    seed=weights_seed,
                    device=run.device.partition(":")[0],
                    resume=keep.resume,
                )
                model, history = train_on_ranks(settings.ranks, training, on_step=on_step)
                return model.to(run.device), history
            model = RGNModel(config, seed=weights_seed)
            train_set, held_out = (
                corpus.examples(each, settings.max_length) for each in (corpus.train, corpus.validation)
            )
            device = run.device
            return model, train(model, train_set, how, validation=held_out, device=device, on_step=on_step, keep=keep)

        model, history = train_or_go_on(run, settings.checkpoint_interval, fit)
        phase.items = int(history.column("residues")[history.resumed_at :].sum())
    say_where_it_went_on(run, history.resumed_at, settings.steps)
    run.use_precision(history.precision)
    _report_training(run, settings, history)
    provenance = Provenance.of(history, corpus.origin.label)
    if not corpus.held_out:
        provenance = replace(provenance, validation_drmsd_nm=None)
    save_weights(run.folder / "weights.safetensors", model, provenance)
    return Learned(model, provenance, history)


def _report_training(run: Run, settings: RGNSettings, history: History) -> None:
    reached_s = history.time_to_s(settings.target_drmsd / _ANGSTROM_PER_NM)
    report_time_to_target(run, reached_s, f"{settings.target_drmsd:g} A not reached in {settings.steps} steps")
    rate = history.residues_per_s
    run.metric("training rate", rate, unit="residue/s", better="higher")
    for percentile in (50, 90):
        duration_ms = 1e3 * history.step_percentile_s(percentile)
        run.metric("training step", duration_ms, unit="ms", better="lower", labels={"percentile": percentile})
    run.metric("padding efficiency", history.padding_efficiency, unit="1", better="higher")
    validations = history.validations
    lines = [
        ({"split": "training"}, [_since_validation(history, number) for number in range(len(validations))]),
        ({"split": "held out"}, [_ANGSTROM_PER_NM * each.drmsd_nm for each in validations]),
    ]
    for group in validations[-1].drmsd_nm_by_group:
        values = [_ANGSTROM_PER_NM * each.drmsd_nm_by_group[group] for each in validations]
        lines.append(({"split": "held out", "class": group}, values))
    steps = [validation.step for validation in validations]
    for labels, values in lines:
        run.curve("dRMSD", steps, values, x_name="training step", x_unit="1", unit="A", labels=labels)


def training_arithmetic(settings: RGNSettings, history: History) -> Arithmetic:
    """Return the operations a second of the training."""
    flops = flops_per_residue(PRESETS[settings.preset], training=True)
    return Arithmetic("training", history.residues_per_s * flops, history.precision)


def _since_validation(history: History, number: int) -> float:
    """Return the mean training loss in A of the steps since the validation before."""
    first = history.validations[number - 1].step if number else 0
    losses = history.column("loss_nm")[first : history.validations[number].step]
    return _ANGSTROM_PER_NM * float(np.nanmean(losses))


def report_updates(run: Run, history: History) -> None:
    """Report how many updates of the weights were clipped or left out."""
    run.metric("clipped updates", history.clip_rate, unit="1", better="lower", kind="quality")
    run.metric("updates without a finite gradient", history.n_skipped, unit="1", better="lower", kind="quality")
