"""A program of ours that stays open and answers a line with a line, started when it is first needed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from levinthal.errors import DataError, from_line
from levinthal.files.writing import as_write_error
from levinthal.harness.engines.processes import child_environment, guarded_command, lifeline

_GRACE_S = 10.0


class AskedProcess:
    """A program in a process of its own, started again where it ended; it ends with this one.

    Parameters
    ----------
    program : str
        A module that answers each line of stdin with a line of stdout; a mistake as `levinthal.errors.to_line` has it.
    arguments : sequence of str
    log : Path
        Where its stderr goes, to the end of what is there.
    called : str
        What it is, for messages.
    environment : mapping of str to str
        Beside that of all our processes.
    """

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        log: Path,
        called: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._program, self._arguments, self._log, self._called = program, tuple(arguments), log, called
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[str] | None = None

    @property
    def running(self) -> bool:
        """Whether it is there to answer."""
        return self._process is not None and self._process.poll() is None

    def ask(self, line: str) -> str:
        """Return its answer to a line.

        Raises
        ------
        LevinthalError
            What it said instead, or that it ended, with the last line it said.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        reply = ""
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            pass
        if not reply:
            status = process.wait()
            self._process = None
            lines = self._log.read_text(errors="replace").splitlines()
            said = next((each.strip() for each in reversed(lines) if each.strip()), "nothing")
            raise DataError(f"{self._called} ended with status {status}; it last said: {said[:300]}")
        if (error := from_line(reply)) is not None:
            raise error
        return reply.strip()

    def close(self) -> None:
        """End it."""
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
        if not self.running:
            with as_write_error(self._log):
                self._log.parent.mkdir(parents=True, exist_ok=True)
                log = self._log.open("ab")
            with log:
                self._process = subprocess.Popen(
                    guarded_command(self._program, self._arguments, lifeline()),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**child_environment(), **self._environment},
                    pass_fds=(lifeline(),),
                    start_new_session=True,
                )
        assert self._process is not None
        return self._process
