"""A worker of a study of replicas: pinned to a core, it loads the unit of work once and does a replica for each line.

Started with the file of its `ReplicaTerms`, a folder of its own and the core's number. A line of stdin is the number of
a replica; the answer is a line of stdout: a `DoneReplica`, else a mistake (`levinthal.errors.to_line`). The first
answer, to the first replica, comes when all is loaded and compiled. What a library prints goes to stderr.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from levinthal.errors import DataError, LevinthalError, UsageError, to_line
from levinthal.files.writing import write_failure
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.replicates import Replica, Replicates
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.preparing import preparing
from levinthal.harness.study.replicas.record import DoneReplica, ReplicaTerms


def load(terms: ReplicaTerms, folder: Path) -> Replica:
    """Load the unit of work and leave beside it what its workload says of its data."""
    workload = load_workload(terms.workload)
    if not isinstance(workload, Replicates):
        raise UsageError(f"workload {terms.workload!r} does not offer levinthal.harness.Replicates")
    with preparing(folder, seed=terms.seed, device=terms.device, precision=terms.precision) as run:
        return workload.load_replica(run, workload.Settings.model_validate(terms.settings))


def do(replica: Replica, number: int) -> DoneReplica:
    """Do a replica on the clock."""
    began_s = time.monotonic()
    done = replica(number)
    return DoneReplica(
        number=number,
        items=done.items,
        answer=done.answer if math.isfinite(done.answer) else None,
        began_s=began_s,
        ended_s=time.monotonic(),
    )


def main(terms_file: Path, folder: Path, core: int) -> None:
    """Load the unit of work, then do a replica for each line of stdin."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    replica: Replica | None = None
    for line in sys.stdin:
        try:
            replica = replica or load(validated(ReplicaTerms, read_json(terms_file), terms_file), folder)
            reply = do(replica, int(line)).model_dump_json()
        except Exception as error:
            traceback.print_exc()
            known = error if isinstance(error, LevinthalError) else write_failure(error, folder)
            reply = to_line(known or DataError(f"{type(error).__name__}: {error}"))
        print(reply, file=replies, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
