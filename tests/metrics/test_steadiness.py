"""A program that holds a core is noticed, an idle machine is not accused, and a disturbed choice is made again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from levinthal.metrics import steadiness
from levinthal.metrics.steadiness import Control, disturbance, measure_control, measured_steadily

QUIET = Control(0.003, 0.99)


@pytest.fixture
def hog():
    """Hold one of the cores that this process may use."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("needs cores to pin to")
    core = min(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", program])
    yield core
    process.kill()
    process.wait()


def test_a_program_that_holds_a_core_is_noticed(hog):
    told = disturbance(measure_control(), measure_control())
    assert told is not None
    assert "other programs held a core" in told
    assert hog in os.sched_getaffinity(0)  # the pinning was undone


def test_what_moved_is_told_and_what_did_not_is_not():
    assert disturbance(QUIET, Control(0.0033, 0.98)) is None
    assert "20 % longer" in disturbance(QUIET, Control(0.0036, 0.99))
    assert "33 % less" in disturbance(QUIET, Control(0.002, 0.99))
    assert "got 50 %" in disturbance(QUIET, Control(0.003, 0.5))


@pytest.mark.parametrize(
    ("controls", "measured", "disturbed"),
    [
        ([QUIET, QUIET], 1, False),
        ([QUIET, Control(0.006, 0.5), QUIET, QUIET], 2, False),
        ([QUIET, Control(0.006, 0.5), QUIET, Control(0.006, 0.5)], 2, True),
    ],
)
def test_a_choice_on_a_disturbed_machine_is_made_again_once(monkeypatch, controls, measured, disturbed):
    given = iter(controls)
    monkeypatch.setattr(steadiness, "measure_control", lambda: next(given))
    calls = []
    found, why = measured_steadily(lambda: calls.append(1) or len(calls))
    assert (found, len(calls), why is not None) == (measured, measured, disturbed)
    assert list(given) == []
