"""A file is written whole or not at all; what cannot be written is one kind of error."""

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from levinthal.errors import DataError, ResultError, WriteError
from levinthal.files.writing import as_write_error, whole_file, whole_path, write_whole


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
