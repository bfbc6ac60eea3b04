"""Every gate of the workload has a broken thing that must fail it: codes, models, splits, trajectories, losses.

The molecule is a helix that zips up and down from both ends: its map is decided by where the helix begins and ends, two
numbers that no two linear components hold.
"""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest

from levinthal.harness import Run
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.events import EventLog
from levinthal.proteins.contact_maps.maps import pack_maps
from levinthal.workloads.cvae.calibration import Calibration
from levinthal.workloads.cvae.data.features import Features, sample_pairs
from levinthal.workloads.cvae.data.holding_out import correlation_time_of, count_crossings, hold_out, report_held_out
from levinthal.workloads.cvae.data.maps import PackedMaps
from levinthal.workloads.cvae.data.table import FrameTable
from levinthal.workloads.cvae.evaluation.baselines import PCA, Space, fit_baselines, target_bits
from levinthal.workloads.cvae.evaluation.reconstruction import reconstruct_held_out
from levinthal.workloads.cvae.inference import encode, evaluate
from levinthal.workloads.cvae.learning import _report_losses, learn
from levinthal.workloads.cvae.model import network
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.model.precision import Execution
from levinthal.workloads.cvae.settings import CVAESettings
from levinthal.workloads.cvae.training.history import Epoch, History
from levinthal.workloads.cvae.training.loop import train
from levinthal.workloads.cvae.training.settings import TrainingSettings

N, RUNS, FRAMES, LATENT = 18, 10, 220, 2
LENGTHS = (FRAMES,) * RUNS
OVER_PCA = "held-out bits per contact over those of PCA with a logistic decoder"
GRADIENTS = "deviation of gradients from plain torch in double precision"
FALL = "loss after training over that before"
UPPER = f"upper limit of {OVER_PCA}"
OVER_MEAN = "held-out bits per contact over those of the mean map"


