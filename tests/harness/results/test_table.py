from __future__ import annotations

import sys

import pytest

from levinthal.errors import MissingExtraError
from levinthal.harness.results.result import COLUMNS, Dataset, Metric, Repeat, Result, WorkloadId


def result() -> Result:
    metrics = (
        Metric(name="throughput", value=12.5, unit="frame/s", better="higher"),
        Metric(name="energy", value=None, unit="J", better="lower", reason="no counter"),
    )
    repeats = tuple(
        Repeat(index=i, seed=40 + i, started_utc="2026-01-01T00:00:00+00:00", metrics=metrics, verdict=verdict)
        for i, verdict in enumerate(("passed", "failed"))
    )
    return Result(
        workload=WorkloadId(name="cvae", version=3),
        dataset=Dataset(name="fs-peptide", version="1", synthetic=True),
        size="tiny",
        division="closed",
        settings={},
        machine={},
        software={},
        repeats=repeats,
        summary=(),
        verdict="failed",
    )


def test_a_row_for_each_metric_of_each_repeat() -> None:
    pytest.importorskip("pandas")
    table = result().to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 4
    assert table["value"].isna().tolist() == [False, True, False, True]
    assert table.loc[
        3, ["workload", "size", "seed", "metric", "unit", "better", "kind", "verdict", "reason"]
    ].tolist() == [
        "cvae",
        "tiny",
        41,
        "energy",
        "J",
        "lower",
        "speed",
        "failed",
        "no counter",
    ]
    assert str(table["value"].dtype) == "float64"


def test_a_column_for_each_label() -> None:
    pytest.importorskip("pandas")
    (repeat, _) = result().repeats
    metrics = [
        Metric(name="cells seen", labels=labels, value=1.0, unit="1", better="higher")
        for labels in ({"policy": "dbscan", "lag": 10}, {"size": "large"})
    ]
    table = result().model_copy(update={"repeats": (repeat.model_copy(update={"metrics": metrics}),)}).to_pandas()
    assert tuple(table.columns) == (*COLUMNS[:5], "policy", "lag", "label size", *COLUMNS[5:])
    assert table["policy"].dropna().tolist() == ["dbscan"]
    assert table.loc[table["label size"] == "large", "policy"].isna().tolist() == [True]
    assert table.set_index("metric")["lag"].dropna().tolist() == [10]


def test_a_result_without_repeats_gives_an_empty_table() -> None:
    pytest.importorskip("pandas")
    table = result().model_copy(update={"repeats": ()}).to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert table.empty


def test_without_pandas_there_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'levinthal\[pandas\]'"):
        result().to_pandas()
