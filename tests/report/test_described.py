"""The machine in rows, and the way back from a report to a run."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.result import Repeat, Result
from levinthal.metrics.cpu import Cache
from levinthal.metrics.description import Cpu, Gpu, Machine, Memory, Peaks, Software
from levinthal.metrics.machine import describe_machine
from levinthal.report.machine import (
    Group,
    bytes_words,
    machine_groups,
    machine_words,
    settings_groups,
    software_groups,
)
from levinthal.report.reproduce import command, settings_toml


def _rows(groups: Iterable[Group]) -> dict[str, str]:
    return {f"{group.heading}: {row.label}": row.value for group in groups for row in group.rows}


def test_units_reasons_and_nested_tables() -> None:
    machine = Machine(
        cpu=Cpu(model="X", l2_cache=Cache(524288, 2), instruction_sets=("avx2", "fma")),
        gpus=(Gpu(name="H200", memory_bytes=2**37),),
        reasons={"cpu.mhz_max": "no frequency control"},
    )
    peaks = Peaks(
        device="cpu",
        threads=2,
        fp32_gflop_s=112.4321,
        methods={"fp32_gflop_s": "torch mm"},
        reasons={"bf16_gflop_s": "not supported"},
    )
    rows = _rows(machine_groups(machine, peaks))
    assert {
        "CPU: model": "X",
        "CPU: L2 cache · size": "512 KiB",
        "CPU: L2 cache · instances": "2",
        "CPU: L3 cache": "not known",
        "CPU: MHz max": "no frequency control",
        "CPU: instruction sets": "avx2, fma",
        "GPUs 1: name": "H200",
        "GPUs 1: memory": "128 GiB",
        "Peaks: fp32": "112 GFLOP/s",
        "Peaks: methods · fp32 gflop s": "torch mm",
        "Peaks: bf16": "not supported",
    }.items() <= rows.items()
    nothing = _rows(machine_groups(Machine(reasons={"gpus": "none found"}), None))
    assert nothing["Machine: GPUs"] == "none found"
    assert nothing["Machine: peaks"] == "the workload did not ask for them"


def test_settings_are_shown_as_they_are_typed() -> None:
    rows = _rows(settings_groups({"learning_rate": 0.00012345, "deep": {"on": False}, "path": None}))
    assert rows == {"Settings: learning_rate": "0.00012345", "Settings: path": "null", "Deep: on": "false"}


def test_versions_are_shown_with_those_of_packages() -> None:
    rows = _rows(software_groups(Software(python="3.11.7", packages={"torch": "2.13.0", "openmm": None})))
    assert (rows["Software: python"], rows["Software: torch"], rows["Software: openmm"]) == ("3.11.7", "2.13.0", "null")


def test_this_machine_is_described_whole() -> None:
    machine = describe_machine()
    shown = json.dumps([row.value for group in machine_groups(machine, None) for row in group.rows])
    assert str(machine.cpu.model) in shown
    assert "core" in machine_words(machine)


def test_machine_in_words() -> None:
    machine = Machine(
        cpu=Cpu(model="EPYC", cores=2), memory=Memory(total_bytes=8 * 2**30), gpus=(Gpu(name="H200"),) * 2
    )
    assert machine_words(machine) == "EPYC, 2 cores, 8 GiB memory, 2 × H200"
    assert machine_words(Machine()) == "a machine that was not described"


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
