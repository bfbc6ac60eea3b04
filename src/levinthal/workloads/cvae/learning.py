"""The phase in which the workload trains its model, and what it reports of it."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from levinthal.harness import Run
from levinthal.harness.contract.run import OpenPhase
from levinthal.metrics.peaks import Peaks
from levinthal.proteins.contact_maps.maps import n_pairs
from levinthal.workloads.cvae.calibration import Calibration
from levinthal.workloads.cvae.data.features import Features
from levinthal.workloads.cvae.evaluation.scores import bits_per_contact, mean_map_logits
from levinthal.workloads.cvae.model.config import flops_per_frame
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.history import History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.reporting import first_time, report_arithmetic, report_time_to_target
from levinthal.workloads.training.resuming import say_where_it_went_on, train_or_go_on

_LN2 = float(np.log(2.0))


def learn(run: Run, settings: CVAESettings, model: CVAEModel, data: Features, calibration: Calibration) -> History:
    """Train the model in phase `train`, where a killed repeat left off if there is such a state, and report it."""
    execution, peaks, batch_size = calibration
    source = data.source(data.split.train, settings.model_lag)
    batch_size = min(batch_size, len(source))
    total = settings.epochs * (len(source) // batch_size)
    how = TrainingSettings(
        epochs=settings.epochs,
        batch_size=batch_size,
        optimizer=OptimizerSettings(settings.learning_rate),
        seed=run.seed_for("training", bits=31),
        precision=execution.precision,
        deterministic=settings.deterministic,
        checkpoint_interval=settings.checkpoint_interval or None,
    )
    with run.phase("train", items=total * batch_size, total=total) as phase:
        history = _fit(run, settings, model, data, how, phase)
        phase.items = (total - history.resumed_at) * batch_size
    say_where_it_went_on(run, history.resumed_at, total)
    clock_s = accumulate(epoch.train_s + epoch.validation_s for epoch in history.epochs)
    reconstructions = [None if each.validation is None else each.validation.reconstruction for each in history.epochs]
    reached_s = first_time(clock_s, reconstructions, _target_nats(settings, data))
    _report_losses(run, history)
    _report_speed(run, history, flops_per_frame(model.config), peaks)
    report_time_to_target(run, reached_s, f"not reached in {settings.epochs} epochs")
    return history


def _fit(
    run: Run, settings: CVAESettings, model: CVAEModel, data: Features, how: TrainingSettings, phase: OpenPhase
) -> History:
    source, validation = (
        data.source(frames, settings.model_lag) for frames in (data.split.train, data.split.validation)
    )

    def fit(keep: Keeping | None) -> History:
        return train(
            model,
            source,
            how,
            validation=validation,
            device=run.device,
            on_step=lambda *_: phase.advance(),
            keep=keep,
        )

    return train_or_go_on(run, settings.checkpoint_interval, fit)


def _target_nats(settings: CVAESettings, data: Features) -> float:
    """Return the reconstruction loss a frame that is as far below the mean map's as the gate asks for."""
    contacts, split = data.pairs.contacts, data.split
    mean_map = bits_per_contact(mean_map_logits(contacts[split.train]), contacts[split.validation])
    # A map holds each pair twice; its padding and diagonal cost next to nothing.
    return (1.0 - settings.margin) * mean_map * _LN2 * 2 * n_pairs(data.maps.n_residues)


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


def _report_speed(run: Run, history: History, flops_per_frame: int, peaks: Peaks) -> None:
    rate = history.frames_per_s
    run.metric("training rate", rate, unit="frame/s", better="higher")
    report_arithmetic(run, "training", rate * flops_per_frame, peaks, history.execution.precision, "direct algorithm")
    run.metric("data loading", history.loading_share, unit="1", better="lower")
