"""Engines that are added: by another package, and by one file in this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from levinthal.errors import UsageError
from levinthal.harness.engines import built_in
from levinthal.harness.engines.open import engine_usages, open_engine, parse_engine

PLUGIN = Path(__file__).parents[2] / "plugin"


def test_an_engine_of_another_package_runs_a_workload(levinthal, tmp_path):
    done = levinthal("run", "probe", "--set", "mode=pool", "--engine", "threads:3", "--out", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "r/plan.json").read_text())["engine"] == "threads:3"
    repeat = json.loads((tmp_path / "r/repeats/000/repeat.json").read_text())
    assert {metric["name"]: metric["value"] for metric in repeat["metrics"]}["squares"] == 140
    (workers,) = [each["values"] for each in repeat["samples"] if each["name"] == "workers"]
    assert len(set(workers)) == 1  # threads of one process
    assert "too many" in levinthal("run", "probe", "--engine", "threads:65").stderr
    unknown = levinthal("run", "probe", "--engine", "threads").stderr
    assert "engine 'threads' is unknown: use " in unknown
    assert "threads:N" in unknown
    assert "it is a type, not an EngineKind" in levinthal("run", "probe", "--engine", "not-one").stderr


def test_an_engine_of_our_own_is_one_file(monkeypatch, tmp_path):
    """The plug-in's module among the built-ins: nothing else needs to know of it."""
    shutil.copy(PLUGIN / "levinthal_probe_engine.py", tmp_path / "our_threads.py")
    monkeypatch.setattr(built_in, "__path__", [*built_in.__path__, str(tmp_path)])
    monkeypatch.setattr(built_in.__spec__, "submodule_search_locations", built_in.__path__)
    assert str(parse_engine("our-threads:2")) == "our-threads:2"
    engine = open_engine("our-threads:2")
    assert engine.n_workers == 2
    with engine.executor() as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
    with pytest.raises(UsageError, match=r"use .*threads:N"):
        parse_engine("our-threads:x")


def test_every_engine_says_what_to_type_and_what_it_is():
    usages = engine_usages()
    assert [usage.partition(" ")[0] for usage in usages] == ["executor:FILE.py", "inline", "local,", "parsl:FILE.py"]
    assert all(usages.values())
