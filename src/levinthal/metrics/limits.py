"""What stands between a process and the machine: container, hypervisor, control-group limits, affinity."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from levinthal.metrics.cpu import read_text

_UNLIMITED_BYTES = 1 << 60
"""Version 1 writes the largest page-aligned integer for "no limit"; no machine has that much memory."""

_HYPERVISORS = (
    ("firecracker", "Firecracker"),
    ("amazon ec2", "Amazon EC2"),
    ("google", "Google Compute Engine"),
    ("vmware", "VMware"),
    ("virtualbox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("xen", "Xen"),
    ("microsoft corporation virtual machine", "Hyper-V"),
    ("openstack", "OpenStack"),
    ("qemu", "QEMU/KVM"),
    ("kvm", "QEMU/KVM"),
    ("bochs", "QEMU/KVM"),
    ("parallels", "Parallels"),
)

_CONTAINER_FILES = ((".dockerenv", "Docker"), ("run/.containerenv", "Podman"), (".singularity.d", "Apptainer"))
_CONTAINER_WORDS = (
    ("kubepods", "Kubernetes"),
    ("docker", "Docker"),
    ("libpod", "Podman"),
    ("containerd", "containerd"),
    ("lxc", "LXC"),
)


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The strictest limits on this process's control group and those above it; null where there is none.

    Attributes
    ----------
    version : int or None
        1 or 2; null where there are no control groups.
    cpu_quota : float or None
        How many processors' time may be used.
    memory_bytes : int or None
        How much memory may be used.
    """

    version: int | None
    cpu_quota: float | None
    memory_bytes: int | None


def _upwards(mount: Path, group: str) -> list[Path]:
    """Return the folder of a control group and those above it, as far as they are visible here."""
    parts = PurePosixPath("/" + group.lstrip("/")).parts[1:]
    return [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _quota_v2(folder: Path) -> float | None:
    match = re.fullmatch(r"(\d+) (\d+)", read_text(folder / "cpu.max") or "")
    return int(match.group(1)) / int(match.group(2)) if match and int(match.group(2)) else None


def _quota_v1(folder: Path) -> float | None:
    quota, period = read_text(folder / "cpu.cfs_quota_us"), read_text(folder / "cpu.cfs_period_us")
    if quota is None or period is None or not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _memory(path: Path) -> int | None:
    text = read_text(path)
    return int(text) if text is not None and text.isdigit() and int(text) < _UNLIMITED_BYTES else None


def read_cgroup_limits(root: Path = Path("/")) -> CgroupLimits:
    """Read the limits of the control groups this process is in, versions 1 and 2 and the two mixed.

    Parameters
    ----------
    root : Path
        The folder that holds `proc` and `sys`; another one than `/` in tests.
    """
    mount = root / "sys/fs/cgroup"
    quotas: list[float | None] = []
    memories: list[int | None] = []
    version: int | None = None
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        names = controllers.split(",")
        if controllers == "":
            folders = _upwards(mount, group)
            if any((folder / "cgroup.controllers").is_file() for folder in folders):
                version = version or 2
            quotas += [_quota_v2(folder) for folder in folders]
            memories += [_memory(folder / "memory.max") for folder in folders]
        if "cpu" in names:
            version = 1
            quotas += [_quota_v1(folder) for name in ("cpu", controllers) for folder in _upwards(mount / name, group)]
        if "memory" in names:
            version = 1
            memories += [_memory(folder / "memory.limit_in_bytes") for folder in _upwards(mount / "memory", group)]
    return CgroupLimits(
        version=version,
        cpu_quota=min((quota for quota in quotas if quota is not None), default=None),
        memory_bytes=min((memory for memory in memories if memory is not None), default=None),
    )


def detect_hypervisor(root: Path = Path("/"), *, cpu_flag: bool = False) -> str | None:
    """Return the name of the hypervisor below, `unknown` where only the processor's flag reports one, or None.

    Parameters
    ----------
    root : Path
        The folder that holds `proc` and `sys`.
    cpu_flag : bool
        Whether `/proc/cpuinfo` shows the flag `hypervisor`.
    """
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "WSL"
    firmware = [read_text(root / "sys/class/dmi/id" / name) or "" for name in ("sys_vendor", "product_name")]
    firmware.append(read_text(root / "sys/hypervisor/type") or "")
    known = " ".join(firmware).lower()
    for word, name in _HYPERVISORS:
        # A machine rented whole shows the same vendor as a virtual one, but not the processor's flag.
        if word in known and (cpu_flag or "metal" not in known):
            return name
    return "unknown" if cpu_flag else None


def detect_container(root: Path = Path("/")) -> str | None:
    """Return the kind of container this process runs in, or None."""
    for path, name in _CONTAINER_FILES:
        if (root / path).exists():
            return name
    groups = read_text(root / "proc/1/cgroup") or ""
    for word, name in _CONTAINER_WORDS:
        if word in groups:
            return name
    return None


def affinity_cpus() -> int | None:
    """Return on how many logical processors this process may run; None where the system does not report it."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return len(os.sched_getaffinity(0))
