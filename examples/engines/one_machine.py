"""Parsl on this machine: `levinthal run sampling --engine parsl:examples/engines/one_machine.py`.

As many workers as cores but one, each pinned to its core; training has that one. With a GPU see `one_machine_gpu.py`.
`--engine local:N` does the same with less overhead: this is the configuration to begin from.
"""

import os

from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

cores = sorted(os.sched_getaffinity(0))
workers = max(len(cores) - 1, 1)

config = Config(
    executors=[
        HighThroughputExecutor(
            label="simulation",
            address="127.0.0.1",
            max_workers_per_node=workers,
            # One core and one thread for each worker: small molecular systems gain nothing from a second thread.
            cpu_affinity="list:" + ":".join(str(core) for core in cores[:workers]),
            heartbeat_period=2,
            heartbeat_threshold=20,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        ),
        HighThroughputExecutor(
            label="training",
            address="127.0.0.1",
            max_workers_per_node=1,
            cpu_affinity=f"list:{cores[-1]}",
            heartbeat_period=2,
            heartbeat_threshold=20,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        ),
    ],
    # A task whose worker died is tried again; one that failed by itself is not: the workload decides about that.
    retries=2,
)
