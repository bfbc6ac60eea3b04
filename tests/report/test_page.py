"""The page: what it says, and that nothing in a result can become markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from html_pages import HOSTILE, Page
from levinthal.errors import ResultError, UsageError
from levinthal.harness.results.result import (
    Artifact,
    Comparison,
    Curve,
    Dataset,
    Estimate,
    Gate,
    Metric,
    Phase,
    Repeat,
    Result,
    Samples,
    Summary,
    Terms,
    WorkloadId,
)
from levinthal.report import write_report
from levinthal.report.page import POLICY, render
from levinthal.report.view import view_of

MakeResult = Callable[..., Result]
MakeRepeat = Callable[..., Repeat]


def _page(*results: Result, folder: Path | None = None) -> Page:
    return Page(render([(folder, result) for result in results]))


def _hostile_result(word: str) -> Result:
    repeat = Repeat(
        index=0,
        seed=1,
        started_utc=word,
        duration_s=3.0,
        device=word,
        precision=word,
        phases=(Phase(name=word, lane=word, start_s=0.0, duration_s=2.0, energy_reason=word),),
        metrics=(
            Metric(name=word, value=1.5, unit=word, better="higher", kind="quality"),
            Metric(name=f"{word} 2", value=None, unit=word, better="lower", reason=word),
        ),
        samples=(Samples(name=word, labels={word: word}, unit=word, values=(1.0,)),),
        curves=(
            Curve(name=word, labels={word: word}, x=(0.0, 1.0), y=(1.0, 2.0), x_name=word, x_unit=word, unit=word),
        ),
        gates=(
            Gate(name=word, value=None, at_most=1.0, passed=False, advice=word),
            Gate(name=word, labels={word: word}, value=None, at_most=1.0, passed=False, kind="sanity", advice=word),
        ),
        warnings=(word,),
        estimates=(Estimate(sentence=word, duration_s=2.0),),
        findings=(word,),
        notes=(word,),
        artifacts=(Artifact(name=word, path=f"../{word}", caption=word, sha256="0" * 64),),
        error=word,
        verdict="failed",
    )
    return Result(
        schema=2,
        workload=WorkloadId(name=word, version=1),
        dataset=Dataset(name=word, version=word, synthetic=True),
        size=word,
        division="open",
        settings={word: word, "nested": {word: [word, {word: None}]}},
        machine={"cpu": {"model": word}, "gpus": [{"name": word}], "reasons": {"cpu.cores": word}},
        software={"packages": {word: word}},
        repeats=(repeat,),
        summary=(
            Summary(name=word, unit=word, better="higher", kind="quality", n=0, median=2.0, ci95=None, reason=word),
        ),
        verdict="failed",
    )


def _beside(word: str) -> Page:
    columns = [(Path(word.replace("/", "")), [0]), (Path("other"), [1])]
    return Page(render([(None, _hostile_result(word))] * 2, None, columns))


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("made", [lambda word: _page(_hostile_result(word)), _beside], ids=["one", "side by side"])
def test_hostile_text_stays_text(word: str, made: Callable[[str], Page]) -> None:
    tame, page = made("tame"), made(word)
    assert [(tag, sorted(attributes)) for tag, attributes in page.elements] == [
        (tag, sorted(attributes)) for tag, attributes in tame.elements
    ], "the text changed the structure of the page"
    for tag, attributes in page.elements:
        assert tag not in {"script", "iframe", "object", "embed", "form", "base", "link"}
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "a":
            assert re.fullmatch(r"#result-\d+", attributes["href"] or "")
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")
        assert "url(" not in (attributes.get("style") or "")


def test_hidden_characters_are_made_visible() -> None:
    source = render([(None, _hostile_result("\u202egnp.exe\u0000\u001b[31m\ud800"))])
    assert not {"\u202e", "\x00", "\x1b", "\ud800"} & set(source)
    assert "\N{REPLACEMENT CHARACTER}gnp.exe" in source


def test_the_policy_comes_before_anything_that_could_load(make_result: MakeResult) -> None:
    source = render([(None, make_result())])
    page = Page(source)
    assert [tag for tag, _ in page.elements[:4]] == ["html", "head", "meta", "meta"]
    assert page.elements[3][1] == {"http-equiv": "Content-Security-Policy", "content": POLICY}
    assert POLICY.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert "http://" not in source.replace("http://www.w3.org", "")
    assert "https://" not in source


def test_a_passed_run_in_words_and_numbers(make_result: MakeResult) -> None:
    page = _page(make_result())
    assert "All 6 repeats met the gate. A repeat took 10.0 s (median)." in page.text
    assert "Testchip 9, 2 cores, 8 GiB memory ; device cpu, precision bf16" in page.text.replace("memory;", "memory ;")
    assert "501 frame/s" in page.text
    assert "495 to 510" in page.text
    assert "not measured: no counter is readable" in page.text
    assert "too few repeats" in page.text
    assert "two or more phases at once for 2.00 s; no phase for 2.00 s" in page.text
    assert "levinthal run cvae --size tiny --repeats 6 --seed 41 --device cpu --precision bf16" in page.text
    assert any(data.get("title") == "501.0 frame/s" for data in page.all("data")), "full precision is kept"


def test_a_missed_gate_is_named_and_hides_the_speed(make_result: MakeResult) -> None:
    page = _page(make_result(1, failed=(0,)))
    assert "This run failed." in page.text
    assert "The repeat missed the gate reconstruction: 0.400, must be at most 0.350." in page.text
    assert "not reported: no repeat passed, and a repeat that fails reports no speed" in page.text
    assert "measured in those that failed: 0.400" in page.text
    assert "took 10.0 s" not in page.text


def test_speed_is_hidden_even_where_the_file_still_has_it(make_result: MakeResult, make_repeat: MakeRepeat) -> None:
    metric = Metric(name="throughput", value=777.0, unit="frame/s", better="higher")
    summary = (Summary(name="throughput", unit="frame/s", better="higher", n=1, median=777.0, ci95=None, reason="one"),)
    tampered = make_repeat(0, passed=False, metrics=(metric,))
    assert "777" not in render([(None, make_result(repeats=(tampered,), summary=summary))])


def test_some_repeats_failed(make_result: MakeResult, make_repeat: MakeRepeat) -> None:
    few = {"n": 1, "median": 500.0, "ci95": None, "reason": "too few repeats"}
    summary = (Summary(name="throughput", unit="frame/s", better="higher", **few),)
    dead = make_repeat(
        2, passed=False, metrics=(), gates=(), duration_s=None, error="its process was killed by SIGKILL"
    )
    page = _page(make_result(repeats=(make_repeat(0), make_repeat(1, passed=False), dead), summary=summary))
    assert "2 of 3 repeats failed." in page.text
    assert "Repeat 2 missed the gate reconstruction" in page.text
    assert "Repeat 3 ended with an error: its process was killed by SIGKILL" in page.text
    assert "The speeds below come from the repeats that passed." in page.text
    assert "withheld" in page.text
    assert "reconstruction ✗ failed 0.400 at most 0.350 1 of 2 1 did not reach it" in page.text
    assert "No figure has an interval: too few repeats" in page.text
    assert "until the end of its last phase" in page.text


def test_the_card_opens_with_the_figures_that_the_workload_declares(make_result: MakeResult, monkeypatch) -> None:
    declared = type("Declared", (), {"main_figures": ("reconstruction", "energy", "throughput")})
    monkeypatch.setattr("levinthal.harness.contract.main_figures.load_workload", lambda name: declared())
    order = [row.name for row in view_of(1, None, make_result(), ()).headline]
    assert order == ["reconstruction", "throughput"]  # what was not measured has no readout
    monkeypatch.setattr(declared, "main_figures", ("nothing of this run",))
    assert [row.name for row in view_of(1, None, make_result(), ()).headline] == ["throughput", "reconstruction"]


def test_synthetic_data_are_marked_wherever_their_numbers_are(make_result: MakeResult) -> None:
    page = _page(make_result())
    marked = "synthetic data"
    for heading in ("cvae, tiny ✓ passed", "Figures", "Curves", "Raw samples", "Each repeat"):
        assert f"{heading} {marked}" in page.text
    real = make_result(dataset=Dataset(name="mine", version="1", synthetic=False))
    assert marked not in _page(real).text


def test_several_results_have_an_overview_that_leads_to_them(make_result: MakeResult) -> None:
    other = make_result(2, workload=WorkloadId(name="sampling", version=1))
    page = _page(make_result(), other)
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for attributes in page.all("a")]
    assert links.count("#result-1") == 3  # card, overview, and the machine described there
    assert all((link or "")[1:] in ids for link in links)
    assert len(ids - {None}) == len([a for _, a in page.elements if a.get("id")]), "no id is used twice"
    assert "The same machine and software as in cvae, tiny" in page.text


def test_many_repeats_are_cut_into_tables_that_fit_a_sheet(make_result: MakeResult, make_repeat: MakeRepeat) -> None:
    page = _page(make_result(12))
    for number in (1, 5, 6, 10, 11, 12):
        assert f"Repeat {number}" in page.text
    assert "Repeats 6 to 10 of cvae, tiny" in page.text


def test_pictures_are_embedded_or_said_to_be_missing(
    tmp_path: Path, make_result: MakeResult, make_repeat: MakeRepeat, artifact_in: Callable[..., Artifact]
) -> None:
    good = artifact_in(tmp_path, "repeats/0/latent.svg")
    gone = good.model_copy(update={"name": "map.png", "path": "../../etc/passwd"})
    page = _page(make_result(repeats=(make_repeat(artifacts=(good, gone)),)), folder=tmp_path)
    (image,) = page.all("img")
    assert image["alt"] == "Latent space"
    assert "map.png is refused: its path leaves the run folder." in page.text


def test_tables_have_captions_and_scopes(make_result: MakeResult) -> None:
    page = _page(make_result(), make_result(1, failed=(0,)))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table")
    assert all(header.get("scope") for header in page.all("th"))
    levels = [int(tag[1]) for tag in tags if tag in {"h1", "h2", "h3"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))


@pytest.mark.parametrize(
    "changes", [{"repeats": (), "summary": (), "verdict": "failed"}, {"settings": {}, "machine": {}}]
)
def test_an_almost_empty_result_has_a_page(make_result: MakeResult, changes: dict[str, object]) -> None:
    assert "How to reproduce" in _page(make_result(**changes)).text


def test_the_file_is_written_whole_and_replaces_an_older_report(tmp_path: Path, make_result: MakeResult) -> None:
    output = tmp_path / "report.html"
    for n in (1, 2):
        write_report([(None, make_result(n))], output)
        assert output.read_text(encoding="utf-8") == render([(None, make_result(n))])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_is_one_line(tmp_path: Path, make_result: MakeResult) -> None:
    results = [(None, make_result(1))]
    with pytest.raises(UsageError, match="at least one result"):
        write_report([], tmp_path / "report.html")
    with pytest.raises(ResultError, match="is a folder"):
        write_report(results, tmp_path)
    with pytest.raises(ResultError, match="cannot write"):
        write_report(results, tmp_path / "no" / "such" / "report.html")
    precious = tmp_path / "result.json"
    precious.write_text("{}")
    with pytest.raises(ResultError, match="not an HTML file"):
        write_report(results, precious)
    assert precious.read_text() == "{}"


def test_comparisons_are_shown_with_their_verdicts(make_result: MakeResult, make_repeat: MakeRepeat) -> None:
    told = {"candidate": "mine", "baseline": "plain", "terms": Terms(amount=60.0, unit="core-seconds")}
    repeat = make_repeat(
        comparisons=(
            Comparison(name="faster", **told, value=2.5, low=1.4, high=4.1, n=16, verdict="faster"),
            Comparison(name="greater", **told, value=1.1, low=0.9, high=1.3, n=16, verdict="can't tell"),
            Comparison(name="better", **told, value=None, n=0, verdict="can't tell", reason="<no reference>"),
        )
    )
    page = render([(None, make_result(repeats=(repeat,)))])
    words = " ".join(" ".join(Page(page).words).split())
    assert "60 core-seconds each faster mine plain 2.5 1.4 to 4.1 16 faster" in words
    assert "1.1 0.90 to 1.3 16 can't tell" in words
    assert "not measured: <no reference>" in words
    assert "<no reference>" not in page


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [(2.0, 1.5, 3.0, "can't tell"), (2.0, 0.5, 3.0, "faster"), (2.0, None, None, "faster")],
)
def test_a_verdict_that_its_interval_does_not_bear_is_refused(value, low, high, verdict) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="its interval does not"):
        Comparison(
            name="faster",
            candidate="a",
            baseline="b",
            terms=Terms(amount=None, unit="t"),
            value=value,
            low=low,
            high=high,
            n=3,
            verdict=verdict,
        )
