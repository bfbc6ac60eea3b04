"""The transfer study: figures of each route, the gate that a corrupting one misses, and what is concluded."""

from __future__ import annotations

import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.harness.study.kinds.transfers import TransferRecord, best_routes
from levinthal.harness.study.registry import plan_study


def record(latency_s: float, bytes_s: float) -> TransferRecord:
    return TransferRecord(
        frames_of_message=10, n_messages=5, wrong=0, bytes_of_frame=100.0, write_s=0.0, read_s=0.0,
        latency_s=(latency_s,), bytes_s=bytes_s, limit_bytes_s=None,
    )  # fmt: skip


def test_the_best_route_changes_where_latency_and_bandwidth_cross() -> None:
    """A message has 1,000 bytes: 1 ms and 1 ms each against 10 ms and 0.1 ms each meet at ten simulations."""
    (said,) = best_routes({"near": record(0.001, 1e6), "wide": record(0.010, 1e7), "same-process": record(0.0, 1e9)})
    assert said == "soonest is near; beyond 10 simulations wide"
    (said,) = best_routes({"near": record(0.001, 1e7), "slow": record(0.010, 1e6)})
    assert said == "soonest is near, at every size of the ensemble"
    assert list(best_routes({"near": record(0.001, 1e6)})) == []


def test_frames_travel_and_a_route_that_corrupts_has_no_speed(tmp_path, levinthal) -> None:
    words = ("--payloads", "coordinates,bit-packed", "--beads", "28", "--frames", "400", "--seconds", "0.1")
    done = levinthal("transfer", "--routes", "same-process,socket", *words, "--out", "r")
    assert done.returncode == 0, done.stderr + done.stdout
    result = load_result(tmp_path / "r")
    assert result.study is not None
    for route in ("same-process", "socket"):
        for payload, size in (("coordinates", 336), ("bit-packed", 48)):
            labels = {"beads": 28, "senders": 1, "payload": payload, "route": route}
            assert result.summary["bytes of a frame", labels].median == size
            for name in ("bandwidth", "latency", "frames end to end", "share of the medium"):
                assert (result.summary[name, labels].median or 0.0) > 0.0
    (gate,) = result.repeats[0].gates
    assert (gate.name, gate.value) == ("messages that did not arrive as they were sent", 0.0)
    assert "levinthal transfer sampling" in (tmp_path / "r/report.html").read_text()
    checked = levinthal("check", "r")
    assert checked.returncode == 0, checked.stdout
    wrong = levinthal("transfer", "--routes", "flipping", *words, "--out", "w")
    assert wrong.returncode == 1
    missed = load_result(tmp_path / "w")
    assert missed.verdict == "failed"
    assert all(summary.median is None for summary in missed.summary.named("bandwidth"))


@pytest.mark.parametrize(
    ("workload", "asked", "said"),
    [
        ("rgn", {}, "does not offer levinthal.harness.Sends"),
        ("sampling", {"routes": "pigeon"}, "pigeon"),
        ("sampling", {"payloads": "song"}, "song"),
        ("sampling", {"beads": "0"}, "from 1 on"),
    ],
)
def test_mistakes_are_one_line(workload, asked, said) -> None:
    with pytest.raises(UsageError, match=said):
        plan_study("transfers", load_workload(workload), asked)
