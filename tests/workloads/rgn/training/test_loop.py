"""Training: it learns, repeats to the last digit, survives a NaN, and its optimiser is the published one."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from levinthal.errors import DataError, UsageError
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.batches import make_batch, plan_epoch
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import Prediction, RGNModel
from levinthal.workloads.rgn.training.curriculum import Curriculum, window_drmsd_nm
from levinthal.workloads.rgn.training.history import History, Step
from levinthal.workloads.rgn.training.loop import train
from levinthal.workloads.rgn.training.optimiser import OPTIMISERS, Adam, OptimiserSettings
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.validation import evaluate
from rgn_examples import TINY, make_records

FAST = OptimiserSettings(learning_rate=0.02, beta1=0.9, clip_norm_pm=None)


@pytest.fixture(scope="module")
def sets() -> tuple[ProteinSet, ProteinSet]:
    return ProteinSet.from_records(make_records(60)), ProteinSet.from_records(make_records(10, seed=1))


def fit(sets: tuple[ProteinSet, ProteinSet], **changes: object) -> tuple[RGNModel, History]:
    model = RGNModel(TINY)
    options = {name: changes.pop(name) for name in ("on_step", "on_validation") if name in changes}
    settings = TrainingSettings(**{"batch_size": 8, "optimiser": FAST, "deterministic": True, **changes})  # type: ignore[arg-type]
    return model, train(model, sets[0], settings, validation=sets[1], **options)  # type: ignore[arg-type]


def test_it_learns_what_the_sequence_tells(sets: tuple[ProteinSet, ProteinSet]) -> None:
    model, history = fit(sets, steps=60)
    assert history.stopped_by == "steps"
    assert [step.step for step in history.steps] == list(range(1, 61))
    assert not model.training
    before = evaluate(RGNModel(TINY), sets[1])
    after = evaluate(model, sets[1])
    assert after.mean_nm < 0.5 * before.mean_nm
    assert history.recent_loss_nm < 0.5 * history.steps[0].loss_nm
    last = history.validations[-1]
    assert last.drmsd_nm == pytest.approx(after.mean_nm, rel=1e-5)
    assert last.loss_nm == pytest.approx(after.loss_nm, rel=1e-5)
    assert last.drmsd_nm_by_group.keys() == {"30"}
    assert history.best is not None
    assert history.best.drmsd_nm == min(v.drmsd_nm for v in history.validations)
    assert 0.5 < history.padding_efficiency <= 1.0
    assert history.clip_rate == 0.0
    assert history.residues_per_s > 0
    assert history.step_percentile_s(90) >= history.step_percentile_s(50) > 0
    assert history.summary()["skipped"] == 0


def test_deterministic_runs_are_equal_to_the_last_digit(sets: tuple[ProteinSet, ProteinSet]) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    dropout = dataclasses.replace(TINY, input_dropout=0.3)
    settings = TrainingSettings(steps=6, batch_size=8, optimiser=FAST, deterministic=True, seed=4)
    runs = []
    for seed in (4, 4, 5):
        model = RGNModel(dropout)
        history = train(model, sets[0], dataclasses.replace(settings, seed=seed))
        runs.append(([step.loss_nm for step in history.steps], list(model.parameters())))
    assert runs[0][0] == runs[1][0] != runs[2][0]
    assert all(map(torch.equal, runs[0][1], runs[1][1]))
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_loss_is_weighted_by_resolved_residues(sets: tuple[ProteinSet, ProteinSet]) -> None:
    _, history = fit(sets, steps=1, seed=2)
    batch = make_batch(sets[0], plan_epoch(sets[0].lengths, 8, seed=2)[0])
    with torch.no_grad():
        predicted = RGNModel(TINY)(batch.features, batch.lengths).atoms_nm[:, :, 1].double().numpy()
    total = weight = 0.0
    for row, mask in enumerate(batch.mask.numpy()):
        if mask.sum() >= 2:
            found, true = predicted[row, mask], batch.ca_nm[row].double().numpy()[mask]
            pairs = np.triu_indices(len(found), 1)
            differ = [np.linalg.norm(x[pairs[0]] - x[pairs[1]], axis=1) for x in (found, true)]
            total += mask.sum() * math.sqrt(np.mean((differ[0] - differ[1]) ** 2))
            weight += mask.sum()
    assert history.steps[0].loss_nm == pytest.approx(total / weight, rel=1e-5)


def test_a_record_without_resolved_residues_has_no_say(sets: tuple[ProteinSet, ProteinSet]) -> None:
    found = evaluate(RGNModel(TINY), sets[0], batch_size=7)
    assert np.flatnonzero(np.isnan(found.drmsd_nm)).tolist() == [3]
    assert math.isfinite(found.mean_nm)
    alone = sets[0].subset([3])
    model, before = RGNModel(TINY), RGNModel(TINY)
    history = train(model, alone, TrainingSettings(steps=3, batch_size=1))
    assert [(step.skipped, math.isnan(step.loss_nm)) for step in history.steps] == [(True, True)] * 3
    assert all(map(torch.equal, model.parameters(), before.parameters()))
    assert history.summary()["training_drmsd_nm"] is None


class Faulty(RGNModel):
    """Gives NaN gradients at some of its calls in training, as a broken record does."""

    calls: int = 0
    faulty_at: range = range(0)

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> Prediction:
        found = super().forward(features, lengths)
        if self.training:
            self.calls += 1
            if self.calls in self.faulty_at:
                return found._replace(atoms_nm=found.atoms_nm * math.nan)
        return found


def test_gradients_that_are_not_finite_are_skipped_and_counted(sets: tuple[ProteinSet, ProteinSet]) -> None:
    model = Faulty(TINY)
    model.faulty_at = range(3, 5)
    history = train(model, sets[0], TrainingSettings(steps=8, batch_size=8, optimiser=FAST))
    assert [step.step for step in history.steps if step.skipped] == [3, 4]
    assert history.n_skipped == 2
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    assert math.isfinite(history.steps[-1].loss_nm)
    model.faulty_at = range(1000)
    with pytest.raises(DataError, match="not finite for 50 steps"):
        train(model, sets[0], TrainingSettings(steps=60, batch_size=2, optimiser=FAST))


def test_where_it_stops(sets: tuple[ProteinSet, ProteinSet]) -> None:
    _, history = fit(sets, epochs=2)
    assert history.stopped_by == "epochs"
    assert len(history.steps) == 2 * math.ceil(60 / 8)
    assert [v.step for v in history.validations] == [8, 16]
    _, history = fit(sets, steps=40, validation_interval=3, target_drmsd_nm=1e3)
    assert (history.stopped_by, len(history.steps)) == ("target", 3)
    assert history.time_to_s(1e3) == history.validations[0].elapsed_s
    assert history.time_to_s(1e-9) is None
    _, history = fit(sets, steps=10, on_step=lambda step: step.step == 2)
    assert (history.stopped_by, len(history.steps), len(history.validations)) == ("caller", 2, 1)
    _, history = fit(sets, time_limit_s=0.2)
    assert history.stopped_by == "time"
    assert history.elapsed_s >= 0.2


def test_low_precision_stays_close_and_only_in_the_layers(sets: tuple[ProteinSet, ProteinSet]) -> None:
    losses = {}
    for precision in ("fp32", "bf16"):
        _, history = fit(sets, steps=5, precision=precision)
        assert history.precision == precision
        losses[precision] = history.column("loss_nm")
    np.testing.assert_allclose(losses["bf16"], losses["fp32"], rtol=0.05)


def test_adam_is_that_of_the_paper_with_tensorflows_epsilon_in_picometres() -> None:
    settings = OptimiserSettings(learning_rate=0.01, epsilon=0.05, clip_norm_pm=2.0)
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    adam = Adam([("weight", weight)], settings)
    expected, m, v = weight.detach().numpy().copy(), np.zeros(3), np.zeros(3)
    rng = np.random.default_rng(0)
    for t in range(1, 8):
        gradient_nm = rng.normal(size=3) * 10.0 ** -rng.integers(2, 5)
        weight.grad = torch.from_numpy(gradient_nm.copy())
        update = adam.step(settings.learning_rate)
        g = 1000 * gradient_nm
        norm = np.linalg.norm(g)
        assert update.gradient_norm_pm == pytest.approx(norm)
        assert update.clipped == (norm > 2.0)
        g *= min(1.0, 2.0 / norm)
        m, v = 0.95 * m + 0.05 * g, 0.99 * v + 0.01 * g**2
        expected -= 0.01 * math.sqrt(1 - 0.99**t) / (1 - 0.95**t) * m / (np.sqrt(v) + 0.05)
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12)
        # torch is told that the weights changed: copies of them are stale
        assert weight._version >= t


def test_the_presets_are_the_published_constants_and_ours() -> None:
    casp12 = OPTIMISERS["casp12"]
    assert (casp12.learning_rate, casp12.beta1, casp12.beta2, casp12.epsilon, casp12.clip_norm_pm) == (
        1e-4, 0.95, 0.99, 1e-7, 5.0,
    )  # fmt: skip
    assert [casp12.learning_rate_at(p) for p in (0.0, 0.5, 1.0)] == [1e-4] * 3
    fast = OPTIMISERS["fast"]
    rates = [fast.learning_rate_at(p) for p in np.linspace(0, 1, 201)]
    assert max(rates) == pytest.approx(fast.learning_rate)
    assert rates[-1] == pytest.approx(fast.final * fast.learning_rate)
    peak = rates.index(max(rates))
    assert peak == 200 * fast.warmup
    assert np.all(np.diff(rates[: peak + 1]) > 0)
    assert np.all(np.diff(rates[peak:]) < 0)
    assert min(rates) > 0


def test_the_clipping_rate_is_recorded(sets: tuple[ProteinSet, ProteinSet]) -> None:
    norms = fit(sets, steps=12)[1].column("gradient_norm_pm")
    limit = float(np.median(norms))
    _, history = fit(sets, steps=12, optimiser=dataclasses.replace(FAST, clip_norm_pm=limit))
    clipped = history.column("gradient_norm_pm") > limit
    assert history.clip_rate == clipped.mean()
    assert 0 < history.clip_rate < 1


def test_settings_survive_json_and_mistakes_are_named() -> None:
    settings = TrainingSettings(epochs=3, optimiser=OPTIMISERS["fast"], target_drmsd_nm=0.5)
    assert TrainingSettings.from_dict(settings.to_dict()) == settings
    for wrong in (
        {},
        {"steps": 0},
        {"steps": 5, "precision": "fp8"},
        {"steps": 5, "seed": -1},
        {"time_limit_s": 5.0, "optimiser": {"schedule": "cosine"}},
        {"steps": 5, "optimiser": {"beta1": 1.0}},
        {"steps": 5, "optimiser": {"momentum": 1.0}},
        {"steps": "five"},
        {"steps": 5, "momentum": 1},
    ):
        with pytest.raises(UsageError):
            TrainingSettings.from_dict(wrong)


def test_empty_sets_are_refused(sets: tuple[ProteinSet, ProteinSet]) -> None:
    with pytest.raises(DataError, match="at least one record"):
        train(RGNModel(TINY), sets[0].subset([]), TrainingSettings(steps=1))


def test_figures_of_a_history_that_can_be_counted_by_hand() -> None:
    steps = tuple(Step(n, 1.0 / n, 0, 0.5, 80, 100, 1.0, clipped=n == 2, skipped=n == 4) for n in range(1, 5))
    history = History(steps, (), "fp32", 2.5, "steps")
    assert history.residues_per_s == 160
    assert history.padding_efficiency == 0.8
    assert history.clip_rate == pytest.approx(1 / 3)
    assert history.n_skipped == 1
    assert history.recent_loss_nm == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert history.best is None
    assert History((), (), "fp32", 0.0, "steps").summary()["residues_per_s"] is None


def test_stretches_cover_the_chain_whatever_the_padding() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = [9, 17, 30]
    predicted, reference = (torch.randn(3, 30, 3, generator=generator) for _ in range(2))
    mask = (torch.rand(3, 30, generator=generator) < 0.8) & (torch.arange(30) < torch.tensor(lengths)[:, None])
    drmsd_nm, weights = window_drmsd_nm(predicted, reference, mask, torch.tensor(lengths), 10)
    for k, length in enumerate(lengths):
        starts = [0, *range(5, length - 5, 5)]
        assert np.flatnonzero(weights[k]).tolist() == list(range(len(starts)))
        for window, start in enumerate(starts):
            inside = slice(start, min(start + 10, length))
            kept = mask[k, inside]
            expected = distance_rmsd(predicted[None, k, inside], reference[None, k, inside], kept[None])
            assert drmsd_nm[k, window] == pytest.approx(float(expected), rel=1e-5)
            assert weights[k, window] == kept.sum()
        assert starts[-1] + 10 >= length
        alone = window_drmsd_nm(
            *(each[k : k + 1, :length] for each in (predicted, reference, mask)), torch.tensor([length]), 10
        )
        assert float((alone[0] * alone[1]).sum()) == pytest.approx(float((drmsd_nm * weights)[k].sum()), rel=1e-5)


def test_a_curriculum_goes_from_stretches_to_whole_proteins(sets: tuple[ProteinSet, ProteinSet]) -> None:
    course = Curriculum(first_window=4, share=0.5)
    windows = [course.window(p, 100) for p in np.linspace(0, 1, 21)]
    assert windows[0] == 4
    assert windows[10:] == [0] * 11
    assert all(np.diff(windows[:10]) > 0)
    assert course.window(0.0, 4) == 0
    _, history = fit(sets, steps=40, curriculum=course)
    assert [step.window == 0 for step in history.steps] == [False] * 20 + [True] * 20
    assert history.steps[0].loss_nm < 0.5 * fit(sets, steps=1)[1].steps[0].loss_nm
    assert history.validations[-1].drmsd_nm < 0.2
    settings = TrainingSettings(steps=4, curriculum=course)
    assert TrainingSettings.from_dict(settings.to_dict()) == settings
    for wrong in ({"first_window": 1}, {"share": 0.0}, {"length": 3}):
        with pytest.raises(UsageError):
            TrainingSettings.from_dict({"steps": 4, "curriculum": wrong})
    with pytest.raises(UsageError, match="steps or epochs"):
        TrainingSettings(time_limit_s=1.0, curriculum=course)
