"""Parsl on a Slurm cluster: simulation on whole GPU nodes, training on one GPU beside.

Run it on a login node:

    levinthal run sampling --size paper --device cpu --set platform=CUDA --engine parsl:slurm.py --out $SCRATCH/run

`--out` must lie where all nodes see it. Partition, account, environment and address are your site's; the rest fits.
"""

from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

GPUS_PER_NODE = 4
REPLICAS_PER_GPU = 2

# What makes `levinthal` available on a compute node, and MPS, by which replicas share a GPU.
ENVIRONMENT = """
source $HOME/levinthal/.venv/bin/activate
export CUDA_MPS_PIPE_DIRECTORY=$TMPDIR/mps CUDA_MPS_LOG_DIRECTORY=$TMPDIR/mps
mkdir -p $CUDA_MPS_PIPE_DIRECTORY && nvidia-cuda-mps-control -d
"""


def reachable_address() -> str:
    """Return this node's address on the network that compute nodes see; change the interface to your site's."""
    try:
        return address_by_interface("ib0")
    except OSError:
        return address_by_interface("lo")


config = Config(
    executors=[
        HighThroughputExecutor(
            label="simulation",
            address=reachable_address(),
            encrypted=True,
            # 8 workers a node; Parsl gives each the GPU that is its own (CUDA_VISIBLE_DEVICES).
            available_accelerators=GPUS_PER_NODE * REPLICAS_PER_GPU,
            max_workers_per_node=GPUS_PER_NODE * REPLICAS_PER_GPU,
            cpu_affinity="block",
            heartbeat_period=5,
            heartbeat_threshold=60,
            # Stop taking chunks a quarter of an hour before the job's end, so that none is cut off.
            drain_period=4 * 3600 - 900,
            provider=SlurmProvider(
                partition="gpu",
                account="my_project",
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=0,
                max_blocks=4,
                gpus_per_node=GPUS_PER_NODE,
                walltime="04:00:00",
                worker_init=ENVIRONMENT,
                launcher=SrunLauncher(),
            ),
        ),
        HighThroughputExecutor(
            label="training",
            address=reachable_address(),
            encrypted=True,
            available_accelerators=1,
            max_workers_per_node=1,
            heartbeat_period=5,
            heartbeat_threshold=60,
            provider=SlurmProvider(
                partition="gpu",
                account="my_project",
                nodes_per_block=1,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                gpus_per_node=1,
                exclusive=False,
                walltime="12:00:00",
                worker_init="source $HOME/levinthal/.venv/bin/activate",
                launcher=SrunLauncher(),
            ),
        ),
    ],
    retries=2,
)
