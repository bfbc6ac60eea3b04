from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.metrics.cpu import (
    Cache,
    Topology,
    parse_cpuinfo,
    parse_meminfo_bytes,
    parse_size_bytes,
    read_caches,
    read_numa_nodes,
    read_topology,
    steal_share,
)


def x86(vendor: str, model: str, flags: str, threads: int, cores: int, sockets: int = 1, mhz: float = 3000.0) -> str:
    per_socket = threads // sockets
    return "\n".join(
        f"""processor\t: {i}
vendor_id\t: {vendor}
cpu family\t: 25
model name\t: {model}
cpu MHz\t\t: {mhz + i:.3f}
cache size\t: 512 KB
physical id\t: {i // per_socket}
core id\t\t: {i % (cores // sockets)}
flags\t\t: {flags}
bugs\t\t: avx2 amx_bf16
"""
        for i in range(threads)
    )


ARM = "\n".join(
    f"""processor\t: {i}
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes crc32 atomics asimddp sve i8mm bf16
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""
    for i in range(4)
)


def test_amd_with_two_threads_a_core() -> None:
    info = parse_cpuinfo(x86("AuthenticAMD", "AMD  EPYC 7763 64-Core Processor", "fpu sse avx2 fma svm", 8, 4))
    assert (info.model, info.vendor) == ("AMD EPYC 7763 64-Core Processor", "AuthenticAMD")
    assert (info.threads, info.cores, info.sockets) == (8, 4, 1)
    assert info.instruction_sets == ("avx2", "fma")
    assert info.mhz_now == pytest.approx(3003.5)
    assert not info.hypervisor


def test_intel_of_two_sockets_in_a_virtual_machine() -> None:
    flags = "fpu hypervisor avx2 fma avx512f avx512_bf16 avx512_vnni amx_bf16 amx_tile amx_int8"
    info = parse_cpuinfo(x86("GenuineIntel", "Intel(R) Xeon(R) Platinum 8480+", flags, 8, 4, sockets=2))
    assert (info.threads, info.cores, info.sockets) == (8, 4, 2)
    assert set(info.instruction_sets) == {
        "avx2",
        "fma",
        "avx512f",
        "avx512_bf16",
        "avx512_vnni",
        "amx_tile",
        "amx_bf16",
        "amx_int8",
    }
    assert info.hypervisor


def test_arm_names_its_core_by_number() -> None:
    info = parse_cpuinfo(ARM)
    assert (info.model, info.vendor, info.threads) == ("Arm Neoverse-V1", "Arm", 4)
    assert (info.cores, info.sockets, info.mhz_now) == (None, None, None)
    assert info.instruction_sets == ("neon", "sve", "bf16", "i8mm")


def test_an_arm_core_nobody_knows_keeps_its_numbers() -> None:
    info = parse_cpuinfo(ARM.replace("0x41", "0x99").replace("0xd40", "0xabc"))
    assert info.model == "implementer 0x99 part 0xabc"


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense", "processor : 0"])
def test_a_text_that_says_nothing_gives_nulls(text: str) -> None:
    info = parse_cpuinfo(text)
    assert (info.model, info.vendor, info.cores, info.mhz_now, info.instruction_sets) == (None, None, None, None, ())


@given(st.text(max_size=300))
def test_no_text_breaks_the_parsers(text: str) -> None:
    assert parse_cpuinfo(text).threads >= 0
    parse_meminfo_bytes(text)
    parse_size_bytes(text)
    steal_share(text)


def test_meminfo() -> None:
    text = "MemTotal:       24682416 kB\nMemFree:          100 kB\nMemAvailable:   24096312 kB\n"
    assert parse_meminfo_bytes(text) == 24682416 * 1024
    assert parse_meminfo_bytes(text, "MemAvailable") == 24096312 * 1024
    assert parse_meminfo_bytes(text, "Absent") is None


@pytest.mark.parametrize(
    ("text", "size"), [("32K", 32768), ("1024K", 1048576), ("36M", 37748736), ("", None), ("x", None)]
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size_bytes(text) == size


def test_steal_counts_guest_time_once() -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice; guest is contained in user.
    assert steal_share("cpu  50 0 20 100 5 0 5 20 40 0\ncpu0 1 2 3\n") == pytest.approx(20 / 200)
    assert steal_share("cpu  1 2 3 4\n") is None
    assert steal_share("") is None


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_topology_and_caches_of_two_sockets_with_two_threads_a_core(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    files: dict[str, str] = {f"{cpu}/cpuidle/current_driver": "none"}
    for thread in range(8):
        socket, core = thread // 4, (thread % 4) // 2
        pair = f"{thread // 2 * 2}-{thread // 2 * 2 + 1}"
        whole = "0-3" if socket == 0 else "4-7"
        files |= {f"{cpu}/cpu{thread}/topology/physical_package_id": str(socket)}
        files |= {f"{cpu}/cpu{thread}/topology/core_id": str(core)}
        caches = [("1", "Data", "32K", pair), ("1", "Instruction", "64K", pair), ("2", "Unified", "1024K", pair)]
        for index, (level, kind, size, shared) in enumerate([*caches, ("3", "Unified", "32768K", whole)]):
            folder = f"{cpu}/cpu{thread}/cache/index{index}"
            files |= {f"{folder}/level": level, f"{folder}/type": kind}
            files |= {f"{folder}/size": size, f"{folder}/shared_cpu_list": shared}
    files |= {"sys/devices/system/node/node0/cpulist": "0-3", "sys/devices/system/node/node1/cpulist": "4-7"}
    root = tree(tmp_path, files)
    assert read_topology(root) == Topology(sockets=2, cores=4, threads=8)
    assert read_caches(root) == {"l1d": Cache(32768, 4), "l2": Cache(1048576, 4), "l3": Cache(33554432, 2)}
    assert read_numa_nodes(root) == 2


def test_nothing_is_told_where_there_is_nothing(tmp_path: Path) -> None:
    assert read_topology(tmp_path) is None
    assert read_caches(tmp_path) == {}
    assert read_numa_nodes(tmp_path) is None
