"""The NVML routes against a stand-in that has only what the real `pynvml` has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from levinthal.metrics.energy import EnergyMeter
from levinthal.metrics.gpus import describe_gpus

real = pytest.importorskip("pynvml")


class StandIn:
    """Two GPUs; the second is too old to count energy or to tell its power limit."""

    NVMLError = real.NVMLError

    def __init__(self) -> None:
        self.millijoules = 5_000_000
        self.shut = 0
        self.answers: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": self._shutdown,
            "nvmlSystemGetDriverVersion": lambda: b"570.86.15",
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: ("NVIDIA H200", "Tesla K80")[handle],
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=1024**3),
            "nvmlDeviceGetClockInfo": lambda handle, kind: 300 + kind,
            "nvmlDeviceGetMaxClockInfo": lambda handle, kind: 1900 + kind,
            "nvmlDeviceGetPowerManagementLimit": lambda handle: self._newer(handle, 700_000),
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: self._newer(handle, self.millijoules),
        }

    def _shutdown(self) -> None:
        self.shut += 1

    def _newer(self, handle: int, value: int) -> int:
        if handle == 1:
            raise real.NVMLError(real.NVML_ERROR_NOT_SUPPORTED)
        return value

    def __getattr__(self, name: str) -> Any:
        known = getattr(real, name)  # a name that the real package lacks fails here
        return self.answers[name] if name.startswith("nvml") else known


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)  # type: ignore[arg-type]
    return stand_in


def test_gpus_are_described(nvml: StandIn) -> None:
    (first, second), reason = describe_gpus()
    assert reason is None
    assert first.model_dump() == {
        "name": "NVIDIA H200",
        "driver": "570.86.15",
        "memory_bytes": 1024**3,
        "sm_clock_mhz": 300 + real.NVML_CLOCK_SM,
        "max_sm_clock_mhz": 1900 + real.NVML_CLOCK_SM,
        "memory_clock_mhz": 300 + real.NVML_CLOCK_MEM,
        "max_memory_clock_mhz": 1900 + real.NVML_CLOCK_MEM,
        "power_limit_w": 700.0,
    }
    assert (second.name, second.power_limit_w) == ("Tesla K80", None)
    assert nvml.shut == 1


def test_their_energy_is_counted_where_they_count_it(nvml: StandIn, tmp_path: Path) -> None:
    meter = EnergyMeter(tmp_path)
    assert meter.domains == ("gpu 0",)
    assert "gpu 1" in meter.missing
    nvml.millijoules += 2_500
    assert meter.read_j() == 2.5


def test_without_a_driver_there_is_a_reason(nvml: StandIn, tmp_path: Path) -> None:
    def no_driver() -> None:
        raise real.NVMLError(real.NVML_ERROR_LIBRARY_NOT_FOUND)

    nvml.answers["nvmlInit"] = no_driver
    assert "no NVIDIA driver" in EnergyMeter(tmp_path).missing["gpu"]
    gpus, reason = describe_gpus()
    assert bool(gpus) != bool(reason)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "levinthal[gpu]" in EnergyMeter(tmp_path).missing["gpu"]
