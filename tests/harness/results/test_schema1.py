"""Results of version 1 of the format, as the four workloads left them (cut to a part of their phases and samples)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from levinthal.errors import ResultError
from levinthal.harness import ScalingCase
from levinthal.harness.results.events import read_events
from levinthal.harness.results.figures import Terms
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.labels import Key, find_figure
from levinthal.harness.results.mllog import mlperf_lines
from levinthal.harness.results.plan import read_plan
from levinthal.harness.results.result import Result
from levinthal.harness.results.schema1 import event_key, known_machine, upgrade_plan, upgrade_repeat
from levinthal.harness.results.store import load_result, read_repeat, write_result
from levinthal.harness.results.summary import summarise
from levinthal.harness.review.check import broken_by_result
from levinthal.harness.review.compare import compare_results, comparison_lines
from levinthal.harness.study.registry import plan_study, study_of
from levinthal.report.page import render
from levinthal.report.study.view import layout_of

OLD = Path(__file__).parent / "schema1"
WORKLOADS = ("cvae", "rgn", "docking", "sampling")


@pytest.fixture(params=WORKLOADS)
def old(request: pytest.FixtureRequest) -> Result:
    return load_result(OLD / request.param)


def test_it_is_read_whole(old: Result) -> None:
    document = json.loads((OLD / old.workload.name / "result.json").read_text())
    assert (document["schema"], old.schema_) == (1, 2)
    (repeat,) = old.repeats
    (written,) = document["repeats"]
    assert [metric.value for metric in repeat.metrics] == [metric["value"] for metric in written["metrics"]]
    assert len({metric.key for metric in repeat.metrics}) == len(repeat.metrics)
    assert len(old.summary) == len(document["summary"])
    assert old.summary == summarise(old.repeats)
    x_axes = sum(name.startswith("curve/") and name.endswith("/x") for name in written["samples"])
    assert len(repeat.samples) + len(repeat.curves) + x_axes == len(written["samples"])
    assert not any("/" in curve.name for curve in repeat.curves)
    assert old.machine.cpu.model == document["machine"]["cpu"]["model"]
    assert old.software.packages["torch"] == document["software"]["torch"]
    assert old.software.code_sha256 == document["software"]["code_sha256"]


def test_it_compares_with_itself_and_with_a_result_of_today(old: Result, tmp_path: Path) -> None:
    write_result(old, tmp_path / "result.json")
    today = load_result(tmp_path)
    assert today == old
    for other in (old, today):
        comparison = compare_results(old, other)
        assert (comparison.only_in_a, comparison.only_in_b, comparison.warnings) == ((), (), ())
        assert len(comparison.metrics) == len(old.repeats[0].metrics)
        assert len(comparison_lines(comparison)) > len(comparison.metrics)


def test_it_is_checked_as_far_as_a_lone_file_can_be(old: Result, tmp_path: Path) -> None:
    shutil.copy(OLD / old.workload.name / "result.json", tmp_path)
    assert {line.partition(":")[0] for line in broken_by_result(tmp_path)} == {"artifacts are whole"}


def test_it_is_reported_and_becomes_a_table(old: Result) -> None:
    page = render([(None, old)])
    for curve in old.repeats[0].curves:
        assert f"<strong>{curve.name}</strong>" in page
    assert str(old.machine.cpu.model) in page
    pandas = pytest.importorskip("pandas")
    table = old.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert len(table) == len(old.repeats[0].metrics)


def test_a_folder_of_then(tmp_path: Path) -> None:
    folder = OLD / "docking"
    plan, repeat = read_plan(folder), read_repeat(folder / "repeats/000/repeat.json", "docking")
    result = load_result(folder)
    assert plan.machine.cpu == result.machine.cpu
    assert plan.software == result.software
    assert repeat.metrics == result.repeats[0].metrics
    assert repeat.gates == result.repeats[0].gates
    events = list(read_events(folder / "events.jsonl"))
    logged = {event_key(event, "docking"): event["value"] for event in events if event["event"] == "metric"}
    assert logged == {metric.key: metric.value for metric in repeat.metrics}
    (platform,) = (line for line in mlperf_lines(events) if '"submission_platform"' in line)
    assert str(result.machine.cpu.model) in platform


def test_what_was_withheld_has_its_field() -> None:
    document = {
        "index": 0, "seed": 0, "started_utc": "now", "verdict": "failed",
        "metrics": [{"name": "rate", "value": None, "unit": "1/s", "better": "higher", "reason": "gate missed"}],
        "samples": {"withheld/rate": {"unit": "1/s", "values": [2.5]}, "draws": {"unit": "1", "values": [1.0]}},
        "comparisons": [{"name": "faster", "candidate": "a", "baseline": "b", "terms": "60 core-seconds each",
                         "value": None, "n": 0, "verdict": "can't tell", "reason": "none arrived"}],
    }  # fmt: skip
    upgraded = upgrade_repeat(document, None)
    assert upgraded["metrics"][0]["withheld"] == 2.5
    assert [each["name"] for each in upgraded["samples"]] == ["draws"]
    assert Terms(**upgraded["comparisons"][0]["terms"]) == Terms(amount=60.0, unit="core-seconds")
    assert upgrade_repeat(upgraded, None) == upgraded


def test_a_curve_without_an_x_of_its_own_counts_its_samples() -> None:
    samples = {"curve/a/x": {"unit": "step", "values": [1, 2]}, "curve/a/b": {"unit": "m", "values": [4, 5, 6]}}
    (curve,) = upgrade_repeat({"samples": samples}, None)["curves"]
    assert (curve["x"], curve["x_name"], curve["y"]) == ([1.0, 2.0, 3.0], "number of the sample", [4, 5, 6])


def test_points_of_a_scaling_study_have_their_labels() -> None:
    event = {"name": "parallel efficiency, 22x22, batch 2048, 4 ranks"}
    assert event_key(event, "cvae") == Key.of("parallel efficiency", {"case": "22x22", "batch size": 2048, "ranks": 4})
    weak = {"case": "22x22", "batch size of a rank": 2048, "ranks": 1}
    assert event_key({"name": "step time, 22x22, batch 2048 a rank, 1 rank"}, "cvae") == Key.of("step time", weak)


@pytest.mark.parametrize("mode", ["strong", "weak"])
def test_a_scaling_study_is_the_one_that_would_be_asked_for_now(mode: str) -> None:
    scaling = {
        "mode": mode, "world_sizes": [1, 2], "batch_sizes": {"22x22": [256, 2048], "106x106": [32]}, "nodes": 1,
        "seconds": 2.0,
    }  # fmt: skip
    cases = {case: ScalingCase({}, ()) for case in scaling["batch_sizes"]}
    trains = SimpleNamespace(name="cvae", scaling_cases=cases, item="frame", prepare_training=print, trainer=print)
    read = StudyPlan.model_validate(upgrade_plan({"schema_": 1, "scaling": scaling})["study"])
    asked = {"world_sizes": "1,2", "batch_sizes": "22x22=256,2048;106x106=32", "mode": mode, "seconds": 2.0}
    now = plan_study("scaling", trains, asked)
    assert read.points() == now.points()
    assert read.stems() == now.stems()
    assert [read.words(point) for point in read.points()] == [now.words(point) for point in now.points()]
    assert study_of(read, trains).plan() == study_of(now, trains).plan()
    old, new = layout_of(read), layout_of(now)
    assert (old.shape, old.across.name, old.panels) == (new.shape, new.across.name, new.panels)
    assert "scaling" not in upgrade_plan({"schema_": 1, "scaling": None})


def test_unknown_keys_of_a_machine_are_dropped() -> None:
    machine = known_machine({"cpu": {"model": "X", "stepping": 3}, "gpus": [{"name": "H200", "bus": "?"}], "peaks": {}})
    assert (machine.cpu.model, machine.gpus[0].name) == ("X", "H200")
    assert known_machine({"cpu": "X"}).cpu.model is None


@pytest.mark.parametrize(
    "change", [{"samples": 3}, {"samples": {"a": 3}}, {"metrics": [3]}, {"comparisons": {}}, {"peaks": 3}]
)
def test_a_damaged_file_is_one_line(tmp_path: Path, change: dict[str, object]) -> None:
    document = json.loads((OLD / "cvae/result.json").read_text())
    document["repeats"][0] |= change
    (tmp_path / "result.json").write_text(json.dumps(document))
    with pytest.raises(ResultError, match="repeats"):
        load_result(tmp_path)


def test_figures_are_found_under_their_labels() -> None:
    curves = load_result(OLD / "rgn").repeats[0].curves
    assert find_figure(curves, "dRMSD", {"split": "held out"}).x_name == "training step"
