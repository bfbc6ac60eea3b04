"""Energy as counters report it, in joules.

Of a Cray's whole node; elsewhere RAPL of the processor packages and their memory, and NVML or AMD SMI of the GPUs.
Nothing is ever estimated from power ratings or utilisation: where no counter can be read there is a reason instead.
For the log of an external meter see `levinthal.metrics.meter_log`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
CRAY = Path("/sys/cray/pm_counters")
AMD_DRIVER = Path("/dev/kfd")

_LOOK_S = 20.0  # a RAPL counter of 65 kJ wraps after 65 s at a kilowatt


@dataclass
class _Counter:
    """A counter in joules that starts again from 0 after `range_j`."""

    read: Callable[[], float | None]
    range_j: float | None
    last_j: float
    total_j: float = 0.0

    def advance(self) -> bool:
        now = self.read()
        if now is None:
            return False
        step = now - self.last_j
        if step < 0.0:
            if self.range_j is None:
                return False
            step += self.range_j
        self.total_j += step
        self.last_j = now
        return True


class EnergyMeter:
    """Joules since the meter was made.

    A RAPL counter starts again after some 65 to 262 kJ, and only one such wrap between two readings can be told:
    `keep_up` reads often enough, or read at least once a minute. All packages and GPUs of the machine are counted,
    whoever keeps them busy, so only one process of a machine should report them.

    Parameters
    ----------
    powercap : Path
        Where the kernel shows the RAPL domains.
    gpu_counters : mapping of str to callable, optional
        For each GPU a function that returns its cumulative joules, or None when it cannot; by default NVML's and AMD
        SMI's.
    cray : Path
        Where a Cray EX shows its node's counters; where there is one it counts processors, memory and GPUs alike, and
        nothing is counted beside it.

    Attributes
    ----------
    domains : tuple of str
        What is counted: `package-0`, `dram of package-0`, `gpu 0`, or `node` alone.
    missing : dict of str to str
        What could be there and is not counted, with the reason.
    reason : str or None
        Why nothing is counted; None where something is.

    Examples
    --------
    >>> from levinthal.metrics import EnergyMeter
    >>> meter = EnergyMeter()
    >>> spent_j = meter.read_j()
    >>> spent_j is None or spent_j >= 0  # None where nothing counts: see meter.reason
    True
    """

    def __init__(
        self,
        powercap: Path = POWERCAP,
        gpu_counters: Mapping[str, Callable[[], float | None]] | None = None,
        cray: Path = CRAY,
    ) -> None:
        self.missing: dict[str, str] = {}
        self._counters: dict[str, _Counter] = {}
        self._broken: str | None = None
        self._reading, self._done = threading.Lock(), threading.Event()
        if (cray / "energy").exists():
            self._add("node", lambda: _node_joules(cray / "energy"), None, "Cray's counter of the node is not readable")
            if self._counters:
                return
        self._add_rapl(powercap)
        if gpu_counters is None:
            gpu_counters, why = nvml_counters()
            amd, why_no_amd = amd_counters()
            if why and not amd:
                self.missing["gpu"] = why
            if why_no_amd:
                self.missing["amd gpu"] = why_no_amd
            gpu_counters = {**gpu_counters, **amd}
        for name, read in gpu_counters.items():
            self._add(name, read, None, "the GPU does not count its energy")

    def _add(self, name: str, read: Callable[[], float | None], range_j: float | None, why: str) -> None:
        first = read()
        if first is None:
            self.missing[name] = why
        else:
            self._counters[name] = _Counter(read, range_j, first)

    def _add_rapl(self, powercap: Path) -> None:
        # intel-rapl:0 is a package and intel-rapl:0:1 a part of it. Cores and graphics are within the package's
        # figure, memory is not (Intel SDM volume 3B, section 15.10); psys and intel-rapl-mmio count it all again.
        zones = sorted(powercap.glob("intel-rapl:*")) if powercap.is_dir() else []
        names = {zone.name: _text(zone / "name") or "" for zone in zones}
        for zone in zones:
            parent = names.get(zone.name.rpartition(":")[0], "")
            if names[zone.name].startswith("package"):
                label = names[zone.name]
            elif names[zone.name] == "dram":
                label = f"dram of {parent}" if parent else "dram"
            else:
                continue
            limit_j = _joules(zone / "max_energy_range_uj")
            why = "the RAPL counter is not readable: ask for read permission on energy_uj under /sys/class/powercap"
            self._add(label, lambda zone=zone: _joules(zone / "energy_uj"), limit_j, why)  # type: ignore[misc]
        if not any(name.startswith("package") for name in (*self._counters, *self.missing)):
            self.missing["cpu"] = "no RAPL domain is visible (a virtual machine, or not x86)"

    @property
    def domains(self) -> tuple[str, ...]:
        """What is counted."""
        return tuple(self._counters)

    @property
    def reason(self) -> str | None:
        """Why `read_j` gives None, or None where it gives a figure."""
        if self._broken:
            return self._broken
        if self._counters:
            return None
        return "; ".join(f"{name}: {why}" for name, why in self.missing.items())

    def read_j(self) -> float | None:
        """Return the joules of all domains since the meter was made; None with a `reason` where none can be read.

        A counter that stops to answer ends the whole figure: a sum that leaves out a part would look like a saving.
        """
        with self._reading:
            if not self._counters or self._broken:
                return None
            for name, counter in self._counters.items():
                if not counter.advance():
                    self._broken = f"the counter {name} stopped to answer or ran backwards"
                    return None
            return sum(counter.total_j for counter in self._counters.values())

    def keep_up(self, every_s: float = _LOOK_S) -> None:
        """Read now and then beside whatever else is done, where a counter wraps, until `close`."""

        def look() -> None:
            while not self._done.wait(every_s) and self.read_j() is not None:
                pass

        if any(counter.range_j is not None for counter in self._counters.values()):
            threading.Thread(target=look, name="levinthal-energy", daemon=True).start()

    def close(self) -> None:
        """Read no more by itself."""
        self._done.set()

    def read_by_domain_j(self) -> dict[str, float]:
        """Return the joules of each domain up to the last `read_j`."""
        return {name: counter.total_j for name, counter in self._counters.items()}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _joules(path: Path) -> float | None:
    text = _text(path)
    return int(text) / 1e6 if text is not None and text.isdigit() else None


def _node_joules(path: Path) -> float | None:
    """Read `123456 J 1700000000000000 us`, as Cray's kernel writes it."""
    words = (_text(path) or "").split()
    return float(words[0]) if len(words) >= 2 and words[0].isdigit() and words[1] == "J" else None


