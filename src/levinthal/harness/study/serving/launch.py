"""The process in which LoadGen asks, from outside: started when it is first needed, and again where it was aborted."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.contract.trains import PREPARED, Prepared
from levinthal.harness.engines.asked import AskedProcess
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.serving.record import Request, ServingTerms

_PROGRAM = "levinthal.harness.study.serving.process"
_TERMS, _LOG = "terms.json", "log.txt"
_CALLED = "the process in which LoadGen asks"


class Server:
    """Measures points in a process of its own, one at a time; LoadGen ends a process that it finds at fault.

    Parameters
    ----------
    folder : Path
        Of the process: its model's files, LoadGen's logs.
    terms : ServingTerms
    """

    def __init__(self, folder: Path, terms: ServingTerms) -> None:
        self.folder, self.terms = folder, terms
        self._process = AskedProcess(_PROGRAM, [str(folder / _TERMS), str(folder)], folder / _LOG, _CALLED)

    def measure(self, request: Request) -> None:
        """Have a point measured, whose record is then in its file.

        Raises
        ------
        LevinthalError
            It cannot be; what the process said.
        """
        if not self._process.running:
            with as_write_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(self.folder / _TERMS, self.terms.model_dump_json(indent=1) + "\n")
        if reply := self._process.ask(request.model_dump_json()):
            raise DataError(f"{_CALLED} said {reply!r}")

    def prepared(self) -> Prepared | None:
        """Return what the workload said of its model; None before the first point."""
        file = self.folder / PREPARED
        return validated(Prepared, read_json(file), file) if file.exists() else None

    def close(self) -> None:
        """End the process."""
        self._process.close()
