"""The user's own Parsl configuration: a Python program that says where workers are, read and made ready here.

FILE.py is run, as `python FILE.py` would run it: it is the user's own code, named on the user's own command line. It
leaves a `parsl.config.Config` under the name `config`, whose executors are `HighThroughputExecutor`s. The one labelled
`simulation` (or the first) makes chunks; one labelled `training`, where there is one, trains.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from levinthal.errors import UsageError
from levinthal.harness.engines.processes import bound_arguments
from levinthal.harness.engines.user_file import run_file

if TYPE_CHECKING:
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor

TRAINING = "training"
_SIMULATION = "simulation"

# Parsl's defaults of 30 and 120 s leave a dead worker unnoticed for half a minute; where the user's file keeps them,
# these are taken (s).
_DEFAULT_HEARTBEAT_S, _DEFAULT_PATIENCE_S = 30, 120
_HEARTBEAT_S, _PATIENCE_S = 2, 20
_DEFAULT_RUN_FOLDER = "runinfo"
# Parsl's own command is found on PATH alone, and outlives a coordinator that was killed, and with it its workers.
_INTERCHANGE = "parsl.executors.high_throughput.interchange"
# Ends a block on this machine, which is a process group, when its coordinator is gone: a pool that was just about to
# register with the interchange would wait for it for ever. Twice in the background, so that no shell waits for it.
_GUARD = "( ( while kill -0 {pid} 2>/dev/null; do sleep 1; done; kill -9 0 ) & )"


def load_configuration(path: Path) -> Config:
    """Run the user's file and return its `config`.

    Raises
    ------
    UsageError
        The file fails, leaves no `config`, or one without a HighThroughputExecutor.
    """
    from parsl.config import Config

    config = getattr(run_file(path, "your Parsl configuration"), "config", None)
    if not isinstance(config, Config):
        raise UsageError(f"{path} leaves no parsl.config.Config under the name config: add config = Config(...)")
    executors_of(config, path)
    return config


def executors_of(config: Config, path: Path) -> list[HighThroughputExecutor]:
    """Return the configuration's executors: first the one for tasks in general, which is never that for training.

    Raises
    ------
    UsageError
        There is none, or one of another kind.
    """
    from parsl.executors import HighThroughputExecutor

    found = []
    for executor in config.executors:
        if not isinstance(executor, HighThroughputExecutor):
            raise UsageError(
                f"{path}: executor {executor.label!r} is a {type(executor).__name__}: use HighThroughputExecutor"
            )
        found.append(executor)
    found.sort(key=lambda each: (each.label == TRAINING, each.label != _SIMULATION))
    if found[0].label == TRAINING:
        raise UsageError(f"{path}: the only executor is labelled {TRAINING!r}: add one labelled {_SIMULATION!r}")
    return found


def workers_of(executor: HighThroughputExecutor, path: Path) -> int:
    """Return how many tasks an executor runs at a time when all its blocks are there.

    Raises
    ------
    UsageError
        Nothing in the configuration says so.
    """
    from parsl.providers import LocalProvider

    provider = executor.provider
    assert provider is not None  # this kind of executor always has one
    limits = [float(executor.max_workers_per_node)]
    if executor.available_accelerators:
        limits.append(len(executor.available_accelerators))
    cores = os.cpu_count() if isinstance(provider, LocalProvider) else getattr(provider, "cores_per_node", None)
    if cores:
        limits.append(math.floor(cores / executor.cores_per_worker))
    a_node = min(limits)
    if not math.isfinite(a_node):
        raise UsageError(
            f"{path}: executor {executor.label!r} does not say how many workers a node has: set max_workers_per_node"
        )
    return max(int(a_node), 1) * provider.nodes_per_block * max(provider.max_blocks, 1)


def make_ready(config: Config, path: Path, folder: Path) -> None:
    """Fill in what a configuration leaves open; whatever it says itself is kept.

    Logs go to `folder`/parsl; a dead worker is noticed within seconds; Parsl's programs are found though the
    environment is not activated; the interchange and blocks on this machine end with this process; and of the retries
    that the configuration grants none is spent on a task that failed by itself.
    """
    from parsl.executors.high_throughput.executor import DEFAULT_INTERCHANGE_LAUNCH_CMD
    from parsl.providers import LocalProvider

    if config.run_dir == _DEFAULT_RUN_FOLDER:
        config.run_dir = str(folder / "parsl")
    if config.retry_handler is None:
        config.retry_handler = retry_cost
    for executor in executors_of(config, path):
        if executor.heartbeat_period == _DEFAULT_HEARTBEAT_S:
            executor.heartbeat_period = _HEARTBEAT_S
        if executor.heartbeat_threshold == _DEFAULT_PATIENCE_S:
            executor.heartbeat_threshold = _PATIENCE_S
        if list(executor.interchange_launch_cmd) == DEFAULT_INTERCHANGE_LAUNCH_CMD:
            executor.interchange_launch_cmd = [sys.executable, "-m", *bound_arguments(_INTERCHANGE)]
        if isinstance(executor.provider, LocalProvider):
            executor.provider.worker_init = "\n".join([_GUARD.format(pid=os.getpid()), executor.provider.worker_init])
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", "")])


def retry_cost(error: Exception, task: object) -> float:
    """Return what a retry after this error costs of a task's budget: 1 after a lost worker, else more than there is."""
    from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

    return 1.0 if isinstance(error, (WorkerLost, ManagerLost)) else math.inf
