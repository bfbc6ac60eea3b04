"""One training of a scaling study: the line that torchrun is started by, and the starting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import DataError, from_line
from levinthal.files.writing import as_write_error
from levinthal.harness.contract.settings import Settings, changed_words
from levinthal.harness.engines.ranks import end_ranks, shell_line, start_ranks, torchrun_command

PROGRAM = "levinthal.harness.study.scaling.rank"


@dataclass(frozen=True)
class RankedTraining:
    """A training on some ranks.

    Attributes
    ----------
    workload, size : str
        Its name, and the preset that the settings come from.
    settings : Settings
        The workload's; the case changes some of them.
    case : str
    batch_size : int
        Items of a step, over all ranks.
    n_ranks, n_nodes, threads : int
        Threads are those of a rank.
    seconds : float
        How long steps are timed at least.
    seed : int
    device, precision : str
        As asked for.
    folder : Path
        Where the data are, or are prepared.
    """

    workload: str
    size: str
    settings: Settings
    case: str
    batch_size: int
    n_ranks: int
    n_nodes: int
    threads: int
    seconds: float
    seed: int
    device: str
    precision: str
    folder: Path

    def arguments(self, out: Path) -> list[str]:
        """Return the arguments of the program that each rank runs; the first of them writes `out`."""
        words = ["--workload", self.workload, "--size", self.size, *changed_words(self.settings, self.size)]
        options = {
            "case": self.case, "batch-size": self.batch_size, "seed": self.seed, "device": self.device,
            "precision": self.precision, "threads": self.threads, "seconds": self.seconds, "folder": self.folder,
            "out": out,
        }  # fmt: skip
        return words + [word for option, given in options.items() for word in (f"--{option}", str(given))]

    def line(self, out: Path) -> str:
        """Return the line that does it by hand."""
        return shell_line(torchrun_command(self.n_ranks, PROGRAM, self.arguments(out), self.n_nodes))

    def start(self, out: Path, *more: str) -> None:
        """Start the ranks and wait until they have left `out`.

        Raises
        ------
        LevinthalError
            They have not; a user's mistake is told as they told it, and so is a full disk.
        """
        log_file = out.with_suffix(".log")
        said, words, threads = "", [*self.arguments(out), *more], self.threads
        with as_write_error(log_file):
            log = log_file.open("wb")
        with log:
            launcher = start_ranks(self.n_ranks, PROGRAM, words, n_nodes=self.n_nodes, threads=threads, log=log)
            try:
                said, _ = launcher.communicate()
            finally:
                end_ranks(launcher)
        if not out.exists():
            for error in filter(None, map(from_line, said.splitlines())):
                raise error
            raise DataError(f"its ranks ended with status {launcher.returncode}: see the end of {log_file}")
