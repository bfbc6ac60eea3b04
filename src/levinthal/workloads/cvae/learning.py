"""The phase in which the workload trains its model, and what it reports of it."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from levinthal.harness import Run
from levinthal.harness.contract.run import OpenPhase
from levinthal.proteins.contact_maps.maps import n_pairs
from levinthal.workloads.cvae.calibration import Calibration
from levinthal.workloads.cvae.data.features import Features
from levinthal.workloads.cvae.model.config import SHORTEST_SAVES, flops_per_frame
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.computing import gradient_deviation, held_out_loss
from levinthal.workloads.cvae.training.early_stopping import limits_of
from levinthal.workloads.cvae.training.history import Epoch, History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.judging import report_fall, report_gradients
from levinthal.workloads.training.reporting import Arithmetic, first_time, report_arithmetic, report_time_to_target
from levinthal.workloads.training.resuming import say_where_it_went_on, train_or_go_on

_LN2 = float(np.log(2.0))


def learn(
    run: Run, settings: CVAESettings, model: CVAEModel, data: Features, calibration: Calibration, target_bits: float
) -> History:
    """Train the model in phase `train`, where a killed repeat left off if there is such a state, and report it.

    Training is timed to so many bits per contact on the validation frames.
    """
    execution, batch_size = calibration
    source = data.source(data.split.train, settings.model_lag)
    batch_size = min(batch_size, len(source))
    steps_per_epoch = len(source) // batch_size
    epochs, patience = _length(run, settings, execution, batch_size, steps_per_epoch)
    total = epochs * steps_per_epoch
    how = TrainingSettings(
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        # where nobody knows how long training will be there is no end to fall to
        optimizer=OptimizerSettings(
            settings.learning_rate, decay_steps=total if settings.decays else None, warmup_steps=settings.warmup
        ),
        seed=run.seed_for("training", bits=31),
        precision=execution.precision,
        deterministic=settings.deterministic,
        checkpoint_interval=settings.checkpoint_interval or None,
    )
    before = _check_computing(run, settings, model, data, execution, batch_size)
    with run.phase("train", items=total * batch_size, total=total, doing="the autoencoder") as phase:
        history = _fit(run, settings, model, data, how, phase)
        phase.items = (history.epochs[-1].steps - history.resumed_at) * batch_size
    if history.best_epoch is not None:
        taken = len(history.epochs)
        why = "its bound" if taken == epochs else f"{patience} epochs in which the held-out loss fell no further"
        run.note(f"Training ended after {taken} epochs, by {why}; the weights are of epoch {history.best_epoch}.")
    say_where_it_went_on(run, history.resumed_at, total)
    clock_s = list(accumulate(epoch.train_s + epoch.validation_s for epoch in history.epochs))
    reconstructions = [None if each.validation is None else each.validation.reconstruction for each in history.epochs]
    # A map holds each pair twice; its padding and diagonal cost next to nothing.
    target_nats = target_bits * _LN2 * 2 * n_pairs(data.maps.n_residues)
    reached_s = first_time(clock_s, reconstructions, target_nats)
    _report_losses(run, history)
    if before is not None:
        report_fall(run, before, held_out_loss(model, data, settings.model_lag, batch_size).total)
    _report_speed(run, history, flops_per_frame(model.config))
    report_time_to_target(run, reached_s, f"not reached in {len(history.epochs)} epochs", waited_s=clock_s[-1])
    return history


def _check_computing(
    run: Run, settings: CVAESettings, model: CVAEModel, data: Features, execution: Execution, batch_size: int
) -> float | None:
    """Check the gradients and return the loss before training; None where the gates ask what was learned."""
    if settings.judge == "learning":
        return None
    model.to(run.device)
    source = data.source(data.split.train, settings.model_lag)
    apart = gradient_deviation(model, source, execution, run.seed_for("gradients", bits=31))
    report_gradients(run, apart, execution.precision)
    return held_out_loss(model, data, settings.model_lag, batch_size).total


def advice_after(history: History) -> str:
    """Return what to change where the model that came of a training is not good enough."""
    taken = len(history.epochs)
    if history.best_epoch is not None and history.best_epoch < taken:
        return "the held-out loss falls no further: give more frames, try filters=64, or ask for less by margin=0"
    return f"train longer: epochs={2 * taken}"


def _length(
    run: Run, settings: CVAESettings, execution: Execution, batch_size: int, steps_per_epoch: int
) -> tuple[int, int | None]:
    """Return how many epochs to train at most, and with which patience; say before what that will cost."""
    frames_per_s = dict(execution.measured_frames_per_s).get(execution.name)
    if settings.epochs != "auto":
        return settings.epochs, None
    limits = limits_of(steps_per_epoch, None if frames_per_s is None else frames_per_s / batch_size)
    steps = limits.most_epochs * steps_per_epoch
    most_s = None if frames_per_s is None else steps * batch_size / frames_per_s
    run.estimate(
        f"training ends after {limits.patience} epochs in which the held-out loss falls no further (epochs=N: after "
        f"N), at the latest after {limits.most_epochs:,} epochs, {steps:,} steps of {batch_size} frames",
        duration_s=most_s,
    )
    return limits.most_epochs, limits.patience


def _fit(
    run: Run, settings: CVAESettings, model: CVAEModel, data: Features, how: TrainingSettings, phase: OpenPhase
) -> History:
    source, validation = (
        data.source(frames, settings.model_lag) for frames in (data.split.train, data.split.validation)
    )

    def tell(epoch: Epoch) -> None:
        loss = (epoch.validation or epoch.train).total
        ends = ", until it falls no further" if how.patience else ""
        phase.say(f"the autoencoder, held-out loss {loss:.4g} nat/frame after {epoch.steps:,} steps{ends}")

    def fit(keep: Keeping | None) -> History:
        return train(
            model,
            source,
            how,
            validation=validation,
            device=run.device,
            on_step=lambda *_: phase.advance(),
            on_epoch=tell,
            keep=keep,
        )

    return train_or_go_on(run, settings.checkpoint_interval, fit)


def _report_losses(run: Run, history: History) -> None:
    lines = {
        "training": [(epoch.steps, epoch.train.total) for epoch in history.epochs],
        "validation": [
            (epoch.steps, epoch.validation.total) for epoch in history.epochs if epoch.validation is not None
        ],
    }
    for split, points in lines.items():
        steps, totals = zip(*points, strict=True) if points else ((), ())
        run.curve("loss", steps, totals, x_name="training step", x_unit="1", unit="nat/frame", labels={"split": split})
    losses = [total for points in lines.values() for _, total in points]
    run.gate("losses that are not finite", float(np.count_nonzero(~np.isfinite(losses))), at_most=0.0)


def _report_speed(run: Run, history: History, flops_per_frame: int) -> None:
    rate = history.frames_per_s
    run.metric("training rate", rate, unit="frame/s", better="higher")
    precision = history.execution.precision
    done = Arithmetic("training", rate * flops_per_frame, precision, "direct algorithm", SHORTEST_SAVES)
    report_arithmetic(run, [done])
    run.metric("data loading", history.loading_share, unit="1", better="lower")
