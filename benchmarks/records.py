"""Streaming of many ProteinNet records: speed, and that memory does not grow with the file.

A text file, a TFRecord file and a cache of 100,000 records are made on the spot from a few hundred random ones, and
read from end to end, each in a process of its own. Growth is how far the process's own memory, looked at two hundred
times, rises above what it is after the first two hundredth of the records. Beside it the plain way to read the text:
split the lines, call float, make arrays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from undisturbed import watched

from levinthal.proteins.records import (
    FaultPolicy,
    ProteinRecord,
    RecordCache,
    format_record,
    read_text,
    read_tfrecord,
    write_cache,
    write_tfrecord,
)
from levinthal.proteins.residues import AMINO_ACIDS

N_DISTINCT = 200


def distinct_records(mean_length: int) -> list[ProteinRecord]:
    """Return random records whose text looks as ProteinNet's does: 16 digits, many zeros, tenths of a picometre."""
    rng = np.random.default_rng(0)
    records = []
    for k in range(N_DISTINCT):
        length = max(8, int(rng.gamma(4, mean_length / 4)))
        profile = rng.dirichlet(np.full(20, 0.5), length)
        profile[profile < 0.01] = 0
        profile /= profile.sum(axis=1, keepdims=True)
        profile = np.hstack([profile, rng.random((length, 1))])
        mask = rng.random(length) < 0.9
        coordinates = np.round(rng.normal(0, 1500, (length, 3, 3)), 1) * mask[:, None, None] + 0.0
        letters = "".join(rng.choice(list(AMINO_ACIDS), length))
        records.append(ProteinRecord(f"R{k}", letters, profile, coordinates, mask))
    return records


def make_files(folder: Path, n_records: int, mean_length: int) -> None:
    """Write the text, TFRecord and cache files."""
    distinct = distinct_records(mean_length)
    bodies = [format_record(record).encode().split(b"\n", 2)[2] for record in distinct]
    with (folder / "text").open("wb") as file:
        for k in range(n_records):
            file.write(b"[ID]\nR%d\n" % k + bodies[k % N_DISTINCT])

    def renamed() -> Iterator[ProteinRecord]:
        return (replace(distinct[k % N_DISTINCT], name=f"R{k}") for k in range(n_records))

    write_tfrecord(folder / "tfrecord", renamed(), exact=False)
    write_cache(folder / "cache", renamed())


def plain(path: Path) -> Iterator[int]:
    """Read the text as most programs do, and give the lengths."""
    with path.open() as file:
        while file.readline():
            file.readline()
            file.readline()
            length = len(file.readline().strip())
            file.readline()
            profile = np.array([[float(word) for word in file.readline().split()] for _ in range(21)])
            file.readline()
            tertiary = np.array([[float(word) for word in file.readline().split()] for _ in range(3)])
            file.readline()
            mask = np.array([sign == "+" for sign in file.readline().strip()])
            file.readline()
            assert profile.shape[1] == length == tertiary.shape[1] // 3 == len(mask)
            yield length


READERS: dict[str, Callable[[Path], Iterator[int]]] = {
    "text": lambda folder: (len(record) for record in read_text(folder / "text")),
    "text, checked": lambda folder: (len(record) for record in read_text(folder / "text", FaultPolicy("skip"))),
    "text, plain": lambda folder: plain(folder / "text"),
    "tfrecord": lambda folder: (len(record) for record in read_tfrecord(folder / "tfrecord")),
    "cache": lambda folder: (len(record) for record in RecordCache(folder / "cache")),
}


def memory_mib(line: str) -> float:
    """Return a figure of this process: RssAnon is memory of its own, VmHWM the most it held, mapped files included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith(line)) / 1024


def measure(folder: Path, reader: str, n_records: int) -> dict[str, float]:
    """Read a file from end to end in this process."""
    step = max(n_records // 200, 300)  # by then all that is imported late has been
    lengths = READERS[reader](folder)
    count = residues = 0
    began = time.perf_counter()
    own_mib: list[float] = []
    for length in lengths:
        count += 1
        residues += length
        if count % step == 0:
            own_mib.append(memory_mib("RssAnon"))
    seconds = time.perf_counter() - began
    assert count == n_records
    n_bytes = (folder / reader.partition(",")[0]).stat().st_size
    return {
        "seconds": seconds,
        "records_per_s": count / seconds,
        "residues_per_s": residues / seconds,
        "mb_per_s": n_bytes / 1e6 / seconds,
        "file_mb": n_bytes / 1e6,
        "peak_mib": memory_mib("VmHWM"),
        "growth_mib": max(own_mib) - own_mib[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="records in each file (default 100,000)")
    parser.add_argument("--residues", type=int, default=30, help="mean length (default 30; ProteinNet's is about 250)")
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each reader, in turn (default 1)")
    parser.add_argument("--readers", nargs="+", default=list(READERS), choices=READERS)
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "READER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(Path(options.measure[0]), options.measure[1], options.records)))
        return
    found: dict[str, list[dict[str, float]]] = {reader: [] for reader in options.readers}
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), options.records, options.residues)
        for _ in range(options.rounds):
            for reader in options.readers:
                program = [sys.executable, __file__, "--records", str(options.records), "--measure", folder, reader]
                done = subprocess.run(program, check=True, capture_output=True, text=True)
                found[reader].append(json.loads(done.stdout))
    cases = {
        reader: {key: round(statistics.median(each[key] for each in runs), 2) for key in runs[0]}
        for reader, runs in found.items()
    }
    for reader, case in cases.items():
        print(
            f"{reader:14s} {case['records_per_s']:>10,.0f} record/s {case['residues_per_s']:>12,.0f} residue/s "
            f"{case['mb_per_s']:>7,.0f} MB/s, peak {case['peak_mib']:.0f} MiB, grew by {case['growth_mib']:.1f} MiB"
        )
    result = {"what": f"ProteinNet records read, {options.records:,} of {options.residues} residues", "cases": cases}
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