def zipper(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return packed maps and the length of the helix in each frame."""
    rng = np.random.default_rng(seed)
    i, j = np.triu_indices(N, 1)
    maps = np.zeros((RUNS * FRAMES, N, N), bool)
    lengths = np.zeros(len(maps))
    begin, end = rng.integers(0, N, (2, RUNS))
    for k in range(FRAMES):
        begin, end = (np.clip(place + rng.integers(-3, 4, RUNS), 0, N - 1) for place in (begin, end))
        low, high = np.minimum(begin, end), np.maximum(begin, end)
        for run in range(RUNS):
            formed = (j - i <= 4) & (i >= low[run]) & (j <= high[run])
            found = ((j - i <= 2) | formed) ^ (rng.random(len(i)) < 0.004)
            maps[run * FRAMES + k, i, j] = maps[run * FRAMES + k, j, i] = found
            lengths[run * FRAMES + k] = high[run] - low[run]
    return pack_maps(maps | np.eye(N, dtype=bool)), lengths


def new_run(folder, seed: int = 1) -> Run:
    folder.mkdir(parents=True)
    return Run(folder=folder, events=EventLog(folder / "events.jsonl"), seed=seed)


def gates(run: Run) -> dict[str, tuple[float | None, bool]]:
    return {str(gate): (gate.value, gate.passed) for gate in run.record().gates}


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Return settings, data, a trained model and the spaces of all methods."""
    packed, lengths = zipper(seed=0)
    settings = make_settings(CVAESettings, "tiny", {"latent": LATENT, "lag": 2})
    run = new_run(tmp_path_factory.mktemp("run") / "learned")
    table = FrameTable(tuple(f"run {k}" for k in range(RUNS)), LENGTHS, (None,) * RUNS)
    properties = {"helix": lengths}
    time = correlation_time_of(properties, table)
    data = Features(
        maps=PackedMaps(packed, N, N),
        table=table,
        split=hold_out(run, table, ("",) * RUNS, time),
        pairs=sample_pairs(packed, N, 0),
        properties=properties,
        correlation_time=time,
        native=None,
        structures=None,
    )
    report_held_out(run, settings, table, data.split, time, packed)
    baselines = fit_baselines(run, settings, data)
    model = CVAEModel(CVAEConfig(N, filters=(16,) * 4, latent=LATENT, dense=64), seed=3)
    optimizer = OptimizerSettings(2e-3, decay_steps=800)
    training = TrainingSettings(epochs=20, batch_size=32, optimizer=optimizer, precision="fp32", seed=4)
    train(model, data.source(data.split.train, 0), training)
    spaces = {settings.model_name: Space(encode(model, data.maps)[0].astype(np.float64)), **baselines}
    assert gates(run)["held-out frames within a correlation time of a training frame"] == (0.0, True)
    return settings, data, model, spaces


def judged(
    folder, learned, *, codes=None, model=None, settings=None, data=None
) -> dict[str, tuple[float | None, bool]]:
    own, its_data, trained, spaces = learned
    if codes is not None:
        spaces = {**spaces, own.model_name: Space(codes)}
    run = new_run(folder)
    reconstruct_held_out(run, settings or own, model or trained, data or its_data, spaces, 256, "")
    return gates(run)


def test_the_model_beats_pca_surely_and_training_is_timed_to_pca(tmp_path, learned):
    settings, data, model, spaces = learned
    found = judged(tmp_path / "sound", learned)
    assert found[OVER_PCA][1], found
    assert found[UPPER][1], found
    assert found[OVER_PCA][0] < found[UPPER][0] < 1.0
    target_nats = target_bits(settings, data, spaces[PCA]) * math.log(2) * N * (N - 1)
    assert evaluate(model, data.source(data.split.validation, 0)).reconstruction < target_nats
    blank = CVAEModel(model.config, seed=3)
    assert evaluate(blank, data.source(data.split.validation, 0)).reconstruction > target_nats


@pytest.mark.parametrize("seed", [0, 1])
def test_codes_shuffled_between_frames_fail(tmp_path, learned, seed):
    settings, _, _, spaces = learned
    codes = np.random.default_rng(seed).permutation(spaces[settings.model_name].points)
    found = judged(tmp_path / "shuffled", learned, codes=codes)
    assert found[OVER_PCA][0] > 1.2
    assert not found[OVER_PCA][1]
    assert not found[UPPER][1]
    assert not found[OVER_MEAN][1]


def test_codes_that_say_nothing_and_a_model_that_was_not_trained_fail(tmp_path, learned):
    settings, data, model, spaces = learned
    codes = spaces[settings.model_name].points
    mean = np.broadcast_to(codes.mean(axis=0), codes.shape)
    assert not judged(tmp_path / "mean", learned, codes=mean)[OVER_PCA][1]
    blank = CVAEModel(model.config, seed=9)
    blank_codes = encode(blank, data.maps)[0].astype(np.float64)
    assert not judged(tmp_path / "blank", learned, codes=blank_codes, model=blank)[OVER_PCA][1]


def test_a_gain_that_two_blocks_of_frames_tell_of_is_not_sure(tmp_path, learned):
    _, data, _, _ = learned
    slow = dataclasses.replace(data, correlation_time=10_000.0)  # each trajectory is one witness, and there are two
    test = data.split.test[: 2 * FRAMES]
    slow = dataclasses.replace(slow, split=dataclasses.replace(data.split, test=test))
    found = judged(tmp_path / "slow", learned, data=slow)
    assert found[OVER_PCA][1]
    assert found[UPPER] == (None, False)


def test_of_a_persons_own_the_mean_map_is_the_bar_and_shuffled_codes_miss_it(tmp_path, learned):
    settings, _, _, spaces = learned
    own = settings.model_copy(update={"maps": "mine.h5", "margin": 0.02})
    found = judged(tmp_path / "own", learned, settings=own)
    assert set(found) == {OVER_MEAN}
    assert found[OVER_MEAN][1]
    codes = np.random.default_rng(0).permutation(spaces[settings.model_name].points)
    assert not judged(tmp_path / "broken", learned, settings=own, codes=codes)[OVER_MEAN][1]


def test_a_split_within_the_memory_of_a_trajectory_fails(tmp_path):
    run = new_run(tmp_path / "r")
    packed, _ = zipper(seed=1)
    table = FrameTable(("one",), (200,), (None,))
    split = hold_out(run, table, ("",), 60.0)
    report_held_out(run, make_settings(CVAESettings, "tiny"), table, split, 60.0, packed[:200])
    value, passed = gates(run)["held-out frames within a correlation time of a training frame"]
    assert value > 0
    assert not passed
    assert any("one trajectory" in note for note in run.record().notes)


def test_maps_that_are_copies_of_training_maps_are_counted(tmp_path):
    run = new_run(tmp_path / "r")
    packed, _ = zipper(seed=1)
    copied = np.concatenate([packed[:FRAMES]] * RUNS)
    table = FrameTable(tuple(map(str, range(RUNS))), LENGTHS, (None,) * RUNS)
    split = hold_out(run, table, ("",) * RUNS, 5.0)
    report_held_out(run, make_settings(CVAESettings, "tiny"), table, split, 5.0, copied)
    (share,) = (each.value for each in run.record().metrics if each.name.startswith("held-out maps identical"))
    assert share == 1.0


def test_a_molecule_that_stays_where_it_is_fails(tmp_path):
    table = FrameTable(("a", "b"), (400, 400), (None, None))
    settings = make_settings(CVAESettings, "tiny")
    split = SimpleNamespace(train=np.arange(400), test=np.arange(400, 800))
    swings = np.where(np.arange(800) // 25 % 2 == 0, 0.9, 0.3)
    for name, share, passed in (("moves", swings, True), ("stays", np.full(800, 0.9), False)):
        run = new_run(tmp_path / name)
        count_crossings(run, settings, table, split, share)
        assert {each for _, each in gates(run).values()} == {passed}
        assert [value for value, _ in gates(run).values()] == ([15.0, 15.0] if passed else [0.0, 0.0])


def test_a_loss_that_is_not_finite_fails(tmp_path):
    fine = SimpleNamespace(total=1.0)
    for name, loss, passed in (("fine", 1.0, True), ("broken", math.inf, False)):
        run = new_run(tmp_path / name)
        epoch = Epoch(1, 1, fine, SimpleNamespace(total=loss), 1.0, 1.0)
        _report_losses(run, History(Execution(), (epoch,)))
        assert gates(run)["losses that are not finite"][1] is passed


def computed(folder, learned, **changes) -> dict[str, tuple[float | None, bool]]:
    """Train a new model as a size too short to learn does, and return its gates."""
    _, data, _, _ = learned
    settings = make_settings(
        CVAESettings, "smoke", {"latent": LATENT, "epochs": 2, "batch_size": 64, "deterministic": True, **changes}
    )
    run = new_run(folder)
    model = CVAEModel(CVAEConfig(N, filters=(16,) * 4, latent=LATENT, dense=64, beta=settings.beta), seed=3)
    execution = Execution("fp32", compiled=model.can_compile)
    learn(run, settings, model, data, Calibration(execution, settings.batch_size), 0.1)
    reconstruct_held_out(run, settings, model, data, {settings.model_name: Space(encode(model, data.maps)[0])}, 256, "")
    return gates(run)


def test_a_size_too_short_to_learn_asks_whether_it_computes_and_descends(tmp_path, learned):
    found = computed(tmp_path / "sound", learned)
    assert set(found) == {GRADIENTS, FALL, "losses that are not finite"}
    assert all(passed for _, passed in found.values()), found
    assert found[GRADIENTS][0] < 1e-4
    assert found[FALL][0] < 0.6


def test_a_kernel_that_is_wrong_by_a_hundredth_fails(tmp_path, learned, monkeypatch):
    sound = network.convolution_stack
    monkeypatch.setattr(network, "convolution_stack", lambda *given: 1.01 * sound(*given))
    found = computed(tmp_path / "wrong", learned)
    assert 0.001 < found[GRADIENTS][0] < 0.2
    assert not found[GRADIENTS][1]


def test_a_training_that_does_not_descend_fails(tmp_path, learned, monkeypatch):
    monkeypatch.setattr(RMSprop, "step", lambda *_: None)
    found = computed(tmp_path / "still", learned)
    assert found[FALL] == (1.0, False)
    assert found[GRADIENTS][1]
