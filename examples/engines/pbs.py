"""Parsl on a PBS Professional cluster of CPU nodes: one replica a core, each pinned.

Run it on a login node:

    levinthal run sampling --size small --engine parsl:pbs.py --out $SCRATCH/run

`--out` must lie where all nodes see it. Queue, account, environment and address are your site's. Training runs in a
process on the login node, since no executor here is labelled `training`; add one as in `slurm.py` to move it.
"""

from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

CORES_PER_NODE = 64

config = Config(
    executors=[
        HighThroughputExecutor(
            label="simulation",
            address=address_by_hostname(),
            encrypted=True,
            max_workers_per_node=CORES_PER_NODE,
            cores_per_worker=1,
            # One core and one thread for each worker: small molecular systems gain nothing from a second thread.
            cpu_affinity="block",
            heartbeat_period=5,
            heartbeat_threshold=60,
            provider=PBSProProvider(
                account="my_project",
                queue="workq",
                nodes_per_block=2,
                cpus_per_node=CORES_PER_NODE,
                init_blocks=1,
                min_blocks=0,
                max_blocks=2,
                walltime="02:00:00",
                worker_init="source $HOME/levinthal/.venv/bin/activate",
                launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
            ),
        ),
    ],
    retries=2,
)
