"""Workers of a study of replicas, from outside: a process each, which takes the next replica when it has done one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.contract.trains import PREPARED, Prepared
from levinthal.harness.engines.asked import AskedProcess
from levinthal.harness.engines.processes import available_cores
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.replicas.record import DoneReplica, ReplicaTerms, Round

_PROGRAM = "levinthal.harness.study.replicas.process"
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENMM_CPU_THREADS"), "1"
)


class ReplicaWorkers:
    """Workers with a core each, as far as there are cores.

    Parameters
    ----------
    n_workers : int
    folder : Path
        Of their files.
    terms : ReplicaTerms
    """

    def __init__(self, n_workers: int, folder: Path, terms: ReplicaTerms) -> None:
        cores = available_cores()
        self.per_core = -(-n_workers // len(cores))
        self._folders = [folder / f"worker-{number}" for number in range(n_workers)]
        file = folder / "terms.json"
        with as_write_error(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(file, terms.model_dump_json(indent=1) + "\n")
        self._processes = [
            AskedProcess(
                _PROGRAM,
                [str(file), str(own), str(cores[number % len(cores)])],
                own / "log.txt",
                f"worker {number + 1} of {n_workers}",
                _ONE_THREAD,
            )
            for number, own in enumerate(self._folders)
        ]

    def make_ready(self) -> None:
        """Have each load the unit of work and do the first replica, off the clock.

        Raises
        ------
        LevinthalError
            What one of them said.
        """
        self._together(lambda process: [process.ask("0")])

    def do(self, numbers: Iterable[int]) -> tuple[Round, list[DoneReplica]]:
        """Do replicas, each by the next worker that is free."""
        waiting: SimpleQueue[int] = SimpleQueue()
        for number in numbers:
            waiting.put(number)

        def work(process: AskedProcess) -> list[str]:
            replies: list[str] = []
            while True:
                try:
                    number = waiting.get_nowait()
                except Empty:
                    return replies
                replies.append(process.ask(str(number)))

        done = [DoneReplica.model_validate_json(reply) for reply in self._together(work)]
        span_s = max(each.ended_s for each in done) - min(each.began_s for each in done)
        busy_s = sum(each.ended_s - each.began_s for each in done)
        return Round(span_s=span_s, busy_s=busy_s, items=sum(each.items for each in done)), done

    def prepared(self) -> Prepared:
        """Return what the workload said of its data."""
        file = self._folders[0] / PREPARED
        return validated(Prepared, read_json(file), file)

    def close(self) -> None:
        """End them."""
        for each in self._processes:
            each.close()

    def _together(self, work: Callable[[AskedProcess], Sequence[str]]) -> Sequence[str]:
        with ThreadPoolExecutor(len(self._processes)) as threads:
            return [reply for replies in threads.map(work, self._processes) for reply in replies]
