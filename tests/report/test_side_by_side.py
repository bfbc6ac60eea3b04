"""Runs side by side: which columns there are, what is held together and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Gate, Metric, Repeat, Result, WorkloadId
from levinthal.harness.results.summary import summarise
from levinthal.report import find_groups, write_report
from levinthal.report.page import render
from levinthal.report.side_by_side import SideBySide, side_by_side
from levinthal.report.view import view_of

MakeResult = Callable[..., Result]
MakeRepeat = Callable[..., Repeat]


@pytest.fixture
def machine(make_result: MakeResult, make_repeat: MakeRepeat) -> Callable[..., Result]:
    """Make a result of 8 repeats whose throughput is near `rate`."""

    def make(rate: float = 500.0, *, passed: bool = True, **changes: object) -> Result:
        repeats = tuple(
            make_repeat(
                index,
                passed=passed,
                metrics=(
                    Metric(
                        name="throughput",
                        value=rate * (1 + index / 1000) if passed else None,
                        unit="frame/s",
                        better="higher",
                        reason=None if passed else "gate missed: reconstruction",
                    ),
                    Metric(name="time", value=1e3 / rate + index / 1e3, unit="s", better="lower", kind="quality"),
                ),
                gates=(Gate(name="reconstruction", value=0.2 if passed else 0.4, at_most=0.35, passed=passed),),
            )
            for index in range(8)
        )
        return make_result(repeats=repeats, summary=summarise(repeats), **changes)

    return make


def _table(*columns: tuple[str, Result]) -> SideBySide | None:
    views = []
    for number, (name, result) in enumerate(columns, 1):
        views.append(view_of(number, Path(name), result, views))
    return side_by_side([(Path(name), [n]) for n, (name, _) in enumerate(columns)], views)


def test_a_column_for_each_machine_with_figures_and_what_they_are_to_the_first(machine: Callable[..., Result]) -> None:
    fast = machine(900.0, machine={"cpu": {"model": "Quick 1", "cores": 4}})
    table = _table(("r/one", machine()), ("r/two", fast))
    assert table is not None
    assert [head.label for head in table.heads] == ["one", "two"]
    assert [head.machine for head in table.heads] == ["Testchip 9, 2 cores, 8 GiB memory", "Quick 1, 4 cores"]
    (block,) = table.blocks
    assert [entry and (entry.gates, entry.standing) for entry in block.entries] == [
        ("1 of 1 met", "the baseline"),
        ("1 of 1 met", "compared"),
    ]
    by_name = {line.name: line for line in block.lines}
    first, second = by_name["throughput"].cells
    assert first is not None
    assert second is not None
    assert (first.verdict, second.verdict, second.standing) == ("", "faster", "ahead")
    assert second.ratio == "1.800 × (1.795 to 1.805)"
    assert by_name["time"].cells[1].verdict == "better"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": "small"}, "size small, the baseline has tiny"),
        ({"division": "open"}, "division open, the baseline has closed"),
        ({"workload": WorkloadId(name="cvae", version=4)}, "version 4, the baseline has 3"),
        ({"settings": {"learning_rate": 1e-2, "filters": 64}}, "other settings (learning_rate)"),
        ({"passed": False}, "it failed"),
    ],
)
def test_what_may_not_be_compared_is_not_and_says_why(
    machine: Callable[..., Result], changes: dict[str, object], reason: str
) -> None:
    table = _table(("a", machine()), ("b", machine(900.0, **changes)))
    assert table is not None
    entry = table.blocks[0].entries[1]
    assert entry is not None
    assert entry.standing == f"not compared: {reason}"
    assert not any(cell and (cell.verdict or cell.ratio) for line in table.blocks[0].lines for cell in line.cells)


def test_a_key_that_the_closed_division_leaves_free_hinders_nothing(machine: Callable[..., Result]) -> None:
    table = _table(("a", machine(settings={"deterministic": True})), ("b", machine(settings={"deterministic": False})))
    assert table is not None
    assert table.blocks[0].entries[1].standing == "compared"  # type: ignore[union-attr]


def test_speeds_of_a_run_that_failed_stay_away(machine: Callable[..., Result]) -> None:
    table = _table(("a", machine()), ("b", machine(901.0, passed=False)))
    assert table is not None
    (line,) = [line for line in table.blocks[0].lines if line.name == "throughput"]
    assert line.cells[1].row.median is None  # type: ignore[union-attr]
    page = render([(Path("a"), machine()), (Path("b"), machine(901.0, passed=False))], None,
                  [(Path("a"), [0]), (Path("b"), [1])])  # fmt: skip
    assert "0 of 1 met; missed reconstruction" in page
    assert "901" not in page


def test_folders_of_runs_are_columns_of_several_workloads(tmp_path: Path, machine: Callable[..., Result]) -> None:
    for folder in ("here", "there"):
        for name in ("cvae", "rgn"):
            (tmp_path / folder / name).mkdir(parents=True)
            text = machine(workload=WorkloadId(name=name, version=1)).to_json()
            (tmp_path / folder / name / "result.json").write_text(text)
    groups = find_groups([tmp_path / "here", tmp_path / "there", tmp_path / "here" / "cvae"])
    assert [(path.name, len(files)) for path, files in groups] == [("here", 2), ("there", 2), ("cvae", 0)]
    page = tmp_path / "page.html"
    results = [machine(workload=WorkloadId(name=name, version=1)) for name in ("cvae", "rgn")] * 2
    columns = [(tmp_path / "here", [0, 1]), (tmp_path / "there", [2, 3])]
    write_report([(None, each) for each in results], page, columns)
    text = page.read_text()
    assert text.index(">here<") < text.index(">there<")
    section = text.partition('id="beside"')[2].partition("</section>")[0]
    assert [section.count(f'scope="rowgroup" colspan="3">{name}<') for name in ("cvae", "rgn")] == [1, 1]
    write_report([(None, each) for each in results[:2]], page, columns[:1])
    assert "Side by side" not in page.read_text(), "one machine stands beside nothing"


def test_a_folder_that_holds_a_workload_twice_is_a_column_for_each_run(machine: Callable[..., Result]) -> None:
    views = []
    for number, name in enumerate(("runs/slow", "runs/fast", "more/fast"), 1):
        views.append(view_of(number, Path(name), machine(), views))
    table = side_by_side([(Path("runs"), [0, 1]), (Path("more"), [2])], views)
    assert table is not None
    assert [head.label for head in table.heads] == ["slow", "fast", "more"]
    table = side_by_side([(Path("runs/fast"), [1]), (Path("more/fast"), [2])], views)
    assert table is not None
    assert [head.label for head in table.heads] == ["runs/fast", "more/fast"]


def test_a_workload_that_one_column_lacks_is_said(machine: Callable[..., Result]) -> None:
    other = machine(workload=WorkloadId(name="rgn", version=1))
    views = [view_of(n + 1, None, each, []) for n, each in enumerate((machine(), other, machine()))]
    table = side_by_side([(Path("a"), [0, 1]), (Path("b"), [2])], views)
    assert table is not None
    assert [entry is not None for entry in table.blocks[1].entries] == [True, False]
    assert Key.of("throughput") in {cell.row.key for line in table.blocks[1].lines for cell in line.cells if cell}
