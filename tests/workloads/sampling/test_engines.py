"""The same science on every engine: the same frames from the same seed, and times that add up; losses on Parsl."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from levinthal.harness.engines.open import open_engine
from levinthal.simulation.dynamics.ensemble import Start, simulate_ensemble
from levinthal.simulation.exact.potential import MINIMA
from levinthal.simulation.go.ideal_fold import three_helix_bundle
from levinthal.workloads.sampling.learners.learner import make_learner
from levinthal.workloads.sampling.loop.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.loop.task import chunk_seed
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.study.spending import cull_latencies_s, queue_times_s, spending_of
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics
from probes import WORKER_PATH, MortalDynamics

pytest.importorskip("parsl")

DYNAMICS = PlanarDynamics(starts=MINIMA)
PLAN = CampaignPlan(n_walkers=6, chunk_steps=40_000, frame_interval=2000, seed=4, n_workers=2, max_steps=40_000 * 48)
CONFIGURATION = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

def executor(label, workers):
    return HighThroughputExecutor(
        label=label, address="127.0.0.1", max_workers_per_node=workers, cores_per_worker=0.001, heartbeat_period=1,
        heartbeat_threshold=30, provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )

config = Config(executors=[executor("simulation", 2), executor("training", 1)])
"""


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """Return the three kinds of engine; Parsl takes seconds to start, so it is started once."""
    folder = tmp_path_factory.mktemp("parsl")
    path = folder / "configuration.py"
    path.write_text(CONFIGURATION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", WORKER_PATH)  # where workers find the probes
        opened = {name: open_engine(name, folder) for name in ("inline", "local:2", f"parsl:{path}")}
        yield {name.partition(":")[0]: engine for name, engine in opened.items()}
        for engine in opened.values():
            engine.close()


def campaign(engine, folder, plan=PLAN, dynamics=DYNAMICS, policy="plain", learner=None):
    result = run_campaign(
        dynamics,
        make_policy(policy),
        learner,
        folder,
        plan,
        make_executor=engine.executor,
        make_learner_executor=engine.training_executor,
    )
    record = CampaignRecord(folder)
    record.verify()
    assert result.n_steps == plan.max_steps
    assert len(np.unique(record.states, axis=0)) == len(record) == result.n_frames
    return record


def test_the_same_seed_gives_the_same_frames_on_every_engine(engines, tmp_path):
    records = {name: campaign(engine, tmp_path / name) for name, engine in engines.items()}
    for walker in range(PLAN.n_walkers):
        lengths = {name: len(record.walker_frames(walker)) for name, record in records.items()}
        n = min(lengths.values())
        assert n >= 20  # without decisions walkers differ only in how far they came
        for name in ("local", "parsl"):
            for part in ("frames", "states"):
                ours, theirs = (
                    np.asarray(getattr(record, part))[record.walker_frames(walker)[:n]]
                    for record in (records["inline"], records[name])
                )
                np.testing.assert_array_equal(ours, theirs)


def test_with_one_chunk_in_flight_every_engine_makes_the_same_decisions(engines, tmp_path):
    plan = replace(PLAN, in_flight=1, n_workers=1, first_training_frames=10**9)
    told = []
    for name, engine in engines.items():
        record = campaign(engine, tmp_path / name, plan, policy="random")
        told.append([(d.walker, d.position, d.frame, d.reason) for d in record.decisions])
        assert any(decision.frame is not None for decision in record.decisions)
    assert told[0] == told[1] == told[2]


def test_times_add_up_on_parsl_with_training_beside(engines, tmp_path):
    plan = replace(PLAN, chunk_steps=400_000, frame_interval=20_000, max_steps=400_000 * 60, first_training_frames=200)
    record = campaign(
        engines["parsl"], tmp_path / "c", plan, policy="least-counts", learner=make_learner("coordinates")
    )
    for chunk in record.chunks:
        times = [
            chunk.created, chunk.submitted, chunk.received, chunk.started,
            chunk.simulated, chunk.ended, chunk.returned, chunk.committed,
        ]  # fmt: skip
        assert times == sorted(times)
    assert len({chunk.worker for chunk in record.chunks}) == 2
    assert record.models
    warm = record.chunks[12:]  # the first wait for what workers import
    spending = spending_of(warm, record.decisions, record.models, 2)
    assert 0.3 < spending.busy_share <= 1.0  # neighbours on a shared machine
    assert all(0 < seconds < 30 for seconds in queue_times_s(warm))
    # Six walkers on two workers: a chunk waits for about two others.
    durations = [chunk.simulated - chunk.started for chunk in warm]
    assert spending.queue_s > 0.5 * float(np.median(durations))
    assert all(seconds > 0 for seconds in cull_latencies_s(record.chunks, record.decisions))
    assert math.isnan(spending.cull_latency_s) or spending.cull_latency_s < 30


def test_a_worker_lost_on_parsl_costs_one_chunk_and_the_campaign_goes_on(engines, tmp_path):
    fatal = chunk_seed(PLAN.seed, 2, 3)
    mortal = MortalDynamics(DYNAMICS, fatal, tmp_path / "died")
    record = campaign(engines["parsl"], tmp_path / "c", dynamics=mortal)
    assert (tmp_path / "died").exists()
    assert [(failure.kind, failure.walker, failure.position) for failure in record.failures] == [("lost", 2, 3)]
    assert "WorkerLost" in record.failures[0].message
    whole = campaign(engines["inline"], tmp_path / "whole")
    n = min(len(each.walker_frames(2)) for each in (record, whole))
    np.testing.assert_array_equal(record.states[record.walker_frames(2)[:n]], whole.states[whole.walker_frames(2)[:n]])


def test_ensembles_are_the_same_on_every_engine(engines):
    model = three_helix_bundle()
    starts = [Start(name, positions) for name, positions in model.starts.items()]
    found = [
        simulate_ensemble(
            model.system, starts, n_steps=600, chunk_steps=200, frame_interval=50, seed=3, executor=engine.executor()
        )
        for engine in engines.values()
    ]
    for others in found[1:]:
        for ours, theirs in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(ours.frames.coordinates_nm, theirs.frames.coordinates_nm)
