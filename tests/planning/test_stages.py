"""Loops with barriers against makespans that arithmetic gives, and the published loop from its stage times alone."""

import pytest

from levinthal.errors import UsageError
from levinthal.planning import published
from levinthal.planning.published import GPU_USE, MAKESPAN_S, N_GPUS, RANGES_S, explain_published
from levinthal.planning.stages import Stage, run_stages


def test_stages_in_a_chain_take_the_sum_of_their_times():
    chain = [
        Stage("a", (5.0, 1.0), 2, (("c", 1),)),
        Stage("b", (2.0,), 1, (("a", 0),)),
        Stage("c", (3.0,), 1, (("b", 0),)),
    ]
    run = run_stages(chain, 10, n_gpus=2)
    assert run.makespan_s == 5 + 9 * 1 + 10 * 5
    assert run.seconds_of() == {"a": 14, "b": 20, "c": 30}
    assert run.gpu_use({"a": 2, "b": 1, "c": 1}, 2) == (2 * 14 + 20 + 30) / (2 * 64)
    assert run.together() == {frozenset("a"), frozenset("b"), frozenset("c")}


@pytest.mark.parametrize("slowest", ["a", "b", "c"])
def test_a_pipeline_is_as_fast_as_its_slowest_stage(slowest):
    seconds = {name: 7.0 if name == slowest else 2.0 for name in "abc"}
    line = [
        Stage("a", (seconds["a"],), 1),
        Stage("b", (seconds["b"],), 1, (("a", 0),)),
        Stage("c", (seconds["c"],), 1, (("b", 0),)),
    ]
    assert run_stages(line, 20, n_gpus=3).makespan_s == sum(seconds.values()) + 19 * 7
    # two GPUs: a schedule has at least the work of all of them, and no more GPUs than there are
    crowded = run_stages(line, 20, n_gpus=2)
    assert crowded.makespan_s >= 20 * 11 / 2
    for _, began, _ in crowded.spans:
        assert sum(start <= began < end for _, start, end in crowded.spans) <= 2


def test_on_one_gpu_nothing_overlaps_whatever_may():
    free = [Stage(name, (2.0,), 1) for name in "abc"]
    assert run_stages(free, 5, n_gpus=3).makespan_s == 10
    assert run_stages(free, 5, n_gpus=1).makespan_s == 30


def test_stages_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="holds 3 GPUs"):
        run_stages([Stage("a", (1.0,), 3)], 1, n_gpus=2)
    with pytest.raises(UsageError, match="not a stage"):
        run_stages([Stage("a", (1.0,), 1, (("b", 0),))], 1, n_gpus=2)
    with pytest.raises(UsageError, match="wait for each other"):
        run_stages([Stage("a", (1.0,), 1, (("b", 0),)), Stage("b", (1.0,), 1, (("a", 0),))], 1, n_gpus=2)


def test_the_published_loop_is_returned_from_its_stage_times_alone():
    found = {each.overlap: each for each in explain_published()}
    middle = {name: sum(limits) / 2 for name, limits in RANGES_S.items()}
    simulated, trained, inferred = 352 + 9 * middle["simulate"], 10 * middle["train"], 10 * middle["infer"]
    none = next(each for name, each in found.items() if name.startswith("none"))
    assert none.makespan_s == simulated + trained + inferred
    pipeline = next(each for name, each in found.items() if name.startswith("a pipeline"))
    assert pipeline.makespan_s == 352 + trained + middle["infer"]
    held = 59 * simulated + trained + inferred
    assert pipeline.widest.gpu_use == pytest.approx(held / (N_GPUS * pipeline.makespan_s))
    holding = [each for each in found.values() if each.holds]
    assert {each.overlap for each in holding} == {
        name for name in found if "beside inference" in name or name.startswith("a pipeline")
    }
    for each in holding:
        assert abs(each.makespan_s - MAKESPAN_S) < 0.1 * MAKESPAN_S
        assert abs(each.widest.gpu_use - GPU_USE) < 0.1 * GPU_USE
    # where training and inference wait for each other nothing comes near it
    assert all(each.makespan_error > 0.5 for each in found.values() if not each.holds)


def test_other_stage_times_do_not_return_the_published_loop(monkeypatch):
    monkeypatch.setitem(published.RANGES_S, "train", (300.0, 320.0))
    assert not any(each.holds for each in explain_published())
