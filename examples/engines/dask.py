"""Dask on this machine: `levinthal run sampling --engine executor:examples/engines/dask.py`.

A worker process a core but one, with one thread each; training has a process of its own beside them. On a cluster make
the client from dask-jobqueue (`SLURMCluster`, `PBSCluster`) or dask-kubernetes, with `n_workers` as it asks for.
"""

import os

import dask
from distributed import Client, LocalCluster

n_workers = max(len(os.sched_getaffinity(0)) - 1, 1)

# A task whose worker died comes back at once: the workload decides whether it is tried again.
dask.config.set({"distributed.scheduler.allowed-failures": 0})


def make_executor():
    """Return an executor on workers that listen on this machine alone."""
    cluster = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    )
    # Two tasks are never the same task, though their arguments are.
    return Client(cluster).get_executor(pure=False)
