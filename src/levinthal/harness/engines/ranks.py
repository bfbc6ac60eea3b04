"""Ranks: the processes of one training, started by torchrun on this machine or, under Slurm, on several.

`start_ranks` starts them below a launcher that dies with the caller; `torchrun_command` is the same as a line that a
person can type. A rank finds its number in the environment, as torchrun leaves it there.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from levinthal.errors import LevinthalError, UsageError, to_line
from levinthal.files.writing import write_failure
from levinthal.harness.engines.loopback import ADDRESS, listen_on_loopback
from levinthal.harness.engines.processes import END, available_cores, bound_arguments, guarded_command, lifeline

if TYPE_CHECKING:
    import torch

_GRACE_S = 10.0
_NO_LOGS = ("--log-dir", os.devnull)  # torchrun makes an empty folder for logs else, and leaves it behind
_HERE = (*_NO_LOGS, "--standalone", "--local-addr", ADDRESS, "--nproc-per-node")
# for the shell of a job: the first node, and a port that jobs on one node do not share
_RENDEZVOUS = '"$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):$((20000 + SLURM_JOB_ID % 20000))"'


def torchrun_command(n_ranks: int, module: str, arguments: Sequence[str], n_nodes: int = 1) -> list[str]:
    """Return the command that runs `module` in `n_ranks` processes, as words for a shell.

    Parameters
    ----------
    n_ranks : int
        Over all nodes.
    module : str
        What each process runs, as after ``python -m``.
    arguments : sequence of str
        Its arguments.
    n_nodes : int
        With more than one, `srun` starts one torchrun a node; the line belongs into a job script, where Slurm says
        which nodes there are. With one it is our launcher of torchrun, which listens on this machine alone.

    Raises
    ------
    UsageError
        The ranks cannot be dealt out evenly to the nodes.
    """
    if n_nodes == 1:
        return [sys.executable, "-m", __name__, str(n_ranks), module, *arguments]
    if n_nodes < 1 or n_ranks % n_nodes:
        raise UsageError(f"{n_ranks} ranks cannot be dealt out evenly to {n_nodes} nodes: choose a multiple")
    return [
        "srun", f"--nodes={n_nodes}", f"--ntasks={n_nodes}", "--ntasks-per-node=1",
        sys.executable, "-m", "torch.distributed.run", f"--nnodes={n_nodes}", f"--nproc-per-node={n_ranks // n_nodes}",
        *_NO_LOGS, "--rdzv-backend=c10d", '--rdzv-id="$SLURM_JOB_ID"', f"--rdzv-endpoint={_RENDEZVOUS}",
        "-m", module, *arguments,
    ]  # fmt: skip


def start_ranks(
    n_ranks: int,
    module: str,
    arguments: Sequence[str],
    *,
    n_nodes: int = 1,
    threads: int | None = None,
    log: IO[bytes] | int,
) -> subprocess.Popen[str]:
    """Start ranks in a session of their own and return their launcher; they end with this process, however it ends.

    Parameters
    ----------
    n_ranks, module, arguments, n_nodes
        See `torchrun_command`.
    threads : int, optional
        Of each rank; by default its part of this machine's cores.
    log : file or descriptor
        Where what they write to stderr goes; their stdout is the launcher's `stdout`.
    """
    if n_nodes == 1:
        command = guarded_command(__name__, [str(n_ranks), module, *arguments], lifeline())
    else:
        line = shell_line(torchrun_command(n_ranks, module, arguments, n_nodes))
        command = ["/bin/sh", "-c", f"exec {line}"]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=None if threads is None else {**os.environ, "OMP_NUM_THREADS": str(threads)},
        pass_fds=(lifeline(),),
        start_new_session=True,
    )


def shell_line(words: Sequence[str]) -> str:
    """Return words as a line for a shell, which finds out at which node the ranks meet."""
    return " ".join(word if word.startswith("--rdzv-") else shlex.quote(word) for word in words)


def end_ranks(launcher: subprocess.Popen[str]) -> None:
    """Stop a launcher, which stops its ranks; after a while its guard does."""
    if launcher.stdout is not None:
        launcher.stdout.close()
    if launcher.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGTERM)
    try:
        launcher.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        launcher.send_signal(END)
        launcher.wait()


def become_launcher(n_ranks: int, module: str, arguments: Sequence[str]) -> None:
    """Become the process that starts ranks on this machine and watches over them."""
    from torch.distributed import run

    listen_on_loopback()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(available_cores()) // n_ranks)))
    run.main([*_HERE, str(n_ranks), "-m", *bound_arguments(module, arguments)])


def end_rank(error: Exception, place: Path) -> NoReturn:
    """End a rank by an exception: a mistake, or a full disk, is a line of `to_line` on stdout, else it is raised again.

    Stdout is a pipe to who started the ranks, which holds when the disk takes no more.

    Parameters
    ----------
    error : Exception
    place : Path
        What the rank writes.
    """
    known = error if isinstance(error, LevinthalError) else write_failure(error, place)
    if known is None:
        raise error
    with suppress(OSError):  # the log is on the disk
        if not sys.stdout.isatty():
            print(to_line(known), flush=True)
        print(f"error: {known}", file=sys.stderr, flush=True)
    sys.exit(2)


def device_of_rank(device: str) -> torch.device:
    """Return where this rank computes: a GPU of its own, or a CPU.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto" takes GPUs where every rank of this node gets one.

    Raises
    ------
    UsageError
        GPUs were asked for and there are fewer than ranks.
    """
    import torch

    local_rank, n_local = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and n_gpus < n_local):
        return torch.device("cpu")
    if n_gpus < n_local:
        raise UsageError(f"{n_local} ranks need a GPU each and there are {n_gpus}: start fewer, or set device cpu")
    return torch.device("cuda", local_rank)


def threads_of_rank(device: str, n_local: int) -> int:
    """Return the threads of a rank: one on a CPU, where it has a core, else its part of the cores of a node.

    Parameters
    ----------
    device : str
        "cpu", or of a GPU.
    n_local : int
        Ranks on the node; where numbers of ranks are compared, the most there are.
    """
    return 1 if device == "cpu" else max(1, len(available_cores()) // n_local)


def pin_rank() -> int:
    """Pin this rank to one core of its node, for its one thread; return how many of its ranks share that core.

    A process that may wander between cores, or whose threads wait for each other, measures the scheduler.
    """
    import torch

    local_rank, n_local = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    cores = available_cores()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores[local_rank % len(cores)]})
    return -(-n_local // len(cores))


if __name__ == "__main__":
    become_launcher(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
