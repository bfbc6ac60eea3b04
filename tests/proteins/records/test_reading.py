"""Whatever a user points at is read by what is in it, not by its name."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.proteins.records import (
    Fault,
    FaultPolicy,
    ProteinRecord,
    read_records,
    write_cache,
    write_text,
    write_tfrecord,
)

SOUND = ProteinRecord("1ABC_1_A", "ACDE", coordinates_pm=np.arange(1.0, 37.0).reshape(4, 3, 3), mask=np.ones(4, bool))
FAULTY = ProteinRecord("1ABC_2_B", "ACDE", coordinates_pm=np.zeros((4, 3, 3)), mask=np.ones(4, bool))
RECORDS = [SOUND, FAULTY]


@pytest.mark.parametrize("write", [write_text, write_tfrecord, write_cache])
def test_files_of_every_format(tmp_path, write):
    path = tmp_path / "data.bin"
    write(path, RECORDS)
    assert list(read_records(path)) == RECORDS
    policy = FaultPolicy("skip")
    assert list(read_records(path, policy)) == [SOUND]
    assert policy.counts == {Fault.ZERO_COORDINATES: 1}
    if write is not write_cache:
        path.write_bytes(gzip.compress(path.read_bytes()))
        assert list(read_records(path)) == RECORDS


def test_folders_and_archives(tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    write_tfrecord(folder / "1", RECORDS[:1])
    write_text(folder / "2", RECORDS[1:])
    (folder / ".hidden").write_text("no record")
    assert list(read_records(folder)) == RECORDS
    assert list(read_records(folder, split="2")) == [FAULTY]
    archive = tmp_path / "casp12.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        data = (folder / "2").read_bytes()
        info = tarfile.TarInfo("casp12/training_30")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    assert list(read_records(archive, split="training_30")) == [FAULTY]
    for path, split, message in [
        (archive, None, "is an archive: say which part"),
        (archive, "testing", "has no testing: it has training_30"),
        (folder, "3", "has no file 3"),
        (tmp_path / "absent", None, "cannot be read"),
    ]:
        with pytest.raises(DataError, match=message):
            list(read_records(path, split=split))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no file of records"):
        list(read_records(tmp_path / "empty"))
