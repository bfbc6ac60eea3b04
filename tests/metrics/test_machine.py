from __future__ import annotations

import getpass
import platform
import socket
from pathlib import Path

import psutil
import pytest

from levinthal.metrics.description import Gpu, Machine
from levinthal.metrics.gpus import parse_nvidia_smi
from levinthal.metrics.machine import describe_machine, read_thread_variables

SECTIONS = ("cpu", "memory", "system", "limits", "threads", "noise")


def test_the_description_is_json_and_agrees_with_psutil() -> None:
    machine = describe_machine()
    assert Machine.model_validate_json(machine.model_dump_json()) == machine
    assert machine.cpu.threads == psutil.cpu_count()
    assert machine.cpu.cores == psutil.cpu_count(logical=False)
    assert machine.memory.total_bytes == psutil.virtual_memory().total
    assert machine.system.kernel == platform.release()


def test_every_null_has_a_reason(tmp_path: Path) -> None:
    for root in (Path("/"), tmp_path):
        machine = describe_machine(root)
        nulls = {
            f"{section}.{key}" for section in SECTIONS for key, value in getattr(machine, section) if value is None
        }
        assert nulls <= set(machine.reasons)
        assert all(machine.reasons.values())
    # An empty tree tells nothing, and nothing breaks.
    assert machine.cpu.cores is None
    assert machine.memory.total_bytes is None


def test_nothing_private_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVINTHAL_SECRET", "hunter2-in-the-environment")
    monkeypatch.setenv("OMP_NUM_THREADS", "hunter2-in-a-thread-variable")
    text = describe_machine().model_dump_json()
    assert "hunter2" not in text
    assert str(Path.home()) + "/" not in text
    assert "site-packages" not in text
    host, user = socket.gethostname(), getpass.getuser()
    for name in (host, user):
        if len(name) > 4:  # shorter names are found in ordinary words
            assert name not in text


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ({"OMP_NUM_THREADS": "4", "PATH": "/bin"}, {"OMP_NUM_THREADS": "4"}),
        ({"OMP_NUM_THREADS": " 4,2 ", "MKL_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "4,2", "MKL_NUM_THREADS": "1"}),
        ({"OPENBLAS_NUM_THREADS": "/home/me"}, {}),
        ({"OMP_NUM_THREADS": ""}, {}),
    ],
)
def test_thread_variables_are_counts_or_nothing(environment: dict[str, str], kept: dict[str, str]) -> None:
    assert read_thread_variables(environment) == kept


def test_torchs_threads_are_told_once_it_is_loaded() -> None:
    torch = pytest.importorskip("torch")
    threads = describe_machine().threads
    assert threads.torch == torch.get_num_threads()
    assert threads.pools is None or all(pool.num_threads for pool in threads.pools)


def test_what_nvidia_smi_prints() -> None:
    text = (
        "NVIDIA H200, 570.86.15, 143771, 345, 1980, 3201, 3201, 700.00\n"
        "NVIDIA A10G, 570.86.15, 23028, [N/A], 1710, 405, 6251, [N/A]\n"
        "\nFailed to initialize NVML\n"
    )
    first, second = parse_nvidia_smi(text)
    assert first == Gpu(
        name="NVIDIA H200",
        driver="570.86.15",
        memory_bytes=143771 * 1024**2,
        sm_clock_mhz=345,
        max_sm_clock_mhz=1980,
        memory_clock_mhz=3201,
        max_memory_clock_mhz=3201,
        power_limit_w=700.0,
    )
    assert (second.sm_clock_mhz, second.power_limit_w) == (None, None)
