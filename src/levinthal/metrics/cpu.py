"""What the kernel says of the processor: pure readings of `/proc` texts and `/sys` trees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

INSTRUCTION_SETS = {
    "avx2": "avx2",
    "fma": "fma",
    "avx512f": "avx512f",
    "avx512_bf16": "avx512_bf16",
    "avx512_vnni": "avx512_vnni",
    "avx_vnni": "avx_vnni",
    "amx_tile": "amx_tile",
    "amx_bf16": "amx_bf16",
    "amx_int8": "amx_int8",
    "neon": "neon",
    "asimd": "neon",
    "sve": "sve",
    "sve2": "sve2",
    "bf16": "bf16",
    "i8mm": "i8mm",
}
"""Kernel flag to the name we print: the vector and matrix extensions that decide the speed of dense arithmetic."""

ARM_IMPLEMENTERS = {
    0x41: "Arm",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
"""MIDR_EL1.Implementer, Arm Architecture Reference Manual for A-profile, table of implementer codes."""

ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "Kunpeng-920",
    (0xC0, 0xAC3): "Ampere-1",
}
"""MIDR_EL1.PartNum of processors met in servers, from their technical reference manuals."""

_UNITS = {"": 1, "B": 1, "K": 1024, "KB": 1024, "M": 1024**2, "MB": 1024**2, "G": 1024**3, "GB": 1024**3}


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """What `/proc/cpuinfo` holds; null where it says nothing.

    Attributes
    ----------
    model, vendor : str or None
        As the processor names itself; on ARM from its implementer and part number.
    threads : int
        Logical processors listed.
    sockets, cores : int or None
        Distinct packages and physical cores; x86 only.
    mhz_now : float or None
        Mean over the logical processors.
    instruction_sets : tuple of str
        Those of `INSTRUCTION_SETS` that are there, in that order.
    hypervisor : bool
        The flag that a virtual machine shows (x86 only).
    """

    model: str | None
    vendor: str | None
    threads: int
    sockets: int | None
    cores: int | None
    mhz_now: float | None
    instruction_sets: tuple[str, ...]
    hypervisor: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """Sockets, physical cores and logical processors."""

    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True, slots=True)
class Cache:
    """One level of cache: the size of an instance and how many there are."""

    bytes: int
    instances: int


def read_text(path: Path) -> str | None:
    """Return the text of a small kernel file, stripped; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\n")
    except OSError:
        return None


def _arm_model(first: dict[str, str]) -> tuple[str | None, str | None]:
    try:
        implementer, part = int(first["CPU implementer"], 16), int(first["CPU part"], 16)
    except (KeyError, ValueError):
        return None, None
    vendor = ARM_IMPLEMENTERS.get(implementer, f"implementer {implementer:#04x}")
    return f"{vendor} {ARM_PARTS.get((implementer, part), f'part {part:#05x}')}", vendor


def parse_cpuinfo(text: str) -> CpuInfo:
    """Read `/proc/cpuinfo` of x86 or ARM.

    Parameters
    ----------
    text : str
        The file's text.
    """
    processors = [
        {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        for block in re.split(r"\n\s*\n", text.strip())
    ]
    processors = [entry for entry in processors if "processor" in entry]
    first = processors[0] if processors else {}
    arm_model, arm_vendor = _arm_model(first)
    flags = set((first.get("flags") or first.get("Features") or "").split())
    cores = {(e["physical id"], e["core id"]) for e in processors if "physical id" in e and "core id" in e}
    mhz = [float(e["cpu MHz"]) for e in processors if re.fullmatch(r"\d+(\.\d+)?", e.get("cpu MHz", ""))]
    found = dict.fromkeys(name for flag, name in INSTRUCTION_SETS.items() if flag in flags)
    return CpuInfo(
        model=" ".join(first["model name"].split()) if first.get("model name") else arm_model,
        vendor=first.get("vendor_id") or arm_vendor,
        threads=len(processors),
        sockets=len({package for package, _ in cores}) or None,
        cores=len(cores) or None,
        mhz_now=sum(mhz) / len(mhz) if mhz else None,
        instruction_sets=tuple(found),
        hypervisor="hypervisor" in flags,
    )


def parse_meminfo_bytes(text: str, key: str = "MemTotal") -> int | None:
    """Return an entry of `/proc/meminfo` in bytes."""
    match = re.search(rf"^{re.escape(key)}:\s+(\d+)\s*kB", text, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None


def parse_size_bytes(text: str) -> int | None:
    """Read a size such as `32K` or `1M`, the way `/sys` writes the size of a cache."""
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(match.group(2).upper()) if match else None
    return int(match.group(1)) * unit if match and unit else None


def steal_share(text: str) -> float | None:
    """Return the share of processor time that other guests took since boot, from the text of `/proc/stat`.

    The eighth figure of the line `cpu` is the time stolen; the ninth and tenth are contained in the first two
    (proc_stat(5)).
    """
    match = re.search(r"^cpu\s+([\d ]+)$", text, re.MULTILINE)
    figures = [int(part) for part in match.group(1).split()][:8] if match else []
    if len(figures) < 8 or sum(figures) == 0:
        return None
    return figures[7] / sum(figures)


def _cpu_folders(root: Path) -> list[Path]:
    return sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*"), key=lambda path: int(path.name[3:]))


def read_topology(root: Path = Path("/")) -> Topology | None:
    """Return the topology from `/sys/devices/system/cpu`, or None where it is not there.

    Parameters
    ----------
    root : Path
        The folder that holds `sys`; another one than `/` in tests.
    """
    threads = [
        (read_text(folder / "topology/physical_package_id"), read_text(folder / "topology/core_id"))
        for folder in _cpu_folders(root)
    ]
    known = [(package, core) for package, core in threads if package is not None and core is not None]
    if not known:
        return None
    return Topology(sockets=len({package for package, _ in known}), cores=len(set(known)), threads=len(known))


def read_caches(root: Path = Path("/")) -> dict[str, Cache]:
    """Return the caches l1d, l2, l3 that `/sys/devices/system/cpu` lists; a shared cache is counted once.

    Parameters
    ----------
    root : Path
        The folder that holds `sys`; another one than `/` in tests.
    """
    seen: dict[str, dict[str, int]] = {}
    for cpu in _cpu_folders(root):
        for index in sorted((cpu / "cache").glob("index[0-9]*")):
            level, kind = read_text(index / "level"), read_text(index / "type")
            size = parse_size_bytes(read_text(index / "size") or "")
            if level is None or size is None or kind == "Instruction":
                continue
            shared = read_text(index / "shared_cpu_list") or cpu.name
            seen.setdefault("l1d" if level == "1" else f"l{level}", {})[shared] = size
    return {name: Cache(max(sizes.values()), len(sizes)) for name, sizes in sorted(seen.items())}


def read_numa_nodes(root: Path = Path("/")) -> int | None:
    """Return the number of NUMA nodes, or None where the kernel does not report it."""
    return len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or None
