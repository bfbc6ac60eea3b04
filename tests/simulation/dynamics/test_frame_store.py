"""The frame store: what was written is read, and what a crash can leave behind does no harm."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levinthal.errors import DataError, ResultError
from levinthal.proteins.contact_maps.maps import pack_contacts
from levinthal.simulation.dynamics import frame_store
from levinthal.simulation.dynamics.frame_store import FrameStore, FrameWriter, StoreHeader
from levinthal.simulation.dynamics.frames import Frames

HEADER = StoreHeader(n_residues=6, system="test")
DATA_FILES = ("coordinates.f32", "contacts.u8", "steps.i64")


def make_frames(n_frames, first_step=10, seed=0, n_residues=6):
    rng = np.random.default_rng(seed)
    coordinates = np.cumsum(rng.normal(0, 0.3, (n_frames, n_residues, 3)), axis=1).astype(np.float32)
    return Frames(coordinates, np.arange(n_frames, dtype=np.int64) * 10 + first_step)


def write_three(folder):
    """Write three chunks of 4, 1 and 3 frames; return them."""
    chunks = [make_frames(n, seed=n) for n in (4, 1, 3)]
    with FrameWriter(folder, HEADER) as writer:
        ids = [writer.append(frames, replica=k % 2, start=f"start {k}") for k, frames in enumerate(chunks)]
    assert ids == [range(4), range(4, 5), range(5, 8)]
    return chunks


def assert_holds(folder, chunks):
    store = FrameStore(folder)
    store.verify()
    assert len(store) == sum(len(frames) for frames in chunks)
    assert len(store.chunks) == len(chunks)
    for row, frames in zip(store.chunks, chunks, strict=True):
        here = slice(row.first_frame, row.first_frame + row.n_frames)
        np.testing.assert_array_equal(store.coordinates_nm[here], frames.coordinates_nm)
        np.testing.assert_array_equal(store.contacts[here], pack_contacts(frames.coordinates_nm))
        np.testing.assert_array_equal(store.steps[here], frames.step)
        assert (store.replicas[here] == row.replica).all()


def test_what_was_written_is_read(tmp_path):
    chunks = write_three(tmp_path / "store")
    assert_holds(tmp_path / "store", chunks)
    store = FrameStore(tmp_path / "store")
    assert store.header == HEADER
    assert [chunk.start for chunk in store.chunks] == ["start 0", "start 1", "start 2"]
    assert [(chunk.first_step, chunk.last_step) for chunk in store.chunks] == [(10, 40), (10, 10), (10, 30)]
    assert isinstance(store.coordinates_nm, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.coordinates_nm[0] = 0


def test_a_store_goes_on_where_it_ended(tmp_path):
    chunks = write_three(tmp_path)
    more = make_frames(5, seed=77)
    with FrameWriter(tmp_path, HEADER) as writer:
        assert len(writer) == 8
        assert writer.append(more, replica=9, start="later") == range(8, 13)
    assert_holds(tmp_path, [*chunks, more])


def test_an_open_reader_keeps_what_it_saw(tmp_path):
    with FrameWriter(tmp_path, HEADER) as writer:
        writer.append(make_frames(2), replica=0, start="a")
        early = FrameStore(tmp_path)
        writer.append(make_frames(2), replica=0, start="a")
        assert (len(early), len(FrameStore(tmp_path))) == (2, 4)
        assert early.coordinates_nm.shape == (2, 6, 3)


@pytest.mark.parametrize("n_residues", [1, 6])
def test_an_empty_store(tmp_path, n_residues):
    header = StoreHeader(n_residues)
    with FrameWriter(tmp_path, header) as writer:
        assert writer.append(make_frames(0, n_residues=n_residues), replica=0, start="a") == range(0)
    store = FrameStore(tmp_path)
    store.verify()
    assert len(store) == 0
    assert store.coordinates_nm.shape == (0, n_residues, 3)
    assert store.replicas.shape == (0,)


def recovered(folder):
    """Return how many chunks are readable, after a writer has come back, appended and gone."""
    kept = len(FrameStore(folder).chunks)
    extra = make_frames(2, seed=5)
    with FrameWriter(folder, HEADER) as writer:
        writer.append(extra, replica=3, start="after the crash")
    return kept, extra


@pytest.mark.parametrize("name", [*DATA_FILES, "chunks.jsonl"])
def test_truncation_at_every_byte(tmp_path, name):
    chunks = write_three(tmp_path / "whole")
    content = (tmp_path / "whole" / name).read_bytes()
    sizes = {"coordinates.f32": 72, "contacts.u8": 2, "steps.i64": 8}
    rows = content.split(b"\n")[:-1] if name == "chunks.jsonl" else []
    row_ends = np.cumsum([len(row) + 1 for row in rows])
    folder = tmp_path / "cut"
    # Every byte of the small files, every class of bytes (begin, inside, end of a frame or a chunk) of the large one.
    for length in range(0, len(content) + 1, 1 if len(content) < 400 else 7):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        os.truncate(folder / name, length)
        if rows:
            expected = int((row_ends <= length).sum())
        else:
            expected = int(np.searchsorted([4, 5, 8], length // sizes[name], side="right"))
        kept, extra = recovered(folder)
        assert kept == expected, f"{name} cut to {length} bytes"
        assert_holds(folder, [*chunks[:kept], extra])


@pytest.mark.parametrize("garbage", [b"\0" * 50, b'{"first_frame": 8', b"\xff\xfe\n\n", b"{}\n[]\nnull\n", b"8\n" * 3])
def test_garbage_after_the_end(tmp_path, garbage):
    chunks = write_three(tmp_path)
    for name in (*DATA_FILES, "chunks.jsonl"):
        with (tmp_path / name).open("ab") as file:
            file.write(garbage)
    assert_holds(tmp_path, chunks)
    kept, extra = recovered(tmp_path)
    assert kept == 3
    assert_holds(tmp_path, [*chunks, extra])


@settings(max_examples=40, deadline=None)
@given(tail=st.binary(max_size=200), name=st.sampled_from([*DATA_FILES, "chunks.jsonl"]))
def test_any_tail_is_ignored(tmp_path_factory, tail, name):
    folder = tmp_path_factory.mktemp("store")
    chunks = write_three(folder)
    with (folder / name).open("ab") as file:
        file.write(tail)
    assert_holds(folder, chunks)


def test_damage_in_the_middle_is_refused(tmp_path):
    write_three(tmp_path)
    rows = (tmp_path / "chunks.jsonl").read_text().splitlines()
    (tmp_path / "chunks.jsonl").write_text("\n".join([rows[0], rows[1][:-9], rows[2]]) + "\n")
    with pytest.raises(DataError, match="damaged in line 2"):
        FrameStore(tmp_path)
    (tmp_path / "chunks.jsonl").write_text("\n".join([rows[0], rows[2]]) + "\n")
    with pytest.raises(DataError, match="begins at frame 5, not 4"):
        FrameStore(tmp_path)


def test_a_changed_bit_is_found(tmp_path):
    write_three(tmp_path)
    content = bytearray((tmp_path / "contacts.u8").read_bytes())
    content[9] ^= 4  # frame 4, the only one of chunk 1
    (tmp_path / "contacts.u8").write_bytes(content)
    with pytest.raises(DataError, match=r"chunk 1 \(frames 4 to 4\)"):
        FrameStore(tmp_path).verify()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "does not belong"),
        ('{"format": "other"}', "does not belong"),
        ('{"format": "levinthal frame store", "version": 2}', "version 2"),
        ('{"format": "levinthal frame store", "version": 1}', "n_residues"),
        (json.dumps({"format": "levinthal frame store", "version": 1, "n_residues": True, "cutoff_nm": 0.8}), "n_resi"),
    ],
)
def test_foreign_headers_are_refused(tmp_path, text, words):
    write_three(tmp_path)
    (tmp_path / "header.json").write_text(text)
    for opening in (lambda: FrameStore(tmp_path), lambda: FrameWriter(tmp_path, HEADER)):
        with pytest.raises(DataError, match=words):
            opening()


def test_missing_pieces_are_refused(tmp_path):
    with pytest.raises(DataError, match="is not a frame store"):
        FrameStore(tmp_path / "nowhere")
    for name in DATA_FILES:
        folder = tmp_path / name
        write_three(folder)
        (folder / name).unlink()
        with pytest.raises(DataError, match="damaged"):
            FrameStore(folder)
    folder = tmp_path / "headless"
    write_three(folder)
    (folder / "header.json").unlink()
    with pytest.raises(DataError, match="rows but no header"):
        FrameWriter(folder, HEADER)


def test_frames_of_another_kind_are_refused(tmp_path):
    write_three(tmp_path)
    with pytest.raises(DataError, match="another kind"):
        FrameWriter(tmp_path, StoreHeader(7, system="test"))
    with FrameWriter(tmp_path, HEADER) as writer:
        with pytest.raises(DataError, match=r"\(7, 3\)"):
            writer.append(make_frames(2, n_residues=7), replica=0, start="a")
        broken = make_frames(2)
        broken.coordinates_nm[1, 0, 0] = np.nan
        with pytest.raises(DataError, match="frame 1"):
            writer.append(broken, replica=0, start="a")
        assert len(writer) == 8


def test_two_writers_at_once_are_refused(tmp_path):
    with FrameWriter(tmp_path, HEADER), pytest.raises(DataError, match="being written"):
        FrameWriter(tmp_path, HEADER)
    FrameWriter(tmp_path, HEADER).close()


@pytest.mark.parametrize("failing_write", [0, 1, 2, 3])
def test_a_full_disk_leaves_the_store_as_it_was(tmp_path, monkeypatch, failing_write):
    chunks = write_three(tmp_path)
    real, calls = frame_store._write_through, []

    def write_half_then_fail(file, content):
        calls.append(file)
        if len(calls) - 1 == failing_write:
            file.write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, content)

    with FrameWriter(tmp_path, HEADER) as writer:
        monkeypatch.setattr(frame_store, "_write_through", write_half_then_fail)
        with pytest.raises(ResultError, match="No space left"):
            writer.append(make_frames(3), replica=0, start="a")
        assert_holds(tmp_path, chunks)
        monkeypatch.setattr(frame_store, "_write_through", real)
        extra = make_frames(2)
        writer.append(extra, replica=0, start="a")
    assert_holds(tmp_path, [*chunks, extra])


def test_no_permission(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write"):
        FrameWriter(tmp_path / "file" / "store", HEADER)


def test_a_killed_writer_leaves_whole_chunks(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader\n"
        "from levinthal.simulation.dynamics.frames import Frames\n"
        "frames = Frames(np.random.default_rng(0).normal(size=(50, 6, 3)).astype('f4'), np.arange(50))\n"
        "writer = FrameWriter(sys.argv[1], StoreHeader(6, system='test'))\n"
        "while True:\n"
        "    writer.append(frames, replica=0, start='a')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    deadline = time.monotonic() + 60
    while not (tmp_path / "chunks.jsonl").exists() or (tmp_path / "chunks.jsonl").stat().st_size < 2000:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = FrameStore(tmp_path)
    store.verify()
    assert len(store) == 50 * len(store.chunks) > 0
    with FrameWriter(tmp_path, HEADER) as writer:
        assert len(writer) == len(store)
