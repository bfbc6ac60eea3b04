"""Ranks on one machine listen on the loopback interface alone, and the examples for clusters are encrypted."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from levinthal.harness.engines.ranks import end_ranks, start_ranks, torchrun_command
from probes import WORKER_PATH

EXAMPLES = Path(__file__).parents[3] / "examples" / "engines"


def test_ranks_and_their_launcher_listen_on_loopback(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", WORKER_PATH)
    launcher = start_ranks(2, "listening_rank", [], log=subprocess.DEVNULL)
    try:
        said, _ = launcher.communicate(timeout=200)
    finally:
        end_ranks(launcher)
    found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [each["ranks"] for each in found] == [2, 2]
    listening = {address for each in found for address in each["addresses"]}
    assert listening == {"127.0.0.1"}, os.environ.get("GLOO_SOCKET_IFNAME")


def test_the_line_for_one_machine_is_that_of_our_launcher():
    assert "torch.distributed.run" not in torchrun_command(2, "who", [])
    assert "torch.distributed.run" in torchrun_command(2, "who", [], n_nodes=2)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_stay_on_the_machine_or_encrypt(path):
    text = path.read_text()
    for executor in re.findall(r"HighThroughputExecutor\((.*?provider=)", text, re.DOTALL):
        assert 'address="127.0.0.1"' in executor or "encrypted=True" in executor
    if "LocalCluster" in text:
        assert 'host="127.0.0.1"' in text
