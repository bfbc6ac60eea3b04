"""The headline: twelve lines whatever a run measured, the figures that the workload names, and one table of many."""

from __future__ import annotations

from pathlib import Path

import pytest

from levinthal import load_result
from levinthal.commands.brief import MOST_LINES, headline_lines, table_lines
from levinthal.commands.headline import summary_lines
from levinthal.harness.contract.main_figures import main_figures
from levinthal.harness.results.result import Comparison, Dataset, Gate, Metric, Repeat, Result, Terms, WorkloadId
from levinthal.harness.results.summary import summarise

POLICIES = ("plain", "random", "dbscan", "lof", "fast", "reap", "least-counts")


def repeat(index: int = 0, *, passed: bool = True, error: str | None = None, notes: tuple[str, ...] = ()) -> Repeat:
    """Return a repeat of 7 policies with 2 figures and a comparison each."""
    metrics = [
        Metric(name=name, labels={"policy": policy}, value=10.0 * k + index, unit=unit, better="higher")
        for name, unit in (("cells seen", "cell"), ("simulation", "step/s"))
        for k, policy in enumerate(POLICIES)
    ]
    return Repeat(
        index=index,
        seed=index,
        started_utc="2026-01-02T03:04:05+00:00",
        duration_s=61.5,
        metrics=(*metrics, Metric(name="energy", value=None, unit="J", better="lower", reason="no counter")),
        gates=(
            Gate(name="detailed balance", value=0.1, at_most=0.5, passed=True),
            Gate(name="frames", labels={"policy": "lof"}, value=9.0 if passed else 3.0, at_least=5.0, passed=passed),
        ),
        comparisons=tuple(
            Comparison(
                name="faster sampling", candidate=policy, baseline="plain", terms=Terms(amount=60, unit="core-seconds"),
                value=1.5 + index, low=1.2, high=2.5, n=16, verdict="faster",
            )
            for policy in POLICIES[1:]
        ),
        notes=notes,
        error=error,
        verdict="passed" if passed and error is None else "failed",
    )  # fmt: skip


def result(*repeats: Repeat) -> Result:
    return Result(
        workload=WorkloadId(name="not-installed", version=1),
        dataset=Dataset(name="none", version="0", synthetic=True),
        size="tiny",
        division="closed",
        settings={},
        machine={},
        software={},
        repeats=repeats,
        summary=summarise(list(repeats)),
        verdict="passed" if all(each.verdict == "passed" for each in repeats) else "failed",
    )


class Named:
    """A workload that names its main figures."""

    main_figures = (("simulation", {"policy": "dbscan"}), "no such figure", "energy", "cells seen")


@pytest.fixture
def lines(tmp_path):
    return lambda made: headline_lines(made, tmp_path / "r", tmp_path / "r/report.html")


def test_it_has_verdict_gates_five_figures_comparisons_and_where_the_rest_is(lines):
    found = lines(result(repeat()))
    assert found[0] == "not-installed tiny (closed division, synthetic data): passed, 1 of 1 repeats passed"
    assert found[1] == "  gates: 2 of 2 met"
    assert [line.split("  ")[1] for line in found[2:7]] == [f"cells seen (policy {p})" for p in POLICIES[:5]]
    assert found[7] == ("  faster sampling, random / plain, 60 core-seconds each: 1.5  [1.2, 2.5]  faster")
    assert found[9] == "  ... 4 more comparisons"
    assert "r/report.html; all 15 figures: " in found[10]
    assert found[10].endswith("r/result.json, or --verbose")
    assert len(found) == 11


def test_whatever_happened_it_has_at_most_twelve_lines_and_no_very_long_one(lines):
    notes = tuple(f"Note {k}: {'words ' * 40}" for k in range(5))
    broken = [repeat(k, passed=k == 0, error=None if k < 2 else "boom " * 99, notes=notes) for k in range(4)]
    found = lines(result(*broken))
    assert len(found) == MOST_LINES + 4
    assert found[1] == "  gates: 5 of 8 met"
    assert found[2] == "  missed in repeat 2: frames (policy lof) is 3, must be at least 5"
    assert found[5].startswith("  failed: boom")
    assert "more lines of notes" in found[-2]
    assert max(map(len, found[:-1])) <= 140


def test_of_several_repeats_a_comparison_says_how_often_which_verdict(lines):
    found = lines(result(*(repeat(k) for k in range(3))))
    assert "  faster sampling, random / plain, 60 core-seconds each: 2.5, faster in 3 of 3 repeats" in found


