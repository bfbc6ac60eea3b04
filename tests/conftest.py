"""Fixtures shared by all tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from carried import NEED_SHARED_DATA, shared_folder
from loaded import Loaded
from probes import probe_environment

_TIMEOUT_S, _TIMEOUT_OF_SLOW_S = 240.0, 840.0
"""Of one call of the command line; a slow test that runs beside another takes several times what it takes alone."""

# Neighbours on a shared machine slow examples down; that is not a failure.
settings.register_profile("levinthal", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("levinthal")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which tests of `make test` are skipped where there is no shared data, and give slow ones more time."""
    for item in items:
        if item.get_closest_marker("slow") is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_OF_SLOW_S + 60.0))
    config.stash[NEED_SHARED_DATA] = [
        item.nodeid
        for item in items
        if isinstance(item, pytest.Function)
        and "shared_data" in item.fixturenames
        and item.get_closest_marker("slow") is None
    ]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real records, or skip the test: for what no package carries (`carried`) or code makes."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("no real test data: set LEVINTHAL_TEST_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def loaded() -> Iterator[Loaded]:
    """Return the process that has the libraries loaded, one for each process of tests."""
    process = Loaded(probe_environment())
    yield process
    process.close()


@pytest.fixture
def levinthal(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line in a process of its own, with the probe workloads installed."""

    def call(*arguments: str | Path, cwd: Path = tmp_path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        words, environment = [str(each) for each in arguments], probe_environment()
        timeout_s = _TIMEOUT_S if request.node.get_closest_marker("slow") is None else _TIMEOUT_OF_SLOW_S
        if not kwargs and request.node.get_closest_marker("alone") is None:  # those measure a process as users start it
            process: Loaded = request.getfixturevalue("loaded")
            if process.fits(environment):
                return process.call(words, cwd, environment, timeout_s)
        return subprocess.run(
            [sys.executable, "-m", "levinthal", *words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            **kwargs,
        )

    return call
