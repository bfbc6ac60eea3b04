"""Precisions against each other: what is faster and right is recommended, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from levinthal.harness.results.store import load_result

QUICK = ("precision", "oracle", "--set", "answer_s=0.0005", "--out", "r")


def test_the_fastest_that_is_right_is_recommended(tmp_path: Path, levinthal):
    done = levinthal(*QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "Recommended here: low."
    result = load_result(tmp_path / "r")
    (repeat,) = result.repeats
    found = {each.partition(":")[0]: each for each in repeat.findings}
    assert found["low"].startswith("low: faster and right")
    # the answers are within the tolerance, and yet none is the one that would have been chosen
    assert found["coarse"].startswith("coarse: faster and wrong")
    assert found["broken"].startswith("broken: faster and wrong: ")
    assert "largest deviation 18 of the tolerance" in found["broken"]
    assert "not finite" in found["empty"]
    assert found["same"].startswith("same: right; cannot tell whether it is faster")
    for precision, reason in (("tf32", "only a GPU has tf32"), ("lacking", "no such arithmetic here")):
        summary = result.summary["answers", {"precision": precision}]
        assert summary.median is None
        assert reason in str(summary.reason)
    assert 1.5 < result.summary["speed-up", {"precision": "low"}].median < 4.0
    assert result.summary["largest deviation over the tolerance", {"precision": "coarse"}].median == 0.5
    assert levinthal("check", "r").returncode == 0


def test_without_one_the_first_stays(levinthal):
    done = levinthal(*QUICK, "--precisions", "broken,same")
    assert done.stdout.splitlines()[-1].startswith("Recommended here: fp32; no other is told to be both faster")


def test_a_first_precision_that_is_wrong_has_no_speed(tmp_path: Path, levinthal):
    done = levinthal(*QUICK, "--precisions", "low", "--set", "mode=crooked")
    assert done.returncode == 1
    (repeat,) = load_result(tmp_path / "r").repeats
    assert [gate.name for gate in repeat.gates if not gate.passed] == [
        "largest deviation over the tolerance, of what others are compared with"
    ]


@pytest.mark.parametrize(
    ("words", "said"), [(("probe",), "Lowers"), (("oracle", "--precisions", "fp9"), "choose among")]
)
def test_mistakes_are_one_line(words, said, levinthal):
    done = levinthal("precision", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
