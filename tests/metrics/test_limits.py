from __future__ import annotations

from pathlib import Path

import pytest

from levinthal.metrics.limits import (
    CgroupLimits,
    affinity_cpus,
    detect_container,
    detect_hypervisor,
    read_cgroup_limits,
)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_version_2_takes_the_strictest_of_a_group_and_those_above(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slice/job.scope",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "sys/fs/cgroup/slice/cpu.max": "150000 100000",
            "sys/fs/cgroup/slice/memory.max": "max",
            "sys/fs/cgroup/slice/job.scope/cpu.max": "400000 100000",
            "sys/fs/cgroup/slice/job.scope/memory.max": "2147483648",
        },
    )
    assert read_cgroup_limits(root) == CgroupLimits(2, 1.5, 2147483648)


def test_version_2_without_limits(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "sys/fs/cgroup/cpu.max": "max 100000",
        },
    )
    assert read_cgroup_limits(root) == CgroupLimits(2, None, None)


def test_version_1_in_a_container_that_sees_only_its_own_group(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824",
        },
    )
    assert read_cgroup_limits(root) == CgroupLimits(1, 2.0, 1073741824)


def test_version_1_without_limits(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "2:memory:/\n1:cpu:/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert read_cgroup_limits(root) == CgroupLimits(1, None, None)


def test_no_control_groups(tmp_path: Path) -> None:
    assert read_cgroup_limits(tmp_path) == CgroupLimits(None, None, None)


@pytest.mark.parametrize("text", ["", "nonsense", "0::", ":::", "0::/../../etc"])
def test_odd_cgroup_files_do_no_harm(tmp_path: Path, text: str) -> None:
    assert read_cgroup_limits(tree(tmp_path, {"proc/self/cgroup": text})).cpu_quota is None


@pytest.mark.parametrize(
    ("files", "flag", "expected"),
    [
        ({"sys/class/dmi/id/sys_vendor": "QEMU"}, True, "QEMU/KVM"),
        ({"sys/class/dmi/id/sys_vendor": "Amazon EC2"}, True, "Amazon EC2"),
        ({"sys/class/dmi/id/sys_vendor": "Amazon EC2", "sys/class/dmi/id/product_name": "c6i.metal"}, False, None),
        ({"sys/class/dmi/id/sys_vendor": "Dell Inc."}, False, None),
        ({"sys/hypervisor/type": "xen"}, True, "Xen"),
        ({"proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2"}, True, "WSL"),
        ({}, True, "unknown"),
        ({}, False, None),
    ],
)
def test_hypervisors(tmp_path: Path, files: dict[str, str], flag: bool, expected: str | None) -> None:
    assert detect_hypervisor(tree(tmp_path, files), cpu_flag=flag) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".dockerenv": ""}, "Docker"),
        ({"run/.containerenv": ""}, "Podman"),
        ({"proc/1/cgroup": "0::/kubepods/besteffort/pod1"}, "Kubernetes"),
        ({"proc/1/cgroup": "0::/init.scope"}, None),
    ],
)
def test_containers(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    assert detect_container(tree(tmp_path, files)) == expected


def test_the_affinity_mask_follows_the_system() -> None:
    import os

    if not hasattr(os, "sched_setaffinity"):
        assert affinity_cpus() is None
        return
    before = os.sched_getaffinity(0)
    assert affinity_cpus() == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert affinity_cpus() == 1
    finally:
        os.sched_setaffinity(0, before)
