"""Parsl on Kubernetes: a pod a block, two replicas a pod.

Run it where pods can reach it, best in a pod itself:

    levinthal run sampling --size small --engine parsl:kubernetes.py --out /shared/run

The image holds Levinthal with the extra `parsl`, at the same versions as here; `/shared` is a volume of all pods. It
needs the package `kubernetes` beside Parsl. For GPUs ask for them by `extra_limits` and set `available_accelerators`.
"""

from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import KubernetesProvider

CORES_PER_POD = 2

config = Config(
    executors=[
        HighThroughputExecutor(
            label="simulation",
            address=address_by_hostname(),
            encrypted=True,
            max_workers_per_node=CORES_PER_POD,
            cores_per_worker=1,
            heartbeat_period=5,
            heartbeat_threshold=60,
            provider=KubernetesProvider(
                image="registry.example.org/levinthal:0.1",
                namespace="default",
                init_blocks=2,
                min_blocks=0,
                max_blocks=8,
                init_cpu=CORES_PER_POD,
                max_cpu=CORES_PER_POD,
                init_mem="2Gi",
                max_mem="4Gi",
                persistent_volumes=[("shared-claim", "/shared")],
                # extra_limits={"nvidia.com/gpu": "1"},
            ),
        ),
    ],
    retries=2,
)
