"""`levinthal plan` through the command line: from a run, from given times, and the published loop."""

import json
from pathlib import Path

import pytest

from levinthal.commands.plan import plan
from levinthal.errors import LevinthalError
from levinthal.harness import StageTimes
from levinthal.harness.contract.settings import make_settings
from levinthal.planning.loop import LoopPlan, run_loop
from levinthal.simulation.exact.potential import MINIMA
from levinthal.workloads.sampling.learners.learner import LEARNERS
from levinthal.workloads.sampling.loop.campaign import CampaignPlan, run_campaign
from levinthal.workloads.sampling.policies.registry import make_policy
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.record.times import fullest_record, makespan_s, measured_times
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics


def test_the_published_loop_is_told_in_words_and_figures(tmp_path, levinthal):
    done = levinthal("plan", "sampling", "--published", "--json", tmp_path / "p.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  holds: both within 10 %") == 3
    assert done.stdout.count("  does not hold") == 2
    found = json.loads((tmp_path / "p.json").read_text())
    assert len(found["published"]) == 5
    assert found["levinthal"]["n_chunks"] == 580


def test_sizes_that_nobody_has_from_times_that_are_given(tmp_path, levinthal):
    done = levinthal(
        "plan", "sampling", "--replicas", "64,1024", "--gpus", "256", "--chunks", "4",
        "--set", "chunk_s=84,86", "--set", "decide_s=0.05", "--set", "bytes_of_chunk=8000000",
        "--json", tmp_path / "p.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    few, many = json.loads((tmp_path / "p.json").read_text())["plans"]
    assert few["bound"].startswith("replicas")
    assert many["bound"] == "simulation"
    assert many["use"] > 0.9
    assert many["unseen"] is None  # no model, no staleness


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "cvae"}, "does not offer levinthal.harness.Plans"),
        ({}, "give --set chunk_s=SECONDS"),
        ({"assignments": ["chunk_s=1"], "gpus": "0"}, "whole numbers from 1"),
        ({"assignments": ["chunk_s=1"], "gpus": "1"}, "leave none to simulate"),
        ({"assignments": ["chunk_s=x"]}, "chunk_s"),
        ({"source": Path("nowhere")}, "nowhere"),
    ],
)
def test_a_mistake_is_one_line(asked, said):
    given = {"name": "sampling", "replicas": "4", "gpus": "4", "training_gpus": 1, "chunks": 2, "source": None}
    with pytest.raises(LevinthalError, match=said):
        plan(
            **{**given, "assignments": None, "config": None, "seed": 0, "published": False, "json_file": None, **asked}
        )


def test_times_are_read_off_a_record_and_return_its_makespan(tmp_path):
    """Inline, with training between chunks: the parts are the whole."""
    how = CampaignPlan(n_walkers=4, chunk_steps=2000, frame_interval=100, seed=1, max_steps=200_000,
                       first_training_frames=200, training_growth=1.5)  # fmt: skip
    run_campaign(PlanarDynamics(starts=MINIMA), make_policy("random"), LEARNERS.load("coordinates")(), tmp_path, how)
    record = CampaignRecord(tmp_path)
    times = measured_times(record)
    assert len(times["chunk_s"]) == len(record.chunks) == 100
    assert sum(times["chunk_s"]) + sum(times["decide_s"]) <= 1.01 * makespan_s(record)
    assert times["training_frames"] == tuple(model.n_frames for model in record.models)
    assert (times["frames_of_chunk"], times["bytes_of_chunk"]) == (20, 20 * (8 + 8 * record.header.state_width))
    found = run_loop(make_settings(StageTimes, "tiny", times), LoopPlan(4, 1, 1, 25))
    assert found.n_frames == len(record)
    assert found.makespan_s == pytest.approx(makespan_s(record), rel=0.5)


@pytest.mark.slow
def test_a_run_s_own_times_return_its_makespan(tmp_path, levinthal):
    """At one worker with training beside it; how near in general is for `benchmarks/plan.py`, which runs alone."""
    settings = (
        "system=three-helix-bundle", "policy=dbscan", "replicas=1", "exact_replicas=0", "learner=pca", "steps=40000",
        "chunk_steps=400", "frame_interval=20", "first_training_frames=60",
    )  # fmt: skip
    words = [word for each in settings for word in ("--set", each)]
    done = levinthal("run", "sampling", "--size", "smoke", "--engine", "local:1", *words, "--out", tmp_path / "r")
    assert done.returncode in (0, 1), done.stderr
    record = fullest_record(tmp_path / "r")
    times = measured_times(record)
    assert len(times["chunk_s"]) == len(record.chunks) == 100
    assert sum(times["chunk_s"]) <= makespan_s(record)
    assert times["training_frames"] == tuple(model.n_frames for model in record.models)
    assert times["bytes_of_chunk"] == 20 * (33 * 3 * 4 + 8 * record.header.state_width)
    chunks = len(record.chunks) // record.header.n_walkers
    done = levinthal("plan", "sampling", "--from", tmp_path / "r", "--replicas", record.header.n_walkers, "--gpus", "2",
                     "--chunks", chunks, "--json", tmp_path / "p.json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "p.json").read_text())["plans"]
    assert found["n_frames"] == len(record)
    assert found["makespan_s"] == pytest.approx(makespan_s(record), rel=0.25)
