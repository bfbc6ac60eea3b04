"""What RGN learns from: ProteinNet records of a user's, or of a named data set, as memory-mapped caches.

Records are checked as they are read; the cache of a file is kept in the data folder, so that the next run opens it.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter

from levinthal.datasets.registry import data_folder, data_set, data_sets
from levinthal.errors import DataError
from levinthal.files.writing import write_whole
from levinthal.proteins.records import FaultPolicy, ProteinRecord, RecordCache, read_records
from levinthal.proteins.records import write_cache as write_record_cache
from levinthal.proteins.synthetic.variants import Variant
from levinthal.workloads.rgn.data.proteins import ProteinSet

_HELD_OUT_PART = 10
_FEWEST_HELD_OUT = 10
_CACHE_VERSION = 2
_NO_PROFILE = "no profile"


@dataclass(frozen=True)
class LeftOut:
    """What is in a person's files and is not learned from: numbers of records by fault, and with foreign sections."""

    records: dict[str, int] = field(default_factory=dict)
    sections: dict[str, int] = field(default_factory=dict)

    def add(self, other: LeftOut) -> None:
        """Add up."""
        for mine, theirs in ((self.records, other.records), (self.sections, other.sections)):
            for name, number in theirs.items():
                mine[name] = mine.get(name, 0) + number


@dataclass(frozen=True)
class Origin:
    """Where records come from.

    Attributes
    ----------
    name, version : str
        Of the data set.
    label : str
        What weights that were trained on it are labelled with: "synthetic", "proteinnet" or "own records".
    """

    name: str
    version: str
    label: str


@dataclass(frozen=True, eq=False)
class Corpus:
    """Records to learn from and to measure on.

    Attributes
    ----------
    origin : Origin
    train, validation : RecordCache
    test : RecordCache or None
        Records that no choice is made on; their names say their class.
    held_out : bool
        Whether the validation records are others than the training records.
    left_out : LeftOut
        Records with faults, and sections that are not ProteinNet's.
    n_without_relatives : int or None
        Profiles, searched here, that rest on the sequence alone; null where none was searched.
    variants : tuple of Variant
        Of test records whose families are known, with their true structures.
    """

    origin: Origin
    train: RecordCache
    validation: RecordCache
    test: RecordCache | None
    held_out: bool
    left_out: LeftOut = field(default_factory=LeftOut)
    n_without_relatives: int | None = None
    variants: tuple[Variant, ...] = ()

    @property
    def sha256(self) -> str:
        """Digest of everything that is learnt from or measured on."""
        caches = (self.train, self.validation, *(() if self.test is None else (self.test,)))
        return hashlib.sha256("".join(cache.fingerprint for cache in caches).encode()).hexdigest()

    def examples(self, cache: RecordCache, max_length: int | None = None) -> ProteinSet:
        """Return the records of one of the caches as examples for the network."""
        longest = int(cache.lengths.max(initial=1)) if max_length is None else max_length
        return ProteinSet.from_cache(cache, label=self.origin.label, max_length=longest)


