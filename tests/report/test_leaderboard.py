"""The leaderboard: who is ranked and who is not, and that nothing in a folder tree can become markup or a way out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from html_pages import HOSTILE, Page
from levinthal.commands.results import report
from levinthal.errors import ResultError, UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.result import Dataset, Gate, Metric, Repeat, Result, WorkloadId
from levinthal.harness.results.summary import summarise
from levinthal.report.leaderboard import tree
from levinthal.report.leaderboard.entry import Entry, Figure, Unread, judge
from levinthal.report.leaderboard.page import grouped, policy_of, render_board, write_leaderboard
from levinthal.report.leaderboard.tree import find_runs

DATA = Dataset(name="made-up hairpin", version="1", sha256="ab" * 32, synthetic=True)
ADDRESS = re.compile(r"[\w%./~-]+")


@pytest.fixture
def leave(
    tmp_path: Path, make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]
) -> Callable[..., Result]:
    """Leave a run of `cvae` that keeps the rules, with a training rate, in a folder of `runs`."""
    workload = load_workload("cvae")
    preset = make_settings(workload.Settings, "tiny").model_dump(mode="json")

    def write(
        name: str, rate: float = 500.0, *, passed: bool = True, better: str = "higher", **changes: object
    ) -> Result:
        repeats = tuple(
            make_repeat(
                index,
                passed=passed,
                dataset=DATA,
                metrics=(
                    Metric(
                        name="training rate",
                        value=rate + index if passed else None,
                        unit="frame/s",
                        better=better,
                        withheld=None if passed else rate + index,
                        reason=None if passed else "gate missed: reconstruction",
                    ),
                ),
                gates=(Gate(name="reconstruction", value=0.2 if passed else 0.4, at_most=0.35, passed=passed),),
            )
            for index in range(3)
        )
        values: dict[str, object] = {
            "schema": 3,
            "repeats": repeats,
            "summary": summarise(repeats),
            "dataset": DATA,
            "workload": WorkloadId(name="cvae", version=workload.version),
            "settings": preset,
            "machine": {
                "cpu": {"model": f"Chip of {name}", "threads": 2},
                "memory": {"total_bytes": 2**30},
                "system": {"name": "Linux"},
            },
            "software": {"python": "3.11.7", "levinthal": "0.1.0", "code_sha256": "cd" * 32},
        }
        result = make_result(**{"repeats": repeats, **values, **changes})
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(result.to_json())
        return result

    return write


def _judged(root: Path) -> list[Entry | Unread]:
    return [judge(each, root.parent) for each in find_runs(root)]


def _ranks(root: Path) -> list[tuple[int | None, str]]:
    entries = [each for each in _judged(root) if isinstance(each, Entry)]
    return [(row.rank, row.entry.name) for group in grouped(entries) for row in group.rows]


def test_the_best_is_first_and_equals_share_a_rank(tmp_path: Path, leave: Callable[..., Result]) -> None:
    for name, rate in (("slow", 100.0), ("fast", 900.0), ("b", 500.0), ("a", 500.0)):
        leave(name, rate)
    assert _ranks(tmp_path / "runs") == [(1, "fast"), (2, "a"), (2, "b"), (4, "slow")]


def test_where_lower_is_better_the_lowest_is_first(tmp_path: Path, leave: Callable[..., Result]) -> None:
    leave("much", 900.0, better="lower")
    leave("little", 100.0, better="lower")
    assert _ranks(tmp_path / "runs") == [(1, "little"), (2, "much")]


def test_other_versions_sizes_divisions_are_ranked_apart(tmp_path: Path, leave: Callable[..., Result]) -> None:
    leave("one", 100.0)
    version = load_workload("cvae").version
    leave("two", 200.0, workload=WorkloadId(name="cvae", version=version - 1))
    small = make_settings(load_workload("cvae").Settings, "small").model_dump(mode="json")
    leave("three", 300.0, size="small", settings=small)
    leave("four", 400.0, division="open", settings={**leave("five", 50.0).settings, "epochs": 3})
    assert sorted(_ranks(tmp_path / "runs"), key=str) == [
        (1, "four"), (1, "one"), (1, "three"), (1, "two"), (2, "five"),
    ]  # fmt: skip


def test_what_failed_or_breaks_a_rule_is_listed_and_never_ranked(tmp_path: Path, leave: Callable[..., Result]) -> None:
    honest = leave("honest", 500.0)
    leave("failed", 7001.0, passed=False)
    leave("tuned", 8001.0, settings={**honest.settings, "epochs": 3})
    summary = honest.summary[("training rate", {})].model_copy(update={"median": 9001.0})
    leave("edited", 500.0, summary=(summary,))
    assert _ranks(tmp_path / "runs") == [(1, "honest"), (None, "edited"), (None, "failed"), (None, "tuned")]
    entries = {each.name: each for each in _judged(tmp_path / "runs") if isinstance(each, Entry)}
    assert entries["failed"].reason == "a gate was missed, or a repeat failed"
    assert entries["tuned"].reason == "1 rule is broken"
    assert entries["tuned"].broken[0].startswith("division follows settings: ")
    assert "summary follows repeats" in entries["edited"].broken[0]
    text = Page(render_board(list(entries.values()))).text
    assert not re.search("7,?001|8,?001", text), "a run without a rank shows a figure"
    assert re.search(r"501\S* frame/s", text)


def test_a_workload_that_is_not_here_has_no_rank(tmp_path: Path, leave: Callable[..., Result]) -> None:
    leave("theirs", workload=WorkloadId(name="somebodys_own", version=1))
    (entry,) = _judged(tmp_path / "runs")
    assert isinstance(entry, Entry)
    assert entry.reason == "workload somebodys_own declares no figures of merit"
    assert "no figure of merit" in render_board([entry])


def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, leave: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "runs"
    leave("whole")
    for name, text in (("cut", '{"schema": 3'), ("newer", '{"schema": 99}'), ("deep", "[" * 100_000), ("list", "[]")):
        (root / name).mkdir()
        (root / name / "result.json").write_text(text)
    (root / "linked").mkdir()
    (root / "linked/result.json").symlink_to(root / "whole/result.json")
    (root / "begun").mkdir()
    (root / "begun/plan.json").write_text("{}")
    (root / "folder/result.json").mkdir(parents=True)
    (root / "pipe").mkdir()
    os.mkfifo(root / "pipe/result.json")
    monkeypatch.setattr(tree, "MAX_BYTES", 20_000)
    (root / "large").mkdir()
    (root / "large/result.json").write_text(" " * 20_001)
    unread = {each.name: each.reason for each in _judged(root) if isinstance(each, Unread)}
    assert sorted(unread) == ["begun", "cut", "deep", "folder", "large", "linked", "list", "newer", "pipe"]
    assert unread["linked"] == "result.json is a link, and links are not followed"
    assert "not whole JSON" in unread["cut"]
    assert "levinthal resume" in unread["begun"]
    assert not any("\n" in reason or str(tmp_path) in reason for reason in unread.values())
    assert str(tmp_path) not in render_board(_judged(root))


def test_the_tree_is_not_left_by_links_and_repeats_are_no_runs(tmp_path: Path, leave: Callable[..., Result]) -> None:
    leave("run")
    leave("run/repeats/000")
    leave(".hidden/run")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/result.json").write_text("{}")
    (tmp_path / "runs/out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "runs/round").symlink_to(tmp_path / "runs", target_is_directory=True)
    assert [each.name for each in find_runs(tmp_path / "runs")] == ["run"]
    assert [each.name for each in find_runs(tmp_path / "runs/run")] == ["run"]


def test_a_tree_of_too_many_runs_and_none_at_all_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there is no run"):
        write_leaderboard([tmp_path / "empty"], tmp_path / "page.html")
    with pytest.raises(UsageError, match="does not exist"):
        write_leaderboard([tmp_path / "nowhere"], tmp_path / "page.html")
    for number in range(3):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/plan.json").touch()
    monkeypatch.setattr(tree, "MAX_RUNS", 2)
    with pytest.raises(UsageError, match="more than 2 runs"):
        find_runs(tmp_path)
    precious = tmp_path / "result.txt"
    precious.write_text("{}")
    with pytest.raises(ResultError, match="not an HTML file"):
        write_leaderboard([tmp_path], precious)


def test_the_command_writes_a_page_with_links_that_lead_to_the_runs(
    tmp_path: Path, leave: Callable[..., Result]
) -> None:
    for name in ("plain", "javascript:alert(1)", 'x" onclick="y', "a b#c?d", "50%25", "zeile\nzwei", "Süd"):
        leave(name)
    (tmp_path / "runs/plain/report.html").write_text("<!doctype html>")
    (tmp_path / "runs/Süd/report.html").symlink_to("/etc/hostname")
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages/board.html"
    report([tmp_path / "runs"], page, leaderboard=True)
    links = [attributes["href"] or "" for attributes in Page(page.read_text()).all("a")]
    assert len(links) == 8, "one for each result, and one for the report that is a file"
    for link in links:
        assert ADDRESS.fullmatch(link)
        target = Path(os.fsdecode(os.path.join(os.fsencode(page.parent), unquote_to_bytes(link))))  # noqa: PTH118
        assert target.is_file()
        assert target.resolve().is_relative_to(tmp_path / "runs")


def _entry(word: str) -> Entry:
    figure = Figure(word, word, "higher", 1.0, "1.0", "1.0", word)
    return Entry(
        name=word, report="runs/a/report.html", result="runs/a/result.json", workload=word, version=1, size=word,
        division="closed", machine=word, passed=True, repeats="1 of 1", synthetic=True, date=word, figure=figure,
        others=(figure,), broken=(), n_broken=0, has_journal=False, reason="",
    )  # fmt: skip


def _board(word: str) -> str:
    out = replace(_entry(word), name=f"{word} 2", broken=(word,), n_broken=1, reason=word)
    return render_board([_entry(word), out, Unread(word, word)])


@settings(max_examples=40)
@given(st.text(min_size=1))
def test_whatever_a_result_says_stays_text(word: str) -> None:
    tame, page = Page(_board("tame")), Page(_board(word))
    shape = [[(tag, sorted(attributes)) for tag, attributes in each.elements] for each in (tame, page)]
    assert shape[0] == shape[1]
    assert [each["href"] for each in page.all("a")] == [each["href"] for each in tame.all("a")]
    assert len(list(page.all("script"))) == 1


for _word in HOSTILE:
    test_whatever_a_result_says_stays_text = example(_word)(test_whatever_a_result_says_stays_text)


def test_a_hostile_result_is_a_row_like_any_other(tmp_path: Path, leave: Callable[..., Result]) -> None:
    word = "<script>alert(1)</script>\u202e"
    leave("bad", size=word, workload=WorkloadId(name=word, version=1), machine={"cpu": {"model": word * 1000}})
    (entry,) = _judged(tmp_path / "runs")
    assert isinstance(entry, Entry)
    source = render_board([entry])
    assert "<script>alert" not in source
    assert "\u202e" not in source
    assert len(entry.machine) < 200


SORTED = """(() => {
    const table = document.getElementById('board'), heads = table.tHead.rows[0].cells;
    const names = (body) => [...body.rows].slice(1).map((row) => row.cells[1].innerText).join();
    const order = () => [...table.tBodies].map(names).join('|');
    const said = [order()];
    for (const n of [0, 1, 1, 4, 4]) {
        heads[n].querySelector('button').focus();
        document.activeElement.click();
        said.push(heads[n].getAttribute('aria-sort') + ' ' + order());
    }
    const size = document.querySelector('select[name=size]');
    size.value = '=small';
    size.dispatchEvent(new Event('change'));
    said.push([...table.tBodies].filter((b) => !b.hidden).length + ' ' + document.getElementById('said').innerText);
    return said.join('; ');
})()"""


@pytest.fixture
def board(tmp_path: Path, leave: Callable[..., Result]) -> tuple[Path, str]:
    """A page of five runs in two groups, and its policy."""
    leave("m", 900.0)
    leave("z", 500.0)
    leave("a", 90.0)
    leave("b", passed=False)
    small = make_settings(load_workload("cvae").Settings, "small").model_dump(mode="json")
    leave("s", 300.0, size="small", settings=small, machine={
        "cpu": {"model": "a machine with a very long name " * 4, "threads": 2}, "memory": {"total_bytes": 2**30},
        "system": {"name": "Linux"},
    })  # fmt: skip
    page = tmp_path / "leaderboard.html"
    write_leaderboard([tmp_path / "runs"], page)
    script = page.read_text().partition("<script>")[2].partition("</script>")[0]
    return page, policy_of(script)


def test_heads_sort_and_filters_filter(board: tuple[Path, str], evaluated: Callable[..., str]) -> None:
    assert evaluated(*board, SORTED, 1280).split("; ") == [
        "s|m,z,a,b",
        "descending s|a,z,m,b",
        "ascending s|a,b,m,z",
        "descending s|z,m,b,a",
        "ascending s|z,m,b,a",
        "descending z,m,b,a|s",
        "1 1 run shown",
    ]


def test_its_policy_lets_its_own_script_run(board: tuple[Path, str], chromium: Callable[..., str]) -> None:
    seen = chromium(board[0])
    assert seen.count("<button type=") == 9
    assert "5 runs shown" in seen


def test_on_a_phone_the_value_stays_in_sight(board: tuple[Path, str], evaluated: Callable[..., str]) -> None:
    measure = """(() => {
        const box = document.querySelector('.scroll');
        box.scrollLeft = 10000;
        const seen = [...document.querySelectorAll('.value')].map((each) => each.getBoundingClientRect());
        const root = document.documentElement;
        return [box.scrollLeft > 0, root.scrollWidth <= root.clientWidth,
                seen.every((each) => each.left >= 0 && each.right <= 390 && each.width > 0)].join();
    })()"""
    assert evaluated(*board, measure, 390) == "true,true,true"
