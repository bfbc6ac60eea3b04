"""Scenarios by LoadGen: a system of known service time, models that cheat, and what a campaign needs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from levinthal.errors import UsageError
from levinthal.harness.results.store import load_result
from levinthal.harness.study.serving.asking import PERCENTILES
from levinthal.harness.study.serving.headroom import PAPER_PER_S, Campaign, HeadRoom, campaigns_of

pytest.importorskip("mlperf_loadgen")


def error_of(stderr: str) -> str:
    """Return the one line that says what was wrong; before it stand the lines of progress alone."""
    *progress, last = stderr.splitlines()
    assert last.startswith("levinthal: ")
    assert not any(line.startswith(("levinthal: ", "Traceback")) for line in progress)
    return last


QUICK = ("infer", "oracle", "--seconds", "0.2", "--scenario", "single-stream", "--bucket", "short")


def test_streams_are_valid_by_bucket_and_a_campaign_is_followed(tmp_path: Path, levinthal):
    done = levinthal("run", "oracle", "--out", "made")
    assert done.returncode == 0, done.stderr
    done = levinthal(
        "infer", "oracle", "--run", "made", "--seconds", "0.2", "--scenario", "single-stream", "--scenario", "offline",
        "--campaign", "paper", "--campaign", "made", "--campaign", "1000/8", "--batch-sizes", "4", "--out", "r",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = load_result(tmp_path / "r")
    (repeat,) = result.repeats
    assert result.dataset.name == "questions"
    assert "asked of 000" in repeat.notes  # the repeat whose model it is
    for bucket in ("short", "long"):
        stream = {"scenario": "single-stream", "samples": bucket, "batch": 1}
        at_once = {"scenario": "offline", "samples": bucket, "batch": 4}
        assert 2.0 <= result.summary["median latency", stream].median < 8.0
        assert result.summary["latency estimate", stream].median > 2.0
        assert result.summary["samples of a batch", at_once].median == pytest.approx(4.0, rel=0.1)
        rate = result.summary["answers", at_once].median
        assert 100 < rate < 500
        assert any(f"offline, {bucket}, batch 4: VALID" in each for each in repeat.findings)
        measured = {**at_once, "campaign": "measured: made"}
        assert result.summary["head-room of inference", measured].median == pytest.approx(rate / 50)
        stated = {**at_once, "campaign": "stated: 1000/8"}
        assert result.summary["replicas that inference follows", stated].median == math.floor(rate / 1000 * 8)
    assert any("falls behind" in each for each in repeat.findings)
    unseen = result.summary["conformations made during a training", {"campaign": "measured: made"}].median
    assert 50 * 0.2 <= unseen < 50 * 0.4
    assert any(f"makes {unseen:,.0f} conformations that a model trained" in each for each in repeat.findings)
    logs = tmp_path / "r/repeats/000/serving/single-stream-short-batch1"
    for test in ("performance", "accuracy", "other-seeds"):
        assert "Result is" in (logs / test / "mlperf_log_summary.txt").read_text() or test == "accuracy"
    assert levinthal("check", "r").returncode == 0
    assert "Inference scenarios" in (tmp_path / "r/report.html").read_text()


@pytest.mark.parametrize(
    ("mode", "missed"),
    [
        ("moody", "deviation of timed answers from those of the accuracy run over the tolerance"),
        ("crooked", "deviation from the plain model over the tolerance"),
        ("foreseeing", "time of an answer with other seeds over that with LoadGen's"),
    ],
)
def test_a_model_that_cheats_misses_the_audit_that_is_for_it(mode, missed, tmp_path: Path, levinthal):
    done = levinthal(*QUICK, "--set", f"mode={mode}", "--out", "r")
    assert done.returncode == 1, done.stdout + done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert [gate.name for gate in repeat.gates if not gate.passed] == [missed]
    assert all(metric.value is None for metric in repeat.metrics if metric.kind == "speed")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("raise", "ValueError: the oracle is silent"),
        ("abort", "the process in which LoadGen asks ended with status -6"),
    ],
)
def test_a_model_that_breaks_is_one_line_and_costs_no_other_point(mode, said, tmp_path: Path, levinthal):
    done = levinthal(*QUICK, "--set", f"mode={mode}", "--out", "r")
    assert done.returncode == 2
    assert said in error_of(done.stderr)


def test_a_bound_that_cannot_be_met_is_invalid_with_its_reason(tmp_path: Path, levinthal):
    done = levinthal(*QUICK[:4], "--scenario", "server", "--bucket", "short", "--latency-bound-ms", "1.5", "--out", "r")
    assert done.returncode == 1, done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    (missed,) = (gate for gate in repeat.gates if not gate.passed)
    assert missed.name == "LoadGen calls it valid"
    assert "latency_bound_ms above" in str(missed.advice)
    assert any("INVALID: not even" in each and "bound of 1.5 ms" in each for each in repeat.findings)


def rate_of_known_server(service_s: float, bound_s: float, share: float) -> float:
    """Return the rate of arrivals at which a share of the answers of an M/D/1 queue comes after a bound.

    Erlang's formula for the waiting time in an M/D/1 queue: with load r and t in units of the service time,
    P(W <= t) = (1 - r) sum over k <= t of (r (k - t))^k / k! exp(r (t - k)).
    """

    def late(load: float) -> float:
        t = bound_s / service_s - 1.0
        terms = (
            math.exp(load * (t - k)) * (load * (k - t)) ** k / math.factorial(k) for k in range(int(t) + 1)
        )  # fmt: skip
        return 1.0 - (1.0 - load) * math.fsum(terms)

    low, high = 0.01, 0.999
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if late(middle) < share else (low, middle)
    return low / service_s


def test_the_known_rate_is_that_of_erlang():
    """In light traffic those wait who find the server busy; at half load the mean waiting time is half a service."""
    assert rate_of_known_server(1.0, 1.0 + 1e-9, 0.25) == pytest.approx(0.25)  # P(W > 0) is the load
    assert rate_of_known_server(1.0, 10.0, 0.01) == pytest.approx(0.76, abs=0.02)


@pytest.mark.alone
@pytest.mark.slow
def test_a_server_of_known_service_time_has_its_known_rate(tmp_path: Path, levinthal):
    done = levinthal(
        "infer", "oracle", "--scenario", "server", "--bucket", "short", "--batch-sizes", "1",
        "--latency-bound-ms", "60", "--set", "answer_s=0.003", "--out", "r",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = load_result(tmp_path / "r")
    (samples,) = result.repeats[0].samples
    service_s = sorted(filter(None, samples.values))[len(samples.values) // 2]  # a sleep is a little longer than asked
    found = result.summary["answers"].median
    assert found == pytest.approx(rate_of_known_server(service_s, 0.060, 0.01), rel=0.05)


def test_head_room():
    (paper,) = campaigns_of(["paper"])
    assert paper.per_s == PAPER_PER_S == pytest.approx(8.333, abs=1e-3)
    room = HeadRoom(Campaign("two", 10.0, 2), 99.0)
    assert (room.ratio, room.replicas) == (9.9, 19)
    assert HeadRoom(paper, None).replicas is None
    for wrong, said in (("fast", "give paper"), ("0", "positive"), ("inf", "positive"), ("5/0", "positive")):
        with pytest.raises(UsageError, match=said):
            campaigns_of([wrong])


def test_percentiles_need_as_many_queries_as_early_stopping_does():
    """For the smallest number the largest latency alone may be over: 1 - p^n - n (1 - p) p^(n-1) >= 0.99 after one."""
    from scipy.special import betainc

    for percentile, least in PERCENTILES.items():
        p = percentile / 100

        def enough(n: int, p: float = p) -> bool:
            return bool(betainc(n - 1, 2, p) <= 0.01)

        assert enough(least)
        assert not enough(least - 1)


def test_mistakes_are_one_line(levinthal, tmp_path: Path):
    for words, said in (
        (("infer", "probe"), "does not offer levinthal.harness.Infers"),
        (("infer", "oracle", "--scenario", "sever"), "choose among single-stream"),
        (("infer", "oracle", "--bucket", "tiny", "--out", "b"), "choose among short, long, or all"),
        (("infer", "oracle", "--run", tmp_path / "none"), "none"),
    ):
        done = levinthal(*words)
        assert done.returncode == 2, done.stdout
        assert said in error_of(done.stderr)
