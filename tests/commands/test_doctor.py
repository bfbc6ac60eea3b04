"""`levinthal doctor` in a process of its own, and what it says of a machine with troubles."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from levinthal.commands import examination


def test_it_loads_each_workload_and_names_what_cannot(levinthal):
    done = levinthal("doctor", "probe")
    assert done.returncode == 1  # two of the test's workloads are broken on purpose
    lines = done.stdout.splitlines()
    assert all(line.split()[0] in {"ok", "note", "warn", "fail"} for line in lines)
    assert [line for line in lines if line.startswith("fail  workload broken")]
    (probe,) = [line for line in lines if "workload probe" in line]
    assert probe.startswith("ok")
    assert "one small step ran" in probe
    (cvae,) = [line for line in lines if "workload cvae" in line]
    assert cvae.startswith("ok"), cvae
    assert cvae.endswith("levinthal doctor cvae runs a small step of it")
    for subject in ("processor", "memory", "disk", "noise", "device", "energy", "extra gpu"):
        assert any(line.split(None, 1)[1].startswith(subject) for line in lines), subject
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_all_runs_a_step_of_each_workload(levinthal):
    lines = levinthal("doctor", "all").stdout.splitlines()
    ran = {line.split()[2] for line in lines if line.startswith("ok    workload ") and "one small step ran" in line}
    assert ran >= {"cvae", "discovery", "docking", "potential", "rgn", "sampling"}


def test_a_workload_that_nobody_has_is_one_line(levinthal):
    done = levinthal("doctor", "cvea")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is no workload cvea: choose among" in done.stderr


def test_a_full_disk_and_a_wrong_thread_setting_are_found(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    found = {finding.subject: finding for finding in [*examination._memory_and_disk(), *examination._processor()]}
    assert found["disk"].level == "warn"
    assert found["threads"].level == "warn"
    assert found["threads"].fix == "unset it"
