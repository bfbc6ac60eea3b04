"""Figures of merit: lines that other programs read, a suite's number against its formula, and when it is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.workload import FigureOfMerit
from levinthal.harness.review.merit import Merit, Provenance, Reference, read_reference
from levinthal.harness.review.suite import reference_lines, suite_merit
from levinthal.metrics.description import Cpu

PROVENANCE = Provenance(
    machine=Cpu(model="Reference 1"), memory_bytes=None, python="3.11", levinthal="0.1.0", code_sha256=None,
    packages={}, measured_utc="2026-11-29T00:00:00+00:00", n_repeats=5,
)  # fmt: skip


def merit(name: str = "training", values: tuple[float, ...] = (10.0,), **changed: object) -> Merit:
    given = {
        "workload": "cvae", "name": name, "version": 1, "size": "tiny", "division": "closed", "unit": "frame/s",
        "better": "higher", "weight": 1.0, "values": values, "gates": "passed", **changed,
    }  # fmt: skip
    return Merit.model_validate(given)


def against(*figures: Merit) -> Reference:
    return Reference(provenance=PROVENANCE, figures=figures)


def test_the_line_that_other_programs_read():
    assert merit(values=(1234.5,)).line() == "FOM cvae.training = 1234.5 frames/s gates=passed"
    assert merit(values=(2.0,), unit="ns/day").line() == "FOM cvae.training = 2 ns/day gates=passed"
    assert merit(gates="missed").line() == "FOM cvae.training = - frames/s gates=missed"


def test_the_suite_is_the_weighted_geometric_mean():
    """(2^1 * 4^3 * 0.5^1)^(1/5), the last of a figure of which less is better: 20 s against 10 s."""
    reference = against(
        merit("a", (5.0,)), merit("b", (1.0,), weight=3.0), merit("c", (10.0,), unit="s", better="lower")
    )
    mine = [merit("a", (9.0, 10.0, 30.0)), merit("b", (4.0,)), merit("c", (20.0,), unit="s", better="lower")]
    found = suite_merit([*mine, merit("another")], reference)
    assert found.value == pytest.approx((2.0 * 4.0**3 * 0.5) ** 0.2)
    assert found.interval is None
    assert "an interval needs 5 repeats, there are 1" in found.refused
    assert suite_merit(reference.figures, reference).value == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gates": "missed", "reason": "a gate was missed"}, "a gate was missed"),
        ({"version": 2}, "version 2 of the workload, the reference has 1"),
        ({"size": "small"}, "size small, the reference has tiny"),
        ({"division": "open"}, "open division"),
        ({"unit": "batch/s"}, "in batch/s"),
        ({"values": ()}, "not positive"),
        ({"name": "inference"}, "cvae.training is not there"),
    ],
)
def test_a_suite_that_does_not_compare_has_no_number(changed, said):
    reference = against(merit())
    found = suite_merit([merit(**changed)], reference)
    assert found.value is None
    assert said in found.refused[0]
    if "name" not in changed:
        assert "not compared" in reference_lines([merit(**changed)], reference)[1]


def test_the_interval_holds_the_truth_under_the_null():
    """Two workloads with five repeats of the same machine: 95 % intervals hold 1 in at least nine of ten suites."""
    rng = np.random.default_rng(11)
    reference = against(merit("a", (1.0,)), merit("b", (1.0,), workload="rgn"))
    held = []
    for seed in range(200):
        a, b = np.exp(0.1 * rng.normal(size=(2, 5)))
        found = suite_merit([merit("a", tuple(a)), merit("b", tuple(b), workload="rgn")], reference, seed)
        assert found.interval is not None
        held.append(found.interval[0] <= 1.0 <= found.interval[1])
    assert 0.90 <= np.mean(held) <= 1.0
    faster = suite_merit([merit("a", tuple(2 * a)), merit("b", tuple(2 * b), workload="rgn")], reference)
    assert faster.interval is not None
    assert faster.interval[0] > 1.0  # and a machine twice as fast is told from it


@pytest.mark.parametrize("name", ["cvae", "discovery", "docking", "potential", "rgn", "sampling"])
def test_every_workload_declares_what_machines_are_compared_by(name):
    declared = load_workload(name).figures_of_merit
    assert declared
    assert all(isinstance(each, FigureOfMerit) for each in declared)


def test_a_run_its_reference_and_a_missed_gate(tmp_path: Path, levinthal):
    done = levinthal("run", "probe", "--size", "smoke", "--repeats", "2", "--out", "good")
    assert done.returncode == 0, done.stderr
    done = levinthal("fom", "good", "--make-reference", "reference.json")
    assert done.returncode == 0, done.stderr
    reference = read_reference(tmp_path / "reference.json")
    assert (reference.provenance.n_repeats, len(reference.figures[0].values)) == (2, 2)
    done = levinthal("fom", "good", "--reference", "reference.json")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("FOM probe.rate = ")
    assert first.endswith(" steps/s gates=passed")
    assert last.startswith("FOM suite = 1 times ")
    written = json.loads((tmp_path / "good/fom.json").read_text())
    assert written["suite"]["value"] == pytest.approx(1.0)
    assert written["figures"][0]["value"] == pytest.approx(reference.figures[0].value)
    levinthal("run", "probe", "--size", "smoke", "--set", "mode=miss", "--out", "bad")
    done = levinthal("fom", "bad", "--reference", "reference.json")
    assert done.returncode == 1
    assert done.stdout.startswith("FOM probe.rate = - steps/s gates=missed\nFOM suite = - refused (probe.rate: a gate")
    done = levinthal("fom", "bad", "--make-reference", "other.json")
    assert done.returncode == 2
    assert "probe.rate cannot be a reference" in done.stderr
    assert not (tmp_path / "other.json").exists()
    (tmp_path / "none.json").write_text("{}")
    done = levinthal("fom", "good", "--reference", "none.json")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_comparing_with_the_reference_says_how_many_times_as_good():
    reference = against(merit(values=(10.0, 10.1, 9.9, 10.0, 10.0)))
    mine = merit(values=(20.0, 20.1, 19.9, 20.0, 20.2))
    head, line = reference_lines([mine], reference)
    assert "Reference 1" in head
    ratio, low, high = (float(each.strip("[],")) for each in line.split()[1:4])
    assert low < ratio < high
    assert math.isclose(ratio, 2.0, rel_tol=0.02)
