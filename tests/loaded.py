"""The command line in a process of its own, forked from one that has the libraries loaded.

Starting Python with torch, numba and scipy takes seconds, and the tests call the command line some thousand times. Run
as a program, this module loads them once, listens on a socket, and forks a process for each call; that process sets its
folder, environment and output, and runs `levinthal` as `python -m levinthal` does. Nothing that starts threads may be
loaded here, and a call that needs another environment at the start of Python is not for it (`Loaded.fits`).
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARIES = (
    "levinthal.cli", "torch", "numba", "scipy.stats", "scipy.optimize", "scipy.sparse.csgraph", "pydantic", "gemmi",
    "levinthal.harness.running.worker", "levinthal.workloads.cvae.workload", "levinthal.workloads.rgn.workload",
    "levinthal.workloads.sampling.workload", "levinthal.workloads.docking.workload",
    "levinthal.workloads.potential.workload", "levinthal.workloads.discovery.workload", "deeptime",
)  # fmt: skip
READ_AT_START = ("PYTHON", "OMP_", "NUMBA_", "TORCH", "MKL_", "OPENBLAS_", "LD_", "KMP_", "GOMP_", "HOME", "XDG_")
"""Beginnings of the variables that Python or a library reads when it is loaded."""


class Loaded:
    """The process, seen from the tests that call it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._folder = tempfile.TemporaryDirectory(prefix="levinthal-loaded-")
        self.address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), self.address],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the process with the libraries did not start"
        self._process.wait()  # what listens is a process of its own: no child, whose memory would count as the tests'

    def fits(self, environment: dict[str, str]) -> bool:
        """Return whether what is read at the start of Python is what this process started with."""

        def read(of: dict[str, str]) -> dict[str, str]:
            return {name: value for name, value in of.items() if name.startswith(READ_AT_START)}

        return read(environment) == read(self.environment)

    def call(
        self, arguments: list[str], cwd: Path, environment: dict[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `levinthal` with arguments in a folder; as `subprocess.run` does, end it after the time."""
        words = [sys.executable, "-m", "levinthal", *arguments]
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            socket.socket(socket.AF_UNIX) as line,
        ):
            line.settimeout(timeout_s)
            line.connect(self.address)
            request = json.dumps({"arguments": arguments, "cwd": str(cwd), "environment": environment}).encode()
            socket.send_fds(line, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno()])
            line.sendall(request)
            answers = line.makefile()
            pid = int(answers.readline())
            try:
                status = int(answers.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, timeout_s) from None
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, status, out.read(), err.read())

    def close(self) -> None:
        """End it, as the end of the process that started it would."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._folder.cleanup()


def main(address: str) -> None:
    """Load the libraries, and fork a process for each call until the one that asked is gone."""
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    if os.fork():
        os._exit(0)
    if os.fork() == 0:  # ends the other when standard input ends: its owner is gone, however it went
        listening.close()
        os.close(1)
        sys.stdin.buffer.read()
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    print("ready", flush=True)
    with listening:
        while True:
            line, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _serve(line)
            line.close()


def _serve(line: socket.socket) -> None:
    """Fork the process of one call, and report its number and its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(line, 4, 2)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += line.recv(65536)
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(json.loads(request), files)
    line.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Run the command line, and end with its status as the interpreter would."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (files[0], 1), (files[1], 2)):
        os.dup2(source, target)
    for each in (nothing, *files):
        os.close(each)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["cwd"]
    sys.argv = ["levinthal", *request["arguments"]]
    status = 0
    try:
        runpy.run_module("levinthal", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
