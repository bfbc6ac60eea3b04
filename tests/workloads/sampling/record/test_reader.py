"""The record: what is committed is there, what is torn is not, and trajectories can be followed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.record.reader import (
    DATABASE,
    FRAMES,
    STATES,
    CampaignHeader,
    CampaignRecord,
    checksum,
)
from levinthal.workloads.sampling.record.rows import ChunkRow, DecisionRow, ModelRow
from levinthal.workloads.sampling.record.writer import CampaignWriter
from levinthal.workloads.sampling.study.spending import busy_share, cull_latencies_s, queue_times_s, spending_of

HEADER = CampaignHeader(
    system="toy",
    system_sha256="0",
    frame_shape=(2,),
    state_width=3,
    n_walkers=2,
    chunk_steps=20,
    frame_interval=10,
    seed=1,
    policy="p",
    learner="",
)


def data(number):
    """Two frames whose numbers are their ids."""
    ids = np.arange(2 * number, 2 * number + 2)
    return np.repeat(ids[:, None], 2, axis=1).astype(np.float32), np.repeat(ids[:, None], 3, axis=1).astype(np.float64)


def chunk(number, walker, position, segment, parent, first_step, **changes):
    row = ChunkRow(
        number=number,
        walker=walker,
        position=position,
        attempt=0,
        segment=segment,
        parent_frame=parent,
        first_frame=2 * number,
        n_frames=2,
        first_step=first_step,
        n_steps=20,
        frames_then=0,
        model_then=0,
        decision=None,
        crc32=checksum(*data(number)),
        worker="w",
        cpu_s=1.0,
        core_s=1.0,
        created=0.0,
        submitted=0.0,
        received=0.0,
        started=0.0,
        simulated=0.0,
        ended=0.0,
        returned=0.0,
        committed=0.0,
    )
    return replace(row, **changes)


ROWS = [chunk(0, 0, 0, 0, None, 0), chunk(1, 1, 0, 1, None, 0), chunk(2, 0, 1, 2, 2, 0), chunk(3, 0, 2, 2, 5, 20)]


@pytest.fixture
def folder(tmp_path):
    with CampaignWriter(tmp_path / "c", HEADER, resume=False) as writer:
        for row in ROWS:
            writer.append(row, *data(row.number))
    return tmp_path / "c"


def test_trajectories_of_walkers_and_lineages(folder):
    record = CampaignRecord(folder)
    record.verify()
    assert record.walker_frames(0).tolist() == [0, 1, 4, 5, 6, 7]
    assert record.walker_frames(1).tolist() == [2, 3]
    # Frame 6 came from 5, whose chunk was a restart from frame 2 of the other walker.
    assert record.lineage(6).tolist() == [2, 4, 5, 6]
    assert record.frames[record.lineage(6)][:, 0].tolist() == [2, 4, 5, 6]
    assert record.per_frame("segment").tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    assert record.steps.tolist() == [10, 20, 10, 20, 10, 20, 30, 40]
    with pytest.raises(DataError, match="not 8"):
        record.lineage(8)
    with pytest.raises(DataError, match="not 2"):
        record.walker_frames(2)


def test_data_without_a_row_do_not_exist_and_are_cut_off(folder):
    for name in (FRAMES, STATES):
        with (folder / name).open("ab") as file:
            file.write(b"\x7f" * 13)
    assert len(CampaignRecord(folder)) == 8
    with CampaignWriter(folder, HEADER, resume=True) as writer:
        assert writer.n_frames == 8
        assert (folder / FRAMES).stat().st_size == 8 * 2 * 4
        assert (folder / STATES).stat().st_size == 8 * 3 * 8
        writer.append(chunk(4, 1, 1, 1, 3, 20), *data(4))
        assert len(CampaignRecord(folder)) == 10  # read while it is open for writing
    CampaignRecord(folder).verify()


def test_a_chunk_cannot_be_there_twice(folder):
    with CampaignWriter(folder, HEADER, resume=True) as writer, pytest.raises(sqlite3.IntegrityError):
        writer.append(chunk(4, 0, 2, 2, 5, 20), *data(4))
    assert len(CampaignRecord(folder)) == 8


def test_damage_is_found(folder):
    with (folder / STATES).open("r+b") as file:
        file.seek(5 * 24)
        file.write(b"\x01")
    with pytest.raises(DataError, match="chunk 2"):
        CampaignRecord(folder).verify()
    with (folder / FRAMES).open("r+b") as file:
        file.truncate(7 * 8)
    with pytest.raises(DataError, match="8 frames need"):
        CampaignRecord(folder)


def as_version_1_had_it(folder):
    """Name things as Levinthal 0.1 did: this is what its tables and header differ in."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        for table in ("chunks", "decisions", "failures"):
            database.execute(f"ALTER TABLE {table} RENAME COLUMN walker TO slot")
        for table in ("chunks", "decisions"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN weight")
        (header,) = database.execute("SELECT value FROM meta WHERE key = 'header'").fetchone()
        database.execute("UPDATE meta SET value = '1' WHERE key = 'version'")
        database.execute("UPDATE meta SET value = ? WHERE key = 'header'", (header.replace("n_walkers", "n_slots"),))
        database.commit()


def test_a_record_of_version_1_is_read_and_gone_on_with(folder):
    now = CampaignRecord(folder)
    as_version_1_had_it(folder)
    before = (folder / DATABASE).read_bytes()
    record = CampaignRecord(folder)
    record.verify()
    assert (folder / DATABASE).read_bytes() == before  # a reader changes nothing
    assert (record.header, record.chunks) == (now.header, now.chunks)
    with pytest.warns(FutureWarning, match="walker_frames"):
        assert record.slot_frames(0).tolist() == [0, 1, 4, 5, 6, 7]
    with CampaignWriter(folder, HEADER, resume=True) as writer:
        writer.append(chunk(4, 1, 1, 1, 3, 20), *data(4))
    assert CampaignRecord(folder).walker_frames(1).tolist() == [2, 3, 8, 9]


def test_a_record_of_a_later_version_is_refused(folder):
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute("UPDATE meta SET value = '4' WHERE key = 'version'")
        database.commit()
    with pytest.raises(DataError, match="record version 4, this Levinthal reads 3"):
        CampaignRecord(folder)


def test_one_writer_of_one_campaign(folder, tmp_path):
    with pytest.raises(UsageError, match="resume it"):
        CampaignWriter(folder, HEADER, resume=False)
    with pytest.raises(UsageError, match="holds no campaign"):
        CampaignWriter(tmp_path / "empty", HEADER, resume=True)
    with pytest.raises(DataError, match="its seed is 1"):
        CampaignWriter(folder, replace(HEADER, seed=2), resume=True)
    with CampaignWriter(folder, HEADER, resume=True), pytest.raises(DataError, match="another process"):
        CampaignWriter(folder, HEADER, resume=True)
    with pytest.raises(DataError, match=r"no campaign\.db"):
        CampaignRecord(tmp_path)


def test_spending_of_a_campaign_worked_out_by_hand():
    first = chunk(0, 0, 0, 0, None, 0, submitted=1.0, received=2.0, started=2.0, simulated=6.0, returned=6.0)
    second = chunk(1, 1, 0, 1, None, 0, submitted=1.0, received=4.0, started=4.0, simulated=8.0, returned=8.0)
    third = chunk(2, 0, 1, 2, 1, 0, submitted=7.0, received=9.0, started=9.0, simulated=12.0, returned=12.0, decision=0)
    third = replace(third, committed=12.5, frames_then=4, model_then=2)
    chunks = [replace(first, committed=6.5), replace(second, committed=8.5), third]
    decision = DecisionRow(0, 0, 1, 1, "why", None, "p", 1, 1, 2, 2, 6.25, 0.1, 0.2, 0.3)
    model = ModelRow(1, 1, 5, False, 0.0, 0.0, 1.0, 1.0, 0.75)
    assert busy_share(chunks, 2) == pytest.approx(11 / 20)
    assert queue_times_s(chunks) == [1.0, 3.0, 2.0]
    assert cull_latencies_s(chunks, [decision]) == [2.75]
    spending = spending_of(chunks, [decision], [model], 2)
    assert spending.simulate == 3.0
    assert spending.train == 0.75
    assert (spending.infer, spending.select) == pytest.approx((0.1, 0.5))
    assert spending.commit_s == 0.5
    assert spending.frames_unseen_by_model == 1.0
    assert spending.frames_since_decision == 2.0
    assert spending.model_versions_behind == 1.0
