"""Training whose length nobody set: it ends by the held-out loss, with the best weights, also after a kill."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_examples import CONFIG, example_maps
from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.cvae.data.maps import DenseMaps
from levinthal.workloads.cvae.inference import evaluate
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.early_stopping import limits_of
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.training.checkpoint import Keeping

HOW = {"epochs": 200, "batch_size": 10, "precision": "fp32", "deterministic": True}


class KilledError(Exception):
    """The process dies here."""


@pytest.fixture(scope="module")
def few() -> tuple[DenseMaps, DenseMaps]:
    """Return 40 maps to train on, which is few enough to learn by heart, and 40 others."""
    maps = example_maps(80)
    return DenseMaps(maps[:40], 14), DenseMaps(maps[40:], 14)


def fit(few, **more):
    model = CVAEModel(CONFIG, seed=1)
    source, validation = few
    options = {name: more.pop(name) for name in ("on_epoch", "keep") if name in more}
    return model, train(model, source, TrainingSettings(**{**HOW, **more}), validation=validation, **options)


def test_it_ends_after_its_patience_with_the_weights_of_the_lowest_loss(few):
    model, history = fit(few, patience=6)
    losses = [epoch.validation.total for epoch in history.epochs]
    best = int(np.argmin(losses))
    assert history.best_epoch == best + 1
    counted, last = losses[0], 0
    for number, loss in enumerate(losses):
        if loss < counted - 0.01 * abs(loss):
            counted, last = loss, number
    assert len(losses) == last + 1 + 6 < 200
    assert evaluate(model, few[1], batch_size=10).total == pytest.approx(losses[best], rel=1e-6)
    assert best < len(losses) - 1


def test_killed_at_any_epoch_it_ends_as_if_it_had_not_been(few, tmp_path):
    whole, history = fit(few, patience=6)
    seen = []

    def die(_: object) -> None:
        seen.append(1)
        if len(seen) == history.best_epoch + 3:
            raise KilledError

    with pytest.raises(KilledError):
        fit(few, patience=6, checkpoint_interval=4, keep=Keeping(tmp_path), on_epoch=die)
    again, rest = fit(few, patience=6, checkpoint_interval=4, keep=Keeping(tmp_path, resume=True))
    assert rest.resumed_at > 0
    assert (rest.best_epoch, len(rest.epochs)) == (history.best_epoch, len(history.epochs))
    for mine, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    finished, same = fit(few, patience=6, checkpoint_interval=4, keep=Keeping(tmp_path, resume=True))
    assert len(same.epochs) == len(history.epochs)  # it had ended: it does not go on
    assert all(torch.equal(*pair) for pair in zip(finished.parameters(), whole.parameters(), strict=True))


def test_without_frames_to_evaluate_on_there_is_no_patience(few):
    with pytest.raises(UsageError, match="frames to evaluate on"):
        train(CVAEModel(CONFIG), few[0], TrainingSettings(**HOW, patience=2))
    with pytest.raises(UsageError, match="patience"):
        TrainingSettings(epochs=1, patience=0)


def test_limits_count_steps_where_an_epoch_is_short_and_epochs_where_it_is_long():
    short, long = limits_of(2, None), limits_of(100_000, None)
    assert short.most_epochs > 1_000
    assert short.patience >= 50
    assert (long.most_epochs, long.patience) == (20, 5)
    assert limits_of(2, steps_per_s=0.1).most_epochs < short.most_epochs  # a slow machine: minutes, not days


def test_only_frames_of_a_persons_own_decide_the_length_and_only_where_nobody_did():
    def epochs(**values):
        return make_settings(CVAESettings, "tiny", values).epochs

    assert epochs() == CVAESettings.model_fields["epochs"].default
    assert epochs(system="fs-peptide") == 20
    assert epochs(trajectory="a.dcd", topology="a.pdb") == epochs(maps="a.h5") == epochs(epochs="auto") == "auto"
    assert epochs(trajectory="a.dcd", topology="a.pdb", epochs="7") == 7
    assert make_settings(CVAESettings, "paper", {"maps": "a.h5"}).epochs == 10
    assert make_settings(CVAESettings, "tiny", {"maps": "a.h5", "margin": "0.3"}).margin == 0.3
    assert make_settings(CVAESettings, "tiny").margin == 0.05
    saved = make_settings(CVAESettings, "tiny", {"maps": "a.h5"}).model_dump(mode="json")
    assert CVAESettings.model_validate(saved).epochs == "auto"
