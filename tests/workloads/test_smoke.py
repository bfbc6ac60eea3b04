"""The size `smoke` of the workloads that train long at others: it passes, in seconds, and has its figures of merit."""

from __future__ import annotations

import json

import pytest

from levinthal.harness.results.store import load_result


@pytest.mark.slow
@pytest.mark.parametrize("workload", ["cvae", "rgn"])
def test_smoke_passes_and_has_figures_of_merit(levinthal, tmp_path, workload):
    done = levinthal("run", workload, "--size", "smoke", "--out", "r", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    result = load_result(tmp_path / "r")
    assert result.division == "closed"
    told = {gate.name for gate in result.repeats[0].gates}
    assert {
        "deviation of gradients from plain torch in double precision",
        "loss after training over that before",
    } < told
    assert levinthal("fom", "r").returncode == 0
    merit = json.loads((tmp_path / "r/fom.json").read_text())
    assert "training" in json.dumps(merit)


def test_the_help_names_smoke(levinthal):
    assert "smoke" in levinthal("run", "--help").stdout
