"""The process in which LoadGen asks, from outside: started when it is first needed, and again where it was aborted."""

from __future__ import annotations

import subprocess
from pathlib import Path

from levinthal.errors import DataError, from_line
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.contract.trains import PREPARED, Prepared
from levinthal.harness.engines.processes import child_environment, guarded_command, lifeline
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.serving.record import Request, ServingTerms

_PROGRAM = "levinthal.harness.study.serving.process"
_TERMS, _LOG = "terms.json", "log.txt"
_GRACE_S = 10.0


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
        self._process: subprocess.Popen[str] | None = None

    def measure(self, request: Request) -> None:
        """Have a point measured, whose record is then in its file.

        Raises
        ------
        LevinthalError
            It cannot be; what the process said.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        reply = ""
        try:
            process.stdin.write(request.model_dump_json() + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            pass
        if not reply:
            status = process.wait()
            self._process = None
            lines = (self.folder / _LOG).read_text(errors="replace").splitlines()
            said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
            raise DataError(f"the process in which LoadGen asks ended with status {status}; it last said: {said[:300]}")
        if reply.strip():
            raise from_line(reply) or DataError(f"the process in which LoadGen asks said {reply.strip()!r}")

    def prepared(self) -> Prepared | None:
        """Return what the workload said of its model; None before the first point."""
        file = self.folder / PREPARED
        return validated(Prepared, read_json(file), file) if file.exists() else None

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            terms_file, log_file = self.folder / _TERMS, self.folder / _LOG
            with as_write_error(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(terms_file, self.terms.model_dump_json(indent=1) + "\n")
                log = log_file.open("ab")
            with log:
                self._process = subprocess.Popen(
                    guarded_command(_PROGRAM, [str(terms_file), str(self.folder)], lifeline()),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=child_environment(),
                    pass_fds=(lifeline(),),
                    start_new_session=True,
                )
        return self._process
