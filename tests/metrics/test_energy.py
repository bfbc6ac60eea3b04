from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.metrics.energy import EnergyMeter, amd_counters, nvml_counters


def zone(root: Path, folder: str, name: str, microjoules: int, limit: int = 262_143_328_850) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{limit}\n")
    return path / "energy_uj"


def test_packages_and_their_memory_count_and_nothing_twice(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 0)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 0)
    board = zone(tmp_path, "intel-rapl:2", "psys", 0)
    again = zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    meter = EnergyMeter(tmp_path, {})
    assert meter.domains == ("package-0", "dram of package-0", "package-1")
    assert (meter.read_j(), meter.reason) == (0.0, None)
    first.write_text("4000000")
    second.write_text("5500000")
    memory.write_text("250000")
    for other in (core, board, again):
        other.write_text("99000000")
    assert meter.read_j() == pytest.approx(3.75)
    assert meter.read_by_domain_j() == pytest.approx({"package-0": 3.0, "dram of package-0": 0.25, "package-1": 0.5})


@given(st.lists(st.integers(0, 999_999), min_size=1, max_size=30), st.integers(0, 999_999))
def test_a_counter_that_wraps_goes_on(steps: list[int], start: int) -> None:
    from tempfile import TemporaryDirectory

    limit = 1_000_000
    with TemporaryDirectory() as folder:
        counter = zone(Path(folder), "intel-rapl:0", "package-0", start, limit)
        meter = EnergyMeter(Path(folder), {})
        total = start
        for step in steps:
            total += step
            counter.write_text(str(total % limit))
            assert meter.read_j() == pytest.approx((total - start) / 1e6)


def test_a_counter_nobody_may_read_gives_a_reason(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    meter = EnergyMeter(tmp_path, {})
    assert meter.read_j() is None
    assert "not readable" in meter.reason
    assert meter.domains == ()


def test_no_counters_give_a_reason(tmp_path: Path) -> None:
    meter = EnergyMeter(tmp_path / "absent", {})
    assert meter.read_j() is None
    assert "no RAPL" in meter.reason


def test_a_counter_that_stops_ends_the_figure(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    other = zone(tmp_path, "intel-rapl:1", "package-1", 0)
    meter = EnergyMeter(tmp_path, {})
    assert meter.read_j() == 0.0
    other.unlink()
    assert meter.read_j() is None
    assert "package-1" in meter.reason
    other.write_text("1")
    assert meter.read_j() is None


def test_gpus_are_added(tmp_path: Path) -> None:
    joules = {"gpu 0": 1000.0, "gpu 1": None}
    meter = EnergyMeter(tmp_path, {name: lambda name=name: joules[name] for name in joules})
    assert meter.domains == ("gpu 0",)
    assert set(meter.missing) == {"cpu", "gpu 1"}
    joules["gpu 0"] = 1012.5
    assert meter.read_j() == 12.5


def test_a_gpu_counter_that_runs_backwards_is_not_guessed(tmp_path: Path) -> None:
    joules = [1000.0]
    meter = EnergyMeter(tmp_path, {"gpu 0": lambda: joules[0]})
    joules[0] = 3.0
    assert meter.read_j() is None
    assert "gpu 0" in meter.reason


def test_this_machine_gives_joules_or_a_reason() -> None:
    meter = EnergyMeter()
    assert (meter.read_j() is None) == (meter.reason is not None)
    counters, why = nvml_counters()
    assert bool(counters) != bool(why)


def test_a_cray_node_is_counted_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    counter = tmp_path / "energy"
    counter.write_text("1000000 J 1700000000000000 us\n")
    meter = EnergyMeter(tmp_path, {"gpu 0": lambda: 5.0}, cray=tmp_path)
    counter.write_text("1000250 J 1700000001000000 us\n")
    assert (meter.domains, meter.read_j()) == (("node",), 250.0)
    counter.write_text("1000200 J 1700000002000000 us\n")
    assert meter.read_j() is None
    assert "ran backwards" in str(meter.reason)
    counter.write_text("none\n")
    fallen_back = EnergyMeter(tmp_path, {"gpu 0": lambda: 5.0}, cray=tmp_path)
    assert fallen_back.domains == ("gpu 0",)
    assert "not readable" in fallen_back.missing["node"]


def test_it_keeps_up_with_a_counter_that_wraps_twice_in_a_phase(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 0, limit=1_000_000)
    meter = EnergyMeter(tmp_path, {})
    meter.keep_up(every_s=0.01)
    try:
        for microjoules in (600_000, 200_000, 800_000, 400_000):  # 0.6, 1.2, 1.8 and 2.4 J
            (tmp_path / "next").write_text(str(microjoules))
            (tmp_path / "next").replace(counter)  # the kernel never shows half a number
            time.sleep(0.2)
        assert meter.read_j() == pytest.approx(2.4)
    finally:
        meter.close()


class AmdSmi(SimpleNamespace):
    """As the Python library of AMD SMI answers: two GPUs, of which the second, in a virtual machine, counts nothing."""

    class AmdSmiException(Exception):  # noqa: N818 - its name there
        pass

    def __init__(self, *, key: str = "energy_accumulator", driver: bool = True) -> None:
        super().__init__(ticks=1000, key=key, driver=driver)

    def amdsmi_init(self) -> None:
        if not self.driver:
            raise self.AmdSmiException

    def amdsmi_get_processor_handles(self) -> list[int]:
        return [0, 1]

    def amdsmi_get_energy_count(self, handle: int) -> dict[str, float]:
        if handle:
            raise self.AmdSmiException
        return {self.key: self.ticks, "counter_resolution": 15.3, "timestamp": 7}


@pytest.mark.parametrize("key", ["energy_accumulator", "power"])
def test_amd_gpus_count_in_units_of_their_resolution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    library = AmdSmi(key=key)
    monkeypatch.setitem(sys.modules, "amdsmi", library)  # type: ignore[arg-type]
    monkeypatch.setattr("levinthal.metrics.energy.AMD_DRIVER", tmp_path)
    meter = EnergyMeter(tmp_path)
    assert [name for name in meter.domains if name.startswith("amd")] == ["amd gpu 0"]
    assert "amd gpu 1" in meter.missing
    library.ticks += 1_000_000
    assert meter.read_j() is not None
    assert meter.read_by_domain_j()["amd gpu 0"] == pytest.approx(15.3)


def test_without_amd_s_driver_or_library_there_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levinthal.metrics.energy.AMD_DRIVER", tmp_path / "none")
    assert amd_counters() == ({}, None)  # no GPU of AMD's is missed
    monkeypatch.setattr("levinthal.metrics.energy.AMD_DRIVER", tmp_path)
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    assert amd_counters()[1] == "the package amdsmi, which comes with ROCm, is not installed"
    monkeypatch.setitem(sys.modules, "amdsmi", AmdSmi(driver=False))  # type: ignore[arg-type]
    assert amd_counters() == ({}, "no AMD driver answers")
