from __future__ import annotations

import json
import time

import pytest

from levinthal.errors import UsageError

torch = pytest.importorskip("torch")

from levinthal.metrics import peaks  # noqa: E402
from levinthal.metrics.peaks import measure_peaks  # noqa: E402

pytestmark = pytest.mark.alone

FIGURES = ("fp32_gflop_s", "bf16_gflop_s", "copy_gb_s", "copy_one_thread_gb_s")


@pytest.fixture(scope="module")
def measured() -> peaks.Peaks:
    return measure_peaks("cpu", budget_s=0.6)


def test_each_figure_has_a_method_or_a_reason(measured: peaks.Peaks) -> None:
    for name in FIGURES:
        value = getattr(measured, name)
        assert (value is None) == (name in measured.reasons)
        assert (value is not None) == (name in measured.methods)
    assert json.loads(measured.model_dump_json())["device"] == "cpu"


def test_the_figures_are_of_this_world(measured: peaks.Peaks) -> None:
    # Any processor of the last twenty years lies within; a slip of a unit (1e3) does not.
    assert 1.0 < measured.fp32_gflop_s < 2e4
    if measured.copy_gb_s is not None:
        assert 0.5 < measured.copy_gb_s < 2e3
    assert measured.threads == torch.get_num_threads()


def test_no_product_seen_here_beats_the_peak_by_much(measured: peaks.Peaks) -> None:
    a = torch.randn(512, 512)
    torch.mm(a, a)
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(4):
            torch.mm(a, a)
        rates.append(4 * 2 * 512**3 / (time.perf_counter() - start) / 1e9)
    # A neighbour may slow either measurement, hence the width, the slowest rate and the second try at the peak; it is
    # the definition of an operation that is checked.
    peak = max(measured.fp32_gflop_s, measure_peaks("cpu", budget_s=0.5).fp32_gflop_s)
    assert min(rates) < 8.0 * peak


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    measure_peaks("cpu", budget_s=0.1)
    assert torch.get_num_threads() == before


def test_slow_hardware_does_not_hold_us_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that charges every product 1 s: only the smallest size may be tried.
    sizes: list[int] = []

    def routes(device: torch.device, dtype: torch.dtype, size: int) -> dict[str, object]:
        sizes.append(size)
        return {"mm": lambda: None}

    now = [0.0]

    def seconds(call: object) -> float:
        now[0] += 1.0
        return 1.0

    monkeypatch.setattr(peaks, "_routes", routes)
    monkeypatch.setattr(peaks.time, "perf_counter", lambda: now[0])
    rate, how = peaks._matrix_product(torch.device("cpu"), torch.bfloat16, 0.5, seconds)
    assert sizes == [256]
    assert rate == pytest.approx(2 * 256**3 / 1e9)
    assert "256" in how
    assert now[0] == 2.0


def test_memory_that_does_not_suffice_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "parse_meminfo_bytes", lambda *_: 1024**2)
    value, why = peaks._copy(torch.device("cpu"), 0.1, peaks._cpu_seconds)
    assert value is None
    assert "free memory" in why


def test_a_type_torch_cannot_multiply_is_a_reason() -> None:
    value, why = peaks._matrix_product(torch.device("cpu"), torch.bool, 0.1, peaks._cpu_seconds)
    assert value is None
    assert "torch.bool" in why


@pytest.mark.parametrize("device", ["abacus", "meta", "cuda:99"])
def test_devices_that_are_not_there_are_named(device: str) -> None:
    with pytest.raises(UsageError, match=device):
        measure_peaks(device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_peaks() -> None:
    measured = measure_peaks("cuda", 2.0)
    assert measured.device == "cuda:0"
    assert measured.bf16_gflop_s > measured.fp32_gflop_s > 100.0
    assert measured.copy_gb_s > 50.0
