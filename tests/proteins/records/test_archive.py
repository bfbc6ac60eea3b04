"""ProteinNet files are read inside their archive; nothing is unpacked, nothing else is touched."""

from __future__ import annotations

import io
import tarfile

import pytest

from levinthal.errors import DataError
from levinthal.proteins.records import (
    Fault,
    FaultPolicy,
    ProteinRecord,
    archive_members,
    format_record,
    open_member,
    read_archive,
)

RECORDS = [ProteinRecord(f"30#1ABC_{k}_A", "ACDE") for k in range(3)]
TEXT = "".join(map(format_record, RECORDS)).encode()


def pack(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_members_are_found_and_read(tmp_path, mode):
    path = tmp_path / "casp12.tar.gz"
    pack(
        path,
        [
            ("casp12/README", b"hello"),
            ("casp12/training_30", TEXT),
            ("casp12/validation", (tarfile.SYMTYPE, "/etc/passwd")),
            ("casp12/testing", TEXT + b"[ID]\nX\n[PRIMARY]\nA1\n\n"),
            ("../../training_50", TEXT),
        ],
        mode,
    )
    assert [(each.split, each.path) for each in archive_members(path)] == [
        ("training_30", "casp12/training_30"),
        ("testing", "casp12/testing"),
        ("training_50", "../../training_50"),
    ]
    assert list(read_archive(path, "training_30")) == RECORDS
    policy = FaultPolicy("skip")
    assert list(read_archive(path, "testing", policy)) == RECORDS
    assert policy.counts == {Fault.MALFORMED: 1}
    assert f"{path}: testing, line" in policy.examples[0]
    with open_member(path, "testing") as stream:
        assert stream.read(4) == b"[ID]"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match="has no validation: it has training_30, testing, training_50"):
        list(read_archive(path, "validation"))


def test_what_is_no_archive(tmp_path):
    path = tmp_path / "a.tar.gz"
    pack(path, [("casp12/training_30", TEXT * 2000)])
    whole = path.read_bytes()
    for data, message in [
        (b"", "is not a tar archive"),
        (b"hello" * 500, "is not a tar archive"),
        (whole[: len(whole) // 2], "gzip data is damaged"),
    ]:
        path.write_bytes(data)
        with pytest.raises(DataError, match=message):
            list(read_archive(path, "testing"))
    with pytest.raises(DataError, match="cannot be read"):
        archive_members(tmp_path / "absent")


def test_a_header_that_declares_a_giant_name(tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 60
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(DataError, match="declares"):
        archive_members(path)
