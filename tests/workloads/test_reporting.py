"""Shares of measured peaks: one above what can be is a measurement that failed, of the peak."""

from __future__ import annotations

from pathlib import Path

import pytest

from levinthal.harness.contract.run import Run
from levinthal.harness.results.events import EventLog
from levinthal.metrics import peaks as measuring
from levinthal.metrics.description import Peaks
from levinthal.workloads.training.reporting import Arithmetic, report_arithmetic

_TRAINING = Arithmetic("training", 200e9, "fp32")
_INFERENCE = Arithmetic("inference", 30e9, "fp32")


def _reported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gflop_s: list[float], phases: list[Arithmetic]
) -> tuple[dict[str, float | None], list[str], int]:
    """Return shares by phase, what was said of them, and how often the peaks were measured."""
    left = list(gflop_s)

    def measure(device: str) -> Peaks:
        return Peaks(device=device, threads=2, fp32_gflop_s=left.pop(0), methods={"fp32_gflop_s": "torch mm"})

    monkeypatch.setattr(measuring, "measure_peaks", measure)
    events = EventLog(folder / "events.jsonl")
    run = Run(folder=folder, events=events, device="cpu")
    report_arithmetic(run, phases)
    record = run.record()
    events.close()
    shares = {str(m.labels["phase"]): m.value for m in record.metrics if m.name == "share of the measured peak"}
    said = [*record.warnings, *(m.reason for m in record.metrics if m.reason)]
    return shares, said, len(gflop_s) - len(left)


def test_a_peak_that_was_disturbed_is_measured_again_for_all_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, said, times = _reported(tmp_path, monkeypatch, [8.0, 400.0], [_TRAINING, _INFERENCE])
    assert shares == {"training": pytest.approx(0.5), "inference": pytest.approx(0.075)}
    assert times == 2
    assert len(said) == 1
    assert "fp32 8 then 400 GFLOP/s" in said[0]


def test_a_share_above_one_is_never_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares, said, times = _reported(tmp_path, monkeypatch, [8.0, 100.0], [_TRAINING, _INFERENCE])
    assert shares == {"training": None, "inference": pytest.approx(0.3)}
    assert times == 2
    assert "it would be 2 of a peak of 100 GFLOP/s" in said[1]


def test_a_shorter_algorithm_may_exceed_the_peak_by_what_it_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = _TRAINING._replace(flops="direct algorithm", saving=5.0)
    shares, said, times = _reported(tmp_path, monkeypatch, [100.0, 400.0], [shorter])
    assert (shares, said, times) == ({"training": pytest.approx(2.0)}, [], 1)
