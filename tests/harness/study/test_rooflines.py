"""The roofline study: a peak that cannot be is seen, and a real training lies under its roof."""

from __future__ import annotations

import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.harness.study import Measured
from levinthal.harness.study.kinds.rooflines import RooflineOptions, RooflineStudy
from levinthal.harness.study.registry import plan_study
from levinthal.harness.study.roofline.measure import RooflineRecord
from levinthal.workloads.cvae.model.config import CVAEConfig, flops_per_frame


def record(gflop_s: float, peak_gflop_s: float | None) -> RooflineRecord:
    return RooflineRecord(
        items=10, step_s=(1.0, 1.0), loading_share=0.0, flops=int(1e9 * gflop_s), moved_bytes=10**8,
        peak_gflop_s=peak_gflop_s, copy_gb_s=10.0, execution="fp32 torch",
    )  # fmt: skip


def test_a_training_faster_than_its_peak_allows_misses_the_gate() -> None:
    study = RooflineStudy(load_workload("cvae"), RooflineOptions(cases="22x22", precisions="fp32,bf16"))
    first, second = study.plan().points()
    for rate, met in ((90.0, True), (400.0, True), (1000.0, False)):
        (gate,) = study.gates(study.plan(), Measured({first: record(rate, 100.0), second: record(5.0, None)}))
        assert gate.value is not None
        assert (gate.value <= (gate.at_most or 0.0)) == met
    figures = {figure.name: figure.of(first, record(50.0, 100.0)) for figure in study.figures()}
    assert figures["arithmetic intensity"] == 500.0
    assert figures["share of the roofline"] == figures["share of the peak"] == 0.5
    assert figures["training rate"] == 10.0
    unknown = {figure.name: figure.of(second, record(50.0, None)) for figure in study.figures()}
    assert unknown["share of the roofline"] is None


@pytest.mark.parametrize(
    ("workload", "asked", "said"),
    [
        ("docking", {}, "offers no training"),
        ("cvae", {"cases": "7x7"}, "case '7x7'"),
        ("cvae", {"threads": "0"}, "from 1 on"),
    ],
)
def test_mistakes_are_one_line(workload, asked, said) -> None:
    with pytest.raises(UsageError, match=said):
        plan_study("rooflines", load_workload(workload), asked)


@pytest.mark.slow
def test_a_real_training_is_counted_timed_and_drawn(tmp_path, levinthal) -> None:
    options = ("cases=22x22", "precisions=fp32", "batch_size=32", "seconds=0.5", "threads=1,2")
    words = [word for each in options for word in ("--option", each)]
    done = levinthal("study", "rooflines", "cvae", "--size", "smoke", *words, "--out", "r")
    assert done.returncode == 0, done.stderr + done.stdout
    for threads in (1, 2):
        point = RooflineRecord.model_validate_json(
            (tmp_path / f"r/points/000-22x22-fp32-threads{threads}.json").read_text()
        )
        assert point.flops == 32 * flops_per_frame(CVAEConfig(size=22, latent=3))
    result = load_result(tmp_path / "r")
    assert "roofline.svg" in {artifact.name for artifact in result.repeats[0].artifacts}
    assert "flop/B, bound by" in result.repeats[0].findings[0]
    assert levinthal("check", "r").returncode == 0
