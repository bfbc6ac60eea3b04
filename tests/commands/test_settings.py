"""`levinthal settings`: what a person would otherwise look up in the source, of plug-ins too."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated, Literal

import pytest
from pydantic import Field

from levinthal.commands.settings_table import settings_lines, type_name
from levinthal.harness.contract.registry import load_workload
from probes import probe_environment


def test_a_plug_in_is_listed_with_types_values_bounds_and_help(levinthal):
    done = levinthal("settings", "probe")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "seconds  (number)  = 0 (smoke), 0.05 (tiny), 0.05 (small), 0.05 (paper)" in lines
    assert lines[lines.index("seconds  (number)  = 0 (smoke), 0.05 (tiny), 0.05 (small), 0.05 (paper)") + 1] == (
        "    How long to sleep. [>= 0]"
    )
    assert "steps  (whole number)  = 5 (smoke), 5 (tiny), 50 (small), 500 (paper)" in lines
    assert "deterministic *  (true | false)  = false" in lines
    assert any(line.startswith("mode  (good | miss | raise") for line in lines)
    assert "unknown: did you mean probe?" in levinthal("settings", "prob").stderr


@pytest.mark.parametrize("name", ["cvae", "rgn", "sampling", "docking"])
@pytest.mark.parametrize("width", [80, 120])
def test_every_key_of_the_four_is_there_and_no_line_is_too_wide(name, width):
    workload = load_workload(name)
    lines = list(settings_lines(workload, width))
    assert max(map(len, lines)) <= width
    for key in workload.Settings.model_fields:
        assert any(line.startswith(f"{key} ") for line in lines), key
    for old in workload.Settings.renamed:
        assert any(old in line for line in lines), old


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "whole number"),
        (bool, "true | false"),
        (Literal["auto", 3], "auto | 3"),
        (int | Literal["auto"], "whole number or auto"),
        (str | None, "text or none"),
        (tuple[int, ...], "list of whole number, as A,B"),
        (Annotated[float, Field(gt=0)], "number"),
    ],
)
def test_types_are_words(annotation, shown):
    assert type_name(annotation) == shown


def test_an_earlier_name_is_one_clean_line():
    program = (
        "import warnings, levinthal.cli as cli\n"
        "cli.app = lambda: warnings.warn(\"setting 'slots' is now 'walkers': use that name\", FutureWarning)\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=probe_environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == f"warning: setting 'slots' is now 'walkers': use that name{os.linesep}"
