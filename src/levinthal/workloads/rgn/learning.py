"""The phase in which the workload trains its network, and what it reports of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from levinthal.harness import Run
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.config import PRESETS, flops_per_residue
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.targets import MILESTONES
from levinthal.workloads.rgn.training.computing import drmsd_nm, gradient_deviation
from levinthal.workloads.rgn.training.curriculum import Curriculum
from levinthal.workloads.rgn.training.history import History, Step
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.optimiser import OPTIMISERS
from levinthal.workloads.rgn.training.ranks import RankedTraining, train_on_ranks
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.weights import Provenance, save_weights
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.judging import report_fall, report_gradients
from levinthal.workloads.training.reporting import Arithmetic, report_time_to_target
from levinthal.workloads.training.reproducible import on_threads
from levinthal.workloads.training.resuming import say_where_it_went_on, train_or_go_on

_ANGSTROM_PER_NM = 10.0
_FEW_UNITS = 128

WEIGHTS = "weights.safetensors"
"""The trained network in a repeat's folder."""


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
    if settings.judge == "computing":
        before = RGNModel(config, seed=weights_seed).to(run.device)
        _check_computing(run, before, model, corpus.examples(corpus.train, settings.max_length), history.precision)
    _report_training(run, settings, history)
    provenance = Provenance.of(history, corpus.origin.label)
    if not corpus.held_out:
        provenance = replace(provenance, validation_drmsd_nm=None)
    save_weights(run.folder / WEIGHTS, model, provenance)
    return Learned(model, provenance, history)


def _check_computing(run: Run, before: RGNModel, after: RGNModel, train_set: ProteinSet, precision: str) -> None:
    """Check the gradients at the weights that training began with, and that the dRMSD fell from there."""
    with on_threads(1):
        report_gradients(run, gradient_deviation(before, train_set, precision), precision)
        report_fall(run, *(drmsd_nm(model, train_set) for model in (before, after)))


def learn_window(run: Run, settings: RGNSettings, corpus: Corpus) -> RGNModel | None:
    """Train networks that see a window of the sequence alone, as hard as the network; return the best on validation.

    They have the layers' width, the loss, the curriculum, the optimiser and the steps of the preset `fast` and look at
    the same features; None where the settings name no window. Phase `train controls`.
    """
    best: tuple[float, RGNModel] | None = None
    how = replace(
        training_settings(settings, seed=run.seed_for("training", bits=31), precision="fp32"),
        optimiser=OPTIMISERS["fast"],
        curriculum=Curriculum(),
        validation_interval=max(1, settings.steps),
        checkpoint_interval=None,
    )
    total = settings.steps * len(settings.windows)
    with run.phase("train controls", total=total, doing="networks that see a window alone") as phase, on_threads(1):
        for reach in settings.windows:
            model = RGNModel(replace(PRESETS["fast"], reach=reach), seed=run.seed_for("weights", bits=31))
            train_set, held_out = (
                corpus.examples(each, settings.max_length) for each in (corpus.train, corpus.validation)
            )
            history = train(model, train_set, how, validation=held_out, on_step=lambda _: phase.advance())
            loss_nm = history.validations[-1].loss_nm
            if best is None or loss_nm < best[0]:
                best = loss_nm, model
    return None if best is None else best[1].to(run.device)


def _report_training(run: Run, settings: RGNSettings, history: History) -> None:
    reached_s = history.time_to_s(settings.target_drmsd / _ANGSTROM_PER_NM)
    report_time_to_target(
        run, reached_s, f"{settings.target_drmsd:g} A not reached in {settings.steps} steps", waited_s=history.elapsed_s
    )
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
    if settings.preset != "fast":
        _report_milestones(run, history)
    steps = [validation.step for validation in validations]
    for labels, values in lines:
        run.curve("dRMSD", steps, values, x_name="training step", x_unit="1", unit="A", labels=labels)


def _report_milestones(run: Run, history: History) -> None:
    """Say where training stood at the milestones of the original's configuration, and which it missed."""
    for step, milestone in MILESTONES.items():
        if len(history.steps) < step or (least_nm := history.least_loss_nm(step)) is None:
            continue
        least = _ANGSTROM_PER_NM * least_nm
        labels = {"step": step}
        run.metric("dRMSD at a milestone", least, unit="A", better="lower", kind="quality", labels=labels)
        if least > milestone:
            run.finding(
                f"The original's milestone of step {step:,} is missed: {least:.3g} A, to be {milestone} A; its authors "
                "begin such a training again from another seed."
            )


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
