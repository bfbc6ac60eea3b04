"""A program under guard: its status is the program's, and nothing that it started is left, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levinthal.harness.engines.processes import END, guarded_command, lifeline
from probes import probe_environment
from survivors import Mark

# A pool, a process in a session of its own, and an orphan of that.
BUSY = """
import multiprocessing, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    subprocess.Popen(["sh", "-c", "sleep 600 & sleep 601 & exit"], start_new_session=True).wait()
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    pool.submit(time.sleep, 600)
    pool.submit(int).add_done_callback(print)
    print("busy", flush=True)
    time.sleep(float(sys.argv[1]))
    import os
    os._exit(7)
"""
PARENT = """
import subprocess, sys, time
from levinthal.harness.engines.processes import guarded_command, lifeline
subprocess.Popen(guarded_command(sys.argv[1], sys.argv[2:], lifeline()), pass_fds=(lifeline(),), start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def mark():
    made = Mark()
    yield made
    made.end()


def environment_of(folder: Path, mark: Mark) -> dict[str, str]:
    path = os.pathsep.join([str(folder), probe_environment()["PYTHONPATH"]])
    return {**probe_environment(), **mark.environment, "PYTHONPATH": path}


def start(folder: Path, mark: Mark, text: str, *arguments: str) -> subprocess.Popen[str]:
    (folder / "guarded_example.py").write_text(text)
    return subprocess.Popen(
        guarded_command("guarded_example", arguments, lifeline()),
        env=environment_of(folder, mark),
        pass_fds=(lifeline(),),
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys; sys.exit(3)", 3),
        ("pass", 0),
        ("raise SystemExit('words')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import sys; assert sys.argv == ['guarded_example', 'a b', '']; assert __name__ == '__main__'", 0),
    ],
)
def test_the_status_of_a_guard_is_the_programs(tmp_path, mark, text, status):
    assert start(tmp_path, mark, text, "a b", "").wait(30) == status


@pytest.mark.parametrize("how", ["it ends", "it is killed", "it is terminated", "its guard is told to end"])
def test_nothing_that_a_program_started_outlives_it(tmp_path, mark, how):
    guard = start(tmp_path, mark, BUSY, "0" if how == "it ends" else "600")
    assert guard.stdout is not None
    assert guard.stdout.readline() == "busy\n"
    if how == "it is killed":
        (program,) = [
            each for each in mark.living() if each.ppid() == guard.pid and "guard" in " ".join(each.cmdline())
        ]
        program.kill()
    elif how == "it is terminated":
        os.killpg(guard.pid, signal.SIGTERM)
    elif how == "its guard is told to end":
        guard.send_signal(END)
    expected = {"it ends": 7, "it is terminated": -signal.SIGTERM}.get(how, -signal.SIGKILL)
    assert guard.wait(30) == expected
    assert mark.living() == []  # at once: the guard ends last


@pytest.mark.parametrize("moment_s", [0.0, 0.02, 0.05, 0.1, 0.2, 0.5])
def test_nothing_outlives_a_parent_that_is_killed(tmp_path, mark, moment_s):
    (tmp_path / "guarded_example.py").write_text(BUSY)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "guarded_example", "600"],
        env=environment_of(tmp_path, mark),
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        time.sleep(moment_s)
        parent.kill()
        parent.wait()
        assert mark.left_after(5.0) == []


def test_a_process_dies_with_its_parent_where_no_kernel_sees_to_it(tmp_path, mark):
    child = (
        "import time\n"
        "from levinthal.harness.engines import processes\n"
        "processes.ask_kernel = lambda *_: False\n"
        "processes.die_with_parent({})\n"
        "print('bound', flush=True)\n"
        "time.sleep(600)\n"
    )
    program = f"import os, subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}.format(os.getpid())])\n"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment_of(tmp_path, mark), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "bound\n"
        parent.kill()
        parent.wait()
        assert mark.left_after(5.0) == []


def test_a_program_whose_parent_is_gone_does_not_begin(tmp_path, mark):
    (tmp_path / "guarded_example.py").write_text("print('begun')")
    for pipe in ("-", "0"):
        command = [sys.executable, "-m", "levinthal.harness.engines.guard", "1", pipe, "guarded_example"]
        done = subprocess.run(command, env=environment_of(tmp_path, mark), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
