"""A machine, its measured peaks and its software, as records: every key that a result holds of them is written here.

A figure is null where the machine does not report it; `reasons` then says why, by the figure's dotted name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from levinthal.metrics.cpu import Cache


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Cpu(_Part):
    """The processor; `cores` are physical, `threads` logical, frequencies those of the first core."""

    model: str | None = None
    vendor: str | None = None
    architecture: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    instruction_sets: tuple[str, ...] = ()
    l1d_cache: Cache | None = None
    l2_cache: Cache | None = None
    l3_cache: Cache | None = None
    mhz_now: float | None = None
    mhz_max: float | None = None
    governor: str | None = None


class Memory(_Part):
    """Main memory."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    numa_nodes: int | None = None


class Gpu(_Part):
    """A graphics processor; without serial numbers and addresses."""

    name: str
    driver: str | None = None
    memory_bytes: int | None = None
    sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    max_memory_clock_mhz: int | None = None
    power_limit_w: float | None = None


class System(_Part):
    """The operating system, and what it runs in."""

    name: str | None = None
    distribution: str | None = None
    kernel: str | None = None
    hypervisor: str | None = None
    container: str | None = None


class Limits(_Part):
    """What the process may use of the machine."""

    cgroup_version: int | None = None
    cpu_quota: float | None = None
    memory_bytes: int | None = None
    affinity_cpus: int | None = None


class Pool(_Part):
    """A pool of threads that a library holds."""

    user_api: str | None = None
    internal_api: str | None = None
    version: str | None = None
    num_threads: int | None = None


class Threads(_Part):
    """Thread counts of torch (where it is loaded) and of other libraries, and the variables that set them."""

    torch: int | None = None
    torch_interop: int | None = None
    pools: tuple[Pool, ...] | None = None
    variables: Mapping[str, str] = Field(default_factory=dict)


class Noise(_Part):
    """What else the machine was doing when the run began."""

    load_average_1_min: float | None = None
    steal_share_since_boot: float | None = None


class Machine(_Part):
    """A machine, fit to be published: no host or user names, no addresses, no paths, no environment."""

    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    gpus: tuple[Gpu, ...] = ()
    system: System = System()
    limits: Limits = Limits()
    threads: Threads = Threads()
    noise: Noise = Noise()
    reasons: Mapping[str, str] = Field(default_factory=dict)


class Peaks(_Part):
    """Measured peaks of one device.

    Attributes
    ----------
    device : str
        `cpu` or `cuda:0`.
    threads : int
        Threads of torch during the measurement.
    fp32_gflop_s, bf16_gflop_s : float or None
        2 n^3 floating-point operations over the best time of an n x n matrix product.
    copy_gb_s, copy_one_thread_gb_s : float or None
        Bytes read plus bytes written over the best time of a copy, 1 GB = 1e9 bytes; all threads and one.
    methods : mapping of str to str
        For each figure the route and size that gave it.
    reasons : mapping of str to str
        For each null figure why.
    """

    device: str
    threads: int
    fp32_gflop_s: float | None = None
    bf16_gflop_s: float | None = None
    copy_gb_s: float | None = None
    copy_one_thread_gb_s: float | None = None
    methods: Mapping[str, str] = Field(default_factory=dict)
    reasons: Mapping[str, str] = Field(default_factory=dict)


class Software(_Part):
    """Which code ran.

    Attributes
    ----------
    python, python_implementation : str or None
        The interpreter.
    levinthal, code_sha256, git_commit : str or None
        Levinthal's version, the hash of what is installed, and its commit: null outside a checkout, ending in `-dirty`
        where the package was changed.
    packages : mapping of str to (str or None)
        The version of each library that takes part in a measurement; null where it is not installed.
    """

    python: str | None = None
    python_implementation: str | None = None
    levinthal: str | None = None
    code_sha256: str | None = None
    git_commit: str | None = None
    packages: Mapping[str, str | None] = Field(default_factory=dict)