def nvml_counters() -> tuple[dict[str, Callable[[], float | None]], str | None]:
    """Return the energy counter of each GPU that NVML knows, or none with the reason.

    The counter is `nvmlDeviceGetTotalEnergyConsumption`, in millijoules since the driver was loaded (Volta and later).
    """
    try:
        import pynvml
    except ImportError:
        return {}, "the package nvidia-ml-py is not installed: pip install 'levinthal[gpu]'"
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return {}, "no NVIDIA driver answers"

    def counter(handle: object) -> Callable[[], float | None]:
        def read() -> float | None:
            try:
                return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
            except pynvml.NVMLError:
                return None

        return read

    return {f"gpu {index}": counter(handle) for index, handle in enumerate(handles)}, None if handles else "no GPU"


def amd_counters() -> tuple[dict[str, Callable[[], float | None]], str | None]:
    """Return the energy counter of each GPU that AMD SMI knows, or none with the reason; without AMD's driver neither.

    The counter is `amdsmi_get_energy_count`, whose accumulator counts in units of its resolution, in microjoules.
    """
    if not AMD_DRIVER.exists():
        return {}, None
    try:
        import amdsmi
    except (ImportError, OSError, KeyError):  # without ROCm's library its import ends in any of these
        return {}, "the package amdsmi, which comes with ROCm, is not installed"
    try:
        amdsmi.amdsmi_init()
        handles = amdsmi.amdsmi_get_processor_handles()
    except amdsmi.AmdSmiException:
        return {}, "no AMD driver answers"

    def counter(handle: object) -> Callable[[], float | None]:
        def read() -> float | None:
            try:
                found = amdsmi.amdsmi_get_energy_count(handle)
                ticks = found.get("energy_accumulator", found.get("power"))  # its name until ROCm 6.0
                return float(ticks) * float(found["counter_resolution"]) / 1e6
            except (amdsmi.AmdSmiException, KeyError, TypeError, ValueError):
                return None

        return read

    return {f"amd gpu {index}": counter(handle) for index, handle in enumerate(handles)}, None if handles else "no GPU"
