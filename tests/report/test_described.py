"""The machine in rows, and the way back from a report to a run."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.result import Repeat, Result
from levinthal.metrics.machine import describe_machine
from levinthal.report.machine import bytes_words, described, machine_words
from levinthal.report.reproduce import command, settings_toml


def _rows(document: dict[str, object], **options: bool) -> dict[str, str]:
    return {f"{g.heading}: {row.label}": row.value for g in described(document, "Machine", **options) for row in g.rows}


def test_units_reasons_and_nested_tables() -> None:
    rows = _rows(
        {
            "cpu": {"model": "X", "l2_cache": {"bytes": 524288}, "mhz_max": None, "flags": ["avx2", "fma"]},
            "gpus": [{"name": "H200", "memory_bytes": 2**37}],
            "peaks": {"fp32_gflop_s": 112.4321, "copy": {"value": 11.234, "unit": "GB/s"}, "bf16_gflop_s": None,
                      "reasons": {"bf16_gflop_s": "not supported"}},
            "quota": None,
            "quota_reason": "no limit set",
            "smt": True,
            "reasons": {"cpu.mhz_max": "no frequency control"},
        }
    )  # fmt: skip
    assert rows == {
        "Machine: quota": "no limit set",
        "Machine: smt": "yes",
        "CPU: model": "X",
        "CPU: L2 cache · size": "512 KiB",
        "CPU: MHz max": "no frequency control",
        "CPU: flags": "avx2, fma",
        "GPUs 1: name": "H200",
        "GPUs 1: memory": "128 GiB",
        "Peaks: fp32": "112 GFLOP/s",
        "Peaks: copy": "11.2 GB/s",
        "Peaks: bf16": "not supported",
    }


def test_settings_are_shown_as_they_are_typed() -> None:
    rows = _rows({"learning_rate": 0.00012345, "deep": {"on": False}, "path": None}, verbatim=True)
    assert rows == {"Machine: learning_rate": "0.00012345", "Machine: path": "null", "Deep: on": "false"}


def test_this_machine_is_described_whole() -> None:
    machine = describe_machine()
    shown = json.dumps([row.value for group in described(machine, "Machine") for row in group.rows])
    assert str(machine["cpu"]["model"]) in shown
    assert f"{machine['cpu']['threads']} cores" in machine_words(machine) or "core" in machine_words(machine)


def test_machine_in_words() -> None:
    machine = {
        "cpu": {"model": "EPYC", "cores": 2},
        "memory": {"total_bytes": 8 * 2**30},
        "gpus": [{"name": "H200"}, {"name": "H200"}],
    }
    assert machine_words(machine) == "EPYC, 2 cores, 8 GiB memory, 2 × H200"
    assert machine_words({}) == "a machine that was not described"
    assert machine_words({"cpu": 3, "gpus": "none", "memory": {"total_bytes": "much"}}) == machine_words({})


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1023 * 2**20, "1,023 MiB"), (2**50, "1,024 TiB")],
)
def test_bytes(number: int, text: str) -> None:
    assert bytes_words(number) == text


texts = st.text(st.characters(exclude_categories=("Cs",)))
toml_values = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, toml_values, max_size=5))
def test_settings_survive_the_way_through_toml(settings: dict[str, object]) -> None:
    assert tomllib.loads(settings_toml(settings)) == settings


def test_a_null_is_left_out() -> None:
    assert tomllib.loads(settings_toml({"a": None, "b": 1})) == {"b": 1}


def test_the_command_repeats_the_run(make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]) -> None:
    result = make_result(3)
    assert command(result, config=False) == (
        "levinthal run cvae --size tiny --repeats 3 --seed 41 --device cpu --precision bf16"
    )
    assert "--config settings.toml" in command(result, config=True)
    hostile = result.model_copy(update={"size": "tiny; rm -rf ~"})
    assert shlex.split(command(hostile, config=False))[4] == "tiny; rm -rf ~"
    assert command(make_result(repeats=(), verdict="failed"), config=False).endswith("--repeats 1")