def test_after_a_missed_gate_what_was_measured_is_printed_and_marked(lines):
    missed = repeat(passed=False)
    speeds = {each.key for each in missed.metrics if each.name == "simulation"}
    metrics = [
        each.model_copy(update={"value": None, "withheld": each.value, "reason": "gate missed: frames"})
        if each.key in speeds else each.model_copy(update={"kind": "quality"})
        for each in missed.metrics
    ]  # fmt: skip
    made = result(missed.model_copy(update={"metrics": tuple(metrics), "comparisons": ()}))
    found = lines(made)
    assert "cells seen (policy lof) 30 cell (measured, but a gate was missed)" in [
        " ".join(line.split()) for line in found
    ]
    assert any("simulation (policy plain)" in line and "withheld: gate missed: frames" in line
               for line in summary_lines(made))  # fmt: skip
    mixed = lines(result(missed, repeat(1)))  # a repeat that passed: its value counts, and no mark
    assert not any("measured, but" in line for line in mixed)


def test_a_value_is_told_apart_from_its_limit_and_the_advice_stands_where_it_was_missed():
    near = {"name": "loss", "value": 0.3500001, "at_most": 0.35, "advice": "train longer"}
    assert Gate(**near, passed=False).words == "loss is 0.3500001, must be at most 0.35: train longer"
    assert Gate(**near | {"value": 0.2}, passed=True).words == "loss is 0.2, must be at most 0.35"
    assert (
        Gate(name="loss", value=None, at_least=2e6, passed=False).words == "loss is not finite, must be at least 2e+06"
    )


def test_a_note_is_never_hidden_by_comparisons(lines):
    assert any("note: Take care." in line for line in lines(result(repeat(notes=("Take care.",)))))


def test_the_workload_names_its_main_figures_in_order(monkeypatch):
    monkeypatch.setattr("levinthal.harness.contract.main_figures.load_workload", lambda name: Named())
    chosen = [str(each) for each in main_figures(result(repeat()))]
    assert chosen == [
        "simulation (policy dbscan)", "energy", *(f"cells seen (policy {each})" for each in POLICIES[:3])
    ]  # fmt: skip


def test_several_workloads_are_one_table():
    table = table_lines([(Path("a"), result(repeat(), repeat(1))), (Path("b"), result(repeat(passed=False)))])
    assert table[0].split() == ["workload", "verdict", "gates", "time", "main", "figure"]
    assert table[1].split("  ")[:2] == ["not-installed", "passed"]
    assert "4 of 4" in table[1]
    assert "2 min 3 s" in table[1]
    assert "cells seen (policy plain): " in table[1]
    assert "failed" in table[2]
    assert "1 of 2" in table[2]
    assert len({line.index(word) for line, word in zip(table, ("main", "cells", "cells"), strict=True)}) == 1


def test_in_the_terminal_a_run_is_short_and_verbose_is_not(levinthal):
    short = levinthal("run", "probe", "--out", "r")
    assert short.stdout.splitlines()[2].split()[:2] == ["rate", short.stdout.splitlines()[2].split()[1]]
    assert "energy" not in short.stdout
    assert short.stdout.splitlines()[-1].startswith("report: r/report.html; all 3 figures: r/result.json")
    full = levinthal("resume", "r", "--verbose").stdout
    assert "energy  not measured: no counter" in full
    assert "report: r/report.html" in full


def test_what_was_changed_in_the_input_comes_first_and_once_everywhere(levinthal, tmp_path):
    said = "2 x <b>FE</b> were removed from the pocket."
    short = levinthal("run", "probe", "--set", "mode=warn", "--out", "r", "--repeats", "2")
    assert short.stdout.splitlines()[1] == f"  warning: {said}"
    assert short.stdout.count(said) == 1
    assert f"    warning: {said}" in short.stderr
    assert levinthal("resume", "r", "--verbose").stdout.splitlines()[1] == f"  warning: {said}"
    page = (tmp_path / "r/report.html").read_text()
    assert page.index("&lt;b&gt;FE") < page.index("<h3>Gates</h3>")
    assert "<b>FE" not in page
    assert load_result(tmp_path / "r").repeats[1].warnings == (said,)
    levinthal("run", "probe", "--out", "clean")
    assert f"! input of B alone: {said}" in levinthal("compare", "clean", "r").stdout
    assert "no rule is broken" in levinthal("check", "r").stdout
    file = tmp_path / "r/result.json"
    file.write_text(file.read_text().replace("2 x <b>FE", "nothing"))
    assert "its warnings are not those of events.jsonl" in levinthal("check", "r").stdout


def test_a_missed_sanity_check_says_value_limit_and_what_to_change(levinthal):
    done = levinthal("run", "probe", "--set", "mode=implausible", "--out", "r")
    assert done.returncode == 1
    words = "energy of the answer is 3.5, must be at most 0: sleep longer: seconds=9"
    assert done.stdout.splitlines()[1:3] == [
        "  gates: 1 of 1 met; sanity checks of the answer: 0 of 1 met", f"  missed: {words}"
    ]  # fmt: skip
    assert "measured, but a gate was missed" in next(line for line in done.stdout.splitlines() if "error" in line)
    assert f"sanity check missed: {words}" in done.stderr
    assert "no rule is broken" in levinthal("check", "r").stdout
