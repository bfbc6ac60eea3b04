"""Reading results: every kind of damage is one line; writing them: whole or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import levinthal
from levinthal.errors import MissingExtraError, ResultError
from levinthal.harness.results.result import Dataset, Gate, Metric, Phase, Repeat, Result, Samples, WorkloadId
from levinthal.harness.results.store import load_result, write_result
from levinthal.harness.results.summary import summarise


def example(n_repeats: int = 3, **changes: object) -> Result:
    repeats = tuple(
        Repeat(
            index=index,
            seed=index,
            started_utc="2026-01-01T00:00:00+00:00",
            duration_s=2.0,
            phases=(Phase(name="work", start_s=0.1, duration_s=1.5, items=10, energy_reason="no counter"),),
            metrics=(
                Metric(name="rate", value=10.0 + index, unit="item/s", better="higher"),
                Metric(name="energy", value=None, unit="J", better="lower", reason="no counter"),
            ),
            samples=(Samples(name="latency", unit="ms", values=(1.0, None, 2.0)),),
            gates=(Gate(name="right", value=0.1, at_most=1.0, passed=True),),
            dataset=Dataset(name="d", version="1", sha256="0" * 64, synthetic=True),
            verdict="passed",
        )
        for index in range(n_repeats)
    )
    fields = {
        "workload": WorkloadId(name="w", version=1),
        "dataset": repeats[0].dataset,
        "size": "tiny",
        "division": "closed",
        "settings": {"a": 1},
        "machine": {},
        "software": {},
        "repeats": repeats,
        "summary": summarise(repeats),
        "verdict": "passed",
    }
    return Result(**{**fields, **changes})


def test_a_result_survives_its_file(tmp_path):
    result = example()
    write_result(result, tmp_path / "result.json")
    assert load_result(tmp_path) == result
    assert levinthal.load_result(tmp_path / "result.json") == result
    assert json.loads((tmp_path / "result.json").read_text())["schema"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@given(cut=st.floats(0, 0.999))
def test_a_truncated_file_is_one_line(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("r")
    text = example().to_json()
    (folder / "result.json").write_text(text[: int(len(text.rstrip()) * cut)])
    with pytest.raises(ResultError) as caught:
        load_result(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not whole JSON"),
        ("null", "is not a Levinthal result"),
        ("[]", "is not a Levinthal result"),
        ("{}", "is not a Levinthal result"),
        ('{"schema": 99}', "has schema 99, this Levinthal reads up to 3: upgrade"),
        ('{"schema": 1}', "workload"),
        ('{"schema": "one"}', "schema"),
        ("[" * 200_000, "not whole JSON"),
        ('{"schema": NaN}', "not whole JSON"),
        ("\udcff", "not whole JSON"),
    ],
    ids=range(10),
)
def test_what_is_no_result_is_one_line(tmp_path, text, says):
    (tmp_path / "result.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ResultError, match=says):
        load_result(tmp_path)


def test_numbers_that_cannot_be_are_refused(tmp_path):
    for old, new in (
        ('"value":10.0', '"value":1e999'),
        ('"passed":true', '"passed":false'),
        ('"reason":"no counter"},{"name":"rate"', '"reason":null},{"name":"rate"'),
        ('"better":"higher"', '"better":"sideways"'),
        ('"verdict":"passed"', '"verdict":"splendid"'),
        ('"start_s":0.1', '"start_s":-1.0'),
        ('"size":"tiny"', '"size":"tiny","extra":1'),
    ):
        text = example().model_dump_json(by_alias=True)
        if old in text:
            (tmp_path / "result.json").write_text(text.replace(old, new))
            with pytest.raises(ResultError):
                load_result(tmp_path)


def test_a_null_metric_needs_a_reason():
    with pytest.raises(ValueError, match="without a reason"):
        Metric(name="x", value=None, unit="s", better="lower")


def test_pandas_table_is_tidy():
    pandas = pytest.importorskip("pandas")
    table = example().to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert len(table) == 6
    assert table.loc[table.metric == "rate", "value"].tolist() == [10.0, 11.0, 12.0]


def test_without_pandas_the_install_command_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'levinthal\[pandas\]'"):
        example().to_pandas()
