"""The workload through the command line: smoke, one's own molecule, a kill, and mistakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.workloads.potential.settings import PotentialSettings
from probes import probe_environment

CHEAP = ("--size", "smoke", "--set", "teacher=mmff")


def repeat_of(folder):
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return repeat


def test_smoke_end_to_end(levinthal, tmp_path):
    pytest.importorskip("tblite")
    done = levinthal("run", "potential", "--size", "smoke", "--set", "reference_frames=20", "--seed", "1", "--out", "a")
    repeat = repeat_of(tmp_path / "a")
    gates = {gate.name: gate for gate in repeat.gates}
    assert gates["force error"].passed
    assert {"runs that failed", "effective samples", "standard errors between populations"} <= set(gates)
    assert done.returncode == int(not all(gate.passed for gate in gates.values())), done.stdout + done.stderr
    for name in ("speed-up", "simulation rate", "steps to break even", "label rate", "training rate", "step time"):
        found = next(each for each in repeat.metrics if each.name == name)
        assert (found.value if found.withheld is None else found.withheld) is not None, name
    assert find_figure(repeat.metrics, "population", {"potential": "teacher", "basin": "C7eq"}).value is not None
    assert "<svg" in (tmp_path / "a/repeats/000/ramachandran.svg").read_text()
    assert find_figure(repeat.curves, "core-hours spent", {"potential": "student"}).y
    checked = levinthal("check", "a")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_a_molecule_of_ones_own(levinthal, tmp_path):
    done = levinthal("run", "potential", *CHEAP, "--set", "molecule=CCO", "--out", "a")
    repeat = repeat_of(tmp_path / "a")
    assert repeat.dataset.name == "CCO"
    assert "no residue between two peptide bonds" in " ".join(repeat.notes), done.stdout


def test_mistakes_are_one_line(levinthal):
    done = levinthal("run", "potential", "--size", "smoke", "--set", "model=moment")
    assert done.returncode == 2
    assert "did you mean moments" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"teacher": "gfn2"}, "unknown"),
        ({"model": "moment"}, "did you mean moments"),
        ({"explore_steps": "50", "explore_interval": "40"}, "twice or more"),
        ({"precisions": "fp32,fp32"}, "named twice"),
    ],
)
def test_settings_that_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        make_settings(PotentialSettings, "smoke", given)


@pytest.mark.parametrize("size", ["smoke", "tiny", "small", "paper"])
def test_the_presets_are_settings(size):
    settings = make_settings(PotentialSettings, size)
    assert settings.steps_of(0) == settings.steps_of(settings.rounds) == settings.training_steps


@pytest.mark.slow
def test_a_kill_during_active_learning_changes_nothing(levinthal, tmp_path):
    settings = ("rounds=2", "explore_steps=4000", "walkers=6", "committee=2", "training_steps=20", "round_steps=10")
    words = ["run", "potential", *CHEAP, *(w for each in settings for w in ("--set", each)), "--seed", "4", "--out"]
    levinthal(*words, "whole")
    program = [sys.executable, "-m", "levinthal", *words, "killed"]
    kept = tmp_path / "killed/repeats/000/kept"
    for waited_for in ("committee-0.safetensors", "round-1/campaign.db", "labels-1.safetensors"):
        process = subprocess.Popen(program, cwd=tmp_path, env=probe_environment(), start_new_session=True)
        until = time.monotonic() + 120
        while not (kept / waited_for).exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        program = [sys.executable, "-m", "levinthal", "resume", "killed"]
    levinthal("resume", "killed")
    whole, killed = (tmp_path / each / "repeats/000/kept" for each in ("whole", "killed"))
    names = ["labels-0", "labels-1", "labels-2", "committee-0", "committee-1", "committee-2", "held-out"]
    for name in names:
        assert (whole / f"{name}.safetensors").read_bytes() == (killed / f"{name}.safetensors").read_bytes(), name


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("seed", range(5))
def test_tiny_passes_within_its_time(levinthal, tmp_path, seed):
    pytest.importorskip("tblite")
    done = levinthal("run", "potential", "--size", "tiny", "--seed", str(seed), "--out", "a")
    assert done.returncode == 0, done.stdout + done.stderr
    assert repeat_of(tmp_path / "a").duration_s < 90
