"""Parsl on this machine with GPUs, several replicas on each.

    levinthal run sampling --size paper --engine parsl:examples/engines/one_machine_gpu.py --set platform=CUDA

A small protein fills a GPU to a fraction, so several simulations share one through NVIDIA's multi-process service
(MPS). Set the two numbers below. Each worker sees one GPU as its only one (CUDA_VISIBLE_DEVICES), so `platform=CUDA`
needs no index. Training shares the last GPU with them.
"""

from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

GPUS = 2  # nvidia-smi -L | wc -l
REPLICAS_PER_GPU = 4  # 2 to 8 for some hundred atoms: raise it while ns/day of all together still rises

START_MPS = """
export CUDA_MPS_PIPE_DIRECTORY=${TMPDIR:-/tmp}/mps-$USER CUDA_MPS_LOG_DIRECTORY=${TMPDIR:-/tmp}/mps-$USER
mkdir -p $CUDA_MPS_PIPE_DIRECTORY
pgrep -u $USER -f nvidia-cuda-mps-control > /dev/null || nvidia-cuda-mps-control -d
"""

config = Config(
    executors=[
        HighThroughputExecutor(
            label="simulation",
            address="127.0.0.1",
            # A number, not a list: with NVIDIA GPUs Parsl spreads that many workers evenly over the GPUs there are.
            available_accelerators=GPUS * REPLICAS_PER_GPU,
            cores_per_worker=1,
            heartbeat_period=2,
            heartbeat_threshold=20,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, worker_init=START_MPS),
        ),
        HighThroughputExecutor(
            label="training",
            address="127.0.0.1",
            max_workers_per_node=1,
            available_accelerators=[str(GPUS - 1)],
            heartbeat_period=2,
            heartbeat_threshold=20,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, worker_init=START_MPS),
        ),
    ],
    retries=2,
)
