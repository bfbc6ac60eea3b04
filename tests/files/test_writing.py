"""A file is written whole or not at all; what cannot be written is one kind of error."""

import os
import pickle
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from levinthal.errors import DataError, ResultError, WriteError
from levinthal.files.writing import as_write_error, whole_file, whole_path, write_failure, write_whole


def test_text_bytes_and_streams(tmp_path):
    write_whole(tmp_path / "text", "Aβ\n")
    write_whole(tmp_path / "bytes", b"\0\1")
    with whole_file(tmp_path / "stream") as file:
        file.write(b"a")
        assert not (tmp_path / "stream").exists()
        file.write(b"b")
    with whole_path(tmp_path / "array.npy") as draft:
        np.save(draft.open("wb"), np.arange(3))
    assert (tmp_path / "text").read_text(encoding="utf-8") == "Aβ\n"
    assert (tmp_path / "bytes").read_bytes() == b"\0\1"
    assert (tmp_path / "stream").read_bytes() == b"ab"
    assert np.load(tmp_path / "array.npy").tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "whole", "x")
        (tmp_path / "plain").write_text("x")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("whole", "plain")}
    assert modes == {0o666 & ~mask}


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "result.json"
    write_whole(target, "old")

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    def half():
        with whole_file(target) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(WriteError, match=r"cannot write .*result.json: No space left"):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    write_whole(target, "new", durable=False)  # does not wait for the disk
    assert target.read_text() == "new"


def test_nowhere_to_write_is_one_line(tmp_path):
    for path in ("/proc/nowhere/x", tmp_path / "none" / "x", tmp_path):
        with pytest.raises(WriteError, match="cannot write") as caught:
            write_whole(path, "x")
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_error_is_what_callers_expect_and_survives_a_process():
    with pytest.raises(WriteError) as caught, as_write_error("x", ValueError):
        raise ValueError("the library says no")
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, ResultError)
    assert isinstance(again, DataError)
    assert str(again) == "cannot write x: the library says no: free space or choose a folder that is yours"


def test_writers_at_once_each_write_a_whole_file(tmp_path):
    target = tmp_path / "file"
    contents = {bytes([k]) * 100_000 for k in range(8)}
    threads = [threading.Thread(target=write_whole, args=(target, each)) for each in contents]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert target.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [target]


def test_a_killed_writer_leaves_the_old_file_and_the_next_cleans_up(tmp_path):
    target = tmp_path / "checkpoint"
    write_whole(target, "old")
    code = (
        "import sys, time\n"
        "from levinthal.files.writing import whole_file\n"
        "with whole_file(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('here', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"here\n"
        writer.send_signal(signal.SIGKILL)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    with whole_path(target, sole_writer=True) as draft:
        draft.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real, link, dangling = tmp_path / "elsewhere" / "real", tmp_path / "link", tmp_path / "dangling"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    dangling.symlink_to(tmp_path / "elsewhere" / "new")
    write_whole(link, "new")
    write_whole(dangling, "made")
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("new", 0o600)
    assert dangling.is_symlink()
    assert (tmp_path / "elsewhere" / "new").read_text() == "made"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(WriteError):
        write_whole(loop, "x")
    assert loop.is_symlink()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_what_is_no_regular_file_is_written_to_or_refused(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.append(pipe.read_bytes()))
    reader.start()
    with whole_path(pipe) as draft:
        draft.write_bytes(b"x" * 200_000)
    reader.join(10)
    assert taken == [b"x" * 200_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    if os.geteuid() == 0:  # devices like /dev/null and /dev/full, which only root can make, and replace
        for minor in (3, 7):
            os.mknod(tmp_path / f"device{minor}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        write_whole(tmp_path / "device3", "x")
        with pytest.raises(WriteError, match="No space left"):
            write_whole(tmp_path / "device7", "x")
        for minor in (3, 7):
            assert stat.S_ISCHR((tmp_path / f"device{minor}").stat().st_mode)
            (tmp_path / f"device{minor}").unlink()
    with socket.socket(socket.AF_UNIX) as taker:
        taker.bind(str(tmp_path / "s"))
        with pytest.raises(WriteError, match="it is a socket"):
            write_whole(tmp_path / "s", "x")
    with pytest.raises(WriteError, match="it is a folder"):
        write_whole(tmp_path, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "s"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_an_open_file_is_written_to_in_its_order(tmp_path, name):
    code = (
        "import sys\n"
        "from levinthal.files.writing import write_whole\n"
        "print('before')\n"
        "write_whole(sys.argv[1], 'page\\n')\n"
        "print('after')\n"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code, name], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\npage\nafter\n"


@pytest.mark.parametrize("length", [1, 240, 255])
def test_names_may_be_as_long_as_a_file_system_allows(tmp_path, length):
    target = tmp_path / ("é" * (length // 2) + "n" * (length % 2))
    write_whole(target, "x")
    with whole_path(target, sole_writer=True) as draft:
        draft.write_text("y")
    assert target.read_text() == "y"
    assert list(tmp_path.iterdir()) == [target]
    for wrong in (tmp_path / ("n" * 256), str(tmp_path / "a\0b")):
        with pytest.raises(WriteError):
            write_whole(wrong, "x")


def test_a_full_disk_is_found_in_whatever_a_library_raises():
    full = OSError(28, "No space left on device", "/scratch/x")
    wrapped = RuntimeError("the library failed")
    wrapped.__cause__ = full
    for error in (
        full,
        wrapped,
        RuntimeError("[enforce fail] PytorchStreamWriter failed: No space left on device"),
        sqlite_error("SQLITE_FULL"),
        WriteError("cannot write x: y: z"),
    ):
        found = write_failure(error, "the run")
        assert isinstance(found, WriteError), error
        assert "cannot write" in str(found)
    assert "/scratch/x" in str(write_failure(full, "the run"))
    for other in (
        ValueError("x"),
        FileNotFoundError(2, "No such file"),
        sqlite_error("SQLITE_CORRUPT"),
        KeyError("full"),
    ):
        assert write_failure(other, "the run") is None


def sqlite_error(name):
    error = sqlite3.OperationalError("it says no")
    error.sqlite_errorname = name
    return error
