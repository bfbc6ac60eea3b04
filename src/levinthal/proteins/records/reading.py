"""Records from whatever a user points at: text, TFRecord, cache, archive or a folder, recognised by what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from levinthal.errors import DataError
from levinthal.proteins.records.archive import read_archive
from levinthal.proteins.records.byte_source import opened
from levinthal.proteins.records.cache import RecordCache, starts_as_cache
from levinthal.proteins.records.faults import FaultPolicy
from levinthal.proteins.records.proteinnet_example import read_tfrecord
from levinthal.proteins.records.record import ProteinRecord
from levinthal.proteins.records.text import read_text
from levinthal.proteins.records.tfrecord import is_tfrecord_gzip, starts_as_tfrecord

_TAR_MAGIC = b"ustar"
_TAR_MAGIC_AT = 257


def read_records(
    path: str | Path, policy: FaultPolicy | None = None, *, split: str | None = None
) -> Iterator[ProteinRecord]:
    """Read the records of a file of any format that this package knows, gzipped or not, one after the other.

    Parameters
    ----------
    path : path
        ProteinNet text, a TFRecord file, a cache, a tar archive of ProteinNet text, or a folder of such files, which
        are read in the order of their names (hidden ones are not).
    policy : FaultPolicy, optional
        What to do with faulty records; see `read_text`.
    split : str, optional
        Which file of an archive or folder: `training_30`, `validation`, `testing`, ... An archive needs one.

    Raises
    ------
    DataError
        There is no such file, or what `read_text`, `read_tfrecord`, `RecordCache` and `read_archive` refuse.

    Examples
    --------
    >>> from levinthal.proteins import ProteinRecord, read_records, write_text
    >>> write_text("records.txt", [ProteinRecord("a", "ACDE")])
    1
    >>> [record.sequence for record in read_records("records.txt")]
    ['ACDE']
    """
    where = Path(path)
    if where.is_dir():
        files = sorted(each for each in where.iterdir() if each.is_file() and not each.name.startswith("."))
        chosen = [each for each in files if split is None or each.name == split]
        if not chosen:
            raise DataError(f"{where} has no file {split}" if split else f"{where} has no file of records")
        for each in chosen:
            yield from _read_file(each, policy, None)
    else:
        yield from _read_file(where, policy, split)


def _read_file(path: Path, policy: FaultPolicy | None, split: str | None) -> Iterator[ProteinRecord]:
    with opened(path, is_tfrecord_gzip) as (stream, _):
        head = stream.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    if head[_TAR_MAGIC_AT:] == _TAR_MAGIC:
        if split is None:
            raise DataError(f"{path} is an archive: say which part, training_30 for one")
        yield from read_archive(path, split, policy)
    elif starts_as_cache(head):
        for k, record in enumerate(RecordCache(path)):
            if policy is None or policy.admits(record, f"{path}, record {k}"):
                yield record
    elif not head.lstrip().startswith(b"[ID]") and starts_as_tfrecord(head):
        yield from read_tfrecord(path, policy)
    else:
        yield from read_text(path, policy)
