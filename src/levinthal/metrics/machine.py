"""The machine in words and numbers, fit to be published: no host or user names, no addresses, no paths.

The environment is never stored. Three variables that set thread counts are read by name, and only where their value
is a number.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from levinthal.metrics.cpu import (
    CpuInfo,
    parse_cpuinfo,
    parse_meminfo_bytes,
    read_caches,
    read_numa_nodes,
    read_text,
    read_topology,
    steal_share,
)
from levinthal.metrics.description import Cpu, Limits, Machine, Memory, Noise, Pool, System, Threads
from levinthal.metrics.gpus import describe_gpus
from levinthal.metrics.limits import affinity_cpus, detect_container, detect_hypervisor, read_cgroup_limits

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The only environment variables that are ever looked at."""


def describe_machine(root: Path = Path("/")) -> Machine:
    """Describe the machine this process runs on.

    Parameters
    ----------
    root : Path
        The folder that holds `proc`, `sys` and `etc`; another one than `/` in tests.

    Returns
    -------
    Machine
        Thread counts of torch are there only where torch is loaded.

    Examples
    --------
    >>> from levinthal.metrics import describe_machine
    >>> describe_machine().memory.total_bytes > 0
    True
    """
    info = parse_cpuinfo(read_text(root / "proc/cpuinfo") or "")
    meminfo = read_text(root / "proc/meminfo") or ""
    threads, thread_reasons = _threads()
    gpus, gpu_reason = describe_gpus()
    limits = read_cgroup_limits(root)
    machine = Machine(
        cpu=_cpu(root, info),
        memory=Memory(
            total_bytes=parse_meminfo_bytes(meminfo),
            available_bytes=parse_meminfo_bytes(meminfo, "MemAvailable"),
            numa_nodes=read_numa_nodes(root),
        ),
        gpus=gpus,
        system=_system(root, info),
        limits=Limits(
            cgroup_version=limits.version,
            cpu_quota=limits.cpu_quota,
            memory_bytes=limits.memory_bytes,
            affinity_cpus=affinity_cpus(),
        ),
        threads=threads,
        noise=Noise(
            load_average_1_min=_load_average(), steal_share_since_boot=steal_share(read_text(root / "proc/stat") or "")
        ),
    )
    reasons = {
        f"{section}.{key}": _REASONS.get(f"{section}.{key}", "the system does not report it")
        for section in ("cpu", "memory", "system", "limits", "noise")
        for key, value in getattr(machine, section)
        if value is None
    }
    reasons |= {**thread_reasons, **({"gpus": gpu_reason} if gpu_reason else {})}
    return machine.model_copy(update={"reasons": reasons})


_REASONS = {
    "system.hypervisor": "none detected",
    "system.container": "none detected",
    "limits.cpu_quota": "no limit set",
    "limits.memory_bytes": "no limit set",
    "limits.cgroup_version": "no control groups",
    "cpu.governor": "the kernel offers no frequency control here",
    "cpu.mhz_max": "the kernel offers no frequency control here",
}


def _cpu(root: Path, info: CpuInfo) -> Cpu:
    topology = read_topology(root)
    caches = read_caches(root)
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    khz_max, khz_now = read_text(frequency / "cpuinfo_max_freq"), read_text(frequency / "scaling_cur_freq")
    return Cpu(
        model=info.model or (platform.processor() or None if root == Path("/") else None),
        vendor=info.vendor,
        architecture=platform.machine() or None,
        sockets=topology.sockets if topology else info.sockets,
        cores=topology.cores if topology else info.cores,
        threads=topology.threads if topology else info.threads or None,
        instruction_sets=info.instruction_sets,
        l1d_cache=caches.get("l1d"),
        l2_cache=caches.get("l2"),
        l3_cache=caches.get("l3"),
        mhz_now=info.mhz_now or (int(khz_now) / 1000.0 if khz_now and khz_now.isdigit() else None),
        mhz_max=int(khz_max) / 1000.0 if khz_max and khz_max.isdigit() else None,
        governor=read_text(frequency / "scaling_governor"),
    )


def _system(root: Path, info: CpuInfo) -> System:
    release = read_text(root / "etc/os-release") or ""
    pretty = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', release, re.MULTILINE)
    return System(
        name=platform.system() or None,
        distribution=pretty.group(1) if pretty else None,
        kernel=platform.release() or None,
        hypervisor=detect_hypervisor(root, cpu_flag=info.hypervisor),
        container=detect_container(root),
    )


def _load_average() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def read_thread_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the thread variables that are set to counts (`4`, or `4,2` for nested levels); nothing else."""
    return {
        name: environment[name].strip()
        for name in THREAD_VARIABLES
        if re.fullmatch(r"\s*\d+(,\d+)*\s*", environment.get(name, ""))
    }


def _threads() -> tuple[Threads, dict[str, str]]:
    reasons: dict[str, str] = {}
    torch = sys.modules.get("torch")
    if torch is None:
        reasons["threads.torch"] = reasons["threads.torch_interop"] = "torch is not loaded in this process"
    pools = None
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        reasons["threads.pools"] = "the package threadpoolctl is not installed"
    else:
        # The entries hold the libraries' paths too, which are not to be published.
        pools = [Pool(**{key: pool.get(key) for key in Pool.model_fields}) for pool in threadpoolctl.threadpool_info()]
    return Threads(
        torch=torch.get_num_threads() if torch else None,
        torch_interop=torch.get_num_interop_threads() if torch else None,
        pools=pools,
        variables=read_thread_variables(os.environ),
    ), reasons
