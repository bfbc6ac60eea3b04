"""The graphics processors of the machine: name, driver, memory, clocks. No serial numbers, no addresses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from levinthal.metrics.description import Gpu

_QUERY = {
    "name": "name",
    "driver": "driver_version",
    "memory_bytes": "memory.total",
    "sm_clock_mhz": "clocks.sm",
    "max_sm_clock_mhz": "clocks.max.sm",
    "memory_clock_mhz": "clocks.mem",
    "max_memory_clock_mhz": "clocks.max.mem",
    "power_limit_w": "power.limit",
}
"""Our key to the name in `nvidia-smi --query-gpu`."""


def describe_gpus() -> tuple[list[Gpu], str | None]:
    """Describe each graphics processor.

    Returns
    -------
    gpus : list of Gpu
        A figure is null where the source does not report it.
    reason : str or None
        Why the list is empty, or why its figures are.
    """
    for source in (_from_nvml, _from_nvidia_smi, _from_torch):
        gpus = source()
        if gpus:
            return gpus, None if source is not _from_torch else "read through torch.cuda, which reports no clocks"
    return [], "none found by NVML, nvidia-smi or torch"


def _from_nvml() -> list[Gpu]:
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []

    def ask(question: Callable[..., Any], *arguments: object) -> Any:
        try:
            answer = question(*arguments)
        except pynvml.NVMLError:
            return None
        return answer.decode() if isinstance(answer, bytes) else answer

    try:
        driver, gpus = ask(pynvml.nvmlSystemGetDriverVersion), []
        for index in range(ask(pynvml.nvmlDeviceGetCount) or 0):
            handle = ask(pynvml.nvmlDeviceGetHandleByIndex, index)
            if handle is None:
                continue
            memory = ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
            power_mw = ask(pynvml.nvmlDeviceGetPowerManagementLimit, handle)
            clock, top = pynvml.nvmlDeviceGetClockInfo, pynvml.nvmlDeviceGetMaxClockInfo
            gpus.append(
                Gpu(
                    name=ask(pynvml.nvmlDeviceGetName, handle) or "unknown",
                    driver=driver,
                    memory_bytes=None if memory is None else int(memory.total),
                    sm_clock_mhz=ask(clock, handle, pynvml.NVML_CLOCK_SM),
                    max_sm_clock_mhz=ask(top, handle, pynvml.NVML_CLOCK_SM),
                    memory_clock_mhz=ask(clock, handle, pynvml.NVML_CLOCK_MEM),
                    max_memory_clock_mhz=ask(top, handle, pynvml.NVML_CLOCK_MEM),
                    power_limit_w=None if power_mw is None else power_mw / 1000.0,
                )
            )
        return gpus
    finally:
        pynvml.nvmlShutdown()


def parse_nvidia_smi(text: str) -> list[Gpu]:
    """Read what `nvidia-smi --query-gpu=... --format=csv,noheader,nounits` prints for the keys of this module.

    Parameters
    ----------
    text : str
        A line for each processor, in the order of the query; memory in MiB, clocks in MHz, power in W. What is not
        a number (`[N/A]`) becomes null.
    """
    gpus: list[Gpu] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(_QUERY):
            continue
        gpu: dict[str, Any] = {"name": cells[0], "driver": cells[1]}
        for key, cell in zip(list(_QUERY)[2:], cells[2:], strict=True):
            try:
                gpu[key] = float(cell) if key == "power_limit_w" else int(cell)
            except ValueError:
                gpu[key] = None
        if gpu["memory_bytes"] is not None:
            gpu["memory_bytes"] *= 1024**2
        gpus.append(Gpu(**gpu))
    return gpus


def _from_nvidia_smi() -> list[Gpu]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(_QUERY.values())}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_nvidia_smi(answer.stdout)


def _from_torch() -> list[Gpu]:
    # Only a torch that is loaded already is asked: importing it takes seconds, and the command line describes the
    # machine too.
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [
        Gpu(name=properties.name, memory_bytes=int(properties.total_memory))
        for properties in map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    ]