def keep_records(path: Path, records: Iterable[ProteinRecord]) -> RecordCache:
    """Write records to a cache and open it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record_cache(path, records)
    return RecordCache(path)


def read_corpus(
    data: str,
    *,
    thinning: str,
    validation: str,
    on_fault: Literal["skip", "refuse"],
    seed: int,
    folder: Path,
) -> Corpus:
    """Read ProteinNet records.

    Parameters
    ----------
    data : str
        A data set of the catalogue that was fetched, a folder in ProteinNet's layout, a tar archive of one, or a text
        or TFRecord file.
    thinning : str
        Which training set of a folder or archive.
    validation : str
        File to validate on where `data` is one file; empty holds a tenth of it out, or nothing where that would be
        fewer than ten records.
    on_fault : {"skip", "refuse"}
        What becomes of faulty records.
    seed : int
        Chooses what is held out.
    folder : Path
        Where the parts of a single file are kept.

    Raises
    ------
    DataError
        Nothing of that name, files that are missing or no records, or a faulty record that is refused.
    """
    path, origin = _find(data)
    if not (path.is_dir() or tarfile.is_tarfile(path)):
        return _from_file(path, origin, validation, on_fault, seed, folder)
    if validation:
        raise DataError(f"{path} has a validation set of its own: leave validation empty")
    caches, left_out = {}, LeftOut()
    for split in (f"training_{thinning}", "validation", "testing"):
        caches[split] = _cached(path, split, on_fault, left_out)
    train, held_out, test = caches.values()
    return Corpus(origin, train, held_out, test, held_out=True, left_out=left_out)


def _find(data: str) -> tuple[Path, Origin]:
    path = Path(data)
    if path.exists():
        return path, Origin(path.name, "1", "own records")
    if data in {each.name for each in data_sets()}:
        found = data_set(data)
        if found.state() != "here":
            raise DataError(f"the data set {data} is {found.state()}: levinthal data fetch {data}")
        archives = [found.folder / each.name for each in found.downloads]
        return archives[0], Origin(found.name, found.version, "proteinnet")
    raise DataError(f"data {data!r} is neither a file nor a data set: see levinthal data list")


def _from_file(
    path: Path, origin: Origin, validation: str, on_fault: Literal["skip", "refuse"], seed: int, folder: Path
) -> Corpus:
    left_out = LeftOut()
    cache = _cached(path, None, on_fault, left_out)
    if validation:
        held_out = _cached(Path(validation), None, on_fault, left_out)
        return Corpus(origin, cache, held_out, None, held_out=True, left_out=left_out)
    n_held_out = len(cache) // _HELD_OUT_PART
    if n_held_out < _FEWEST_HELD_OUT:
        return Corpus(origin, cache, cache, None, held_out=False, left_out=left_out)
    order = np.random.default_rng(seed).permutation(len(cache))
    parts = (sorted(order[n_held_out:]), sorted(order[:n_held_out]))
    train, held_out = (
        keep_records(folder / f"{name}.cache", (cache[int(number)] for number in part))
        for name, part in zip(("train", "validation"), parts, strict=True)
    )
    return Corpus(origin, train, held_out, None, held_out=True, left_out=left_out)


def _cached(path: Path, split: str | None, on_fault: Literal["skip", "refuse"], left_out: LeftOut) -> RecordCache:
    """Return the cache of a file's good records, made now unless it is there, and add up what is not in it."""
    try:
        state = (path / split if split and path.is_dir() else path).stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    identity = f"{_CACHE_VERSION} {path.resolve()} {state.st_size} {state.st_mtime_ns} {split} {on_fault}"
    kept = data_folder() / "records" / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.cache"
    counts = kept.with_suffix(".json")
    try:
        cache, found = RecordCache(kept), TypeAdapter(LeftOut).validate_json(counts.read_bytes())
    except (DataError, OSError, ValueError):  # not there, or damaged: what it is made from is
        found = LeftOut()
        cache = keep_records(kept, _learnable(path, split, on_fault, found))
        write_whole(counts, json.dumps(asdict(found)))
    left_out.add(found)
    return cache


def _learnable(
    path: Path, split: str | None, on_fault: Literal["skip", "refuse"], left_out: LeftOut
) -> Iterator[ProteinRecord]:
    """Yield the good records of a file that have a profile; count the others, and say why where there is none."""
    policy = FaultPolicy(on_fault)
    kept = lacking = 0
    for record in read_records(path, policy, split=split):
        if record.profile is not None and record.profile.shape[1] == 21:
            kept += 1
            yield record
        else:
            lacking += 1
    left_out.records.update({str(fault): number for fault, number in policy.counts.items()})
    left_out.records.update({_NO_PROFILE: lacking} if lacking else {})
    left_out.sections.update(policy.passed_over)
    if not kept:
        where = f"{path}, {split}" if split else str(path)
        why = ", ".join(f"{number:,} with {fault}" for fault, number in left_out.records.items()) or "it is empty"
        fix = "give records with [EVOLUTIONARY] sections of 21 rows" if lacking else "give records without such faults"
        first = f"; the first: {policy.examples[0]}" if policy.examples else ""
        raise DataError(f"{where} has no record to learn from ({why}{first}): {fix}")
