"""Mutated ProteinNet text, TFRecord and FASTA files: each must be read, or refused with one typed line.

Good files are made on the spot, broken in one to four ways, and read, plain and gzipped, with faulty records skipped
and refused in turn. TFRecord mutants come with wrong checksums and, so that the layers behind are reached, right ones.
Anything but a result or a `LevinthalError` of one line, over 5 s, or over 512 MiB of new memory, is a failure: its seed
is printed, and `--seed N --count 1` repeats it.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from levinthal.errors import LevinthalError
from levinthal.proteins.records import (
    SECONDARY_LETTERS,
    FaultPolicy,
    ProteinRecord,
    RecordCache,
    format_record,
    read_text,
    read_tfrecord,
    text,
    write_cache,
)
from levinthal.proteins.records.proteinnet_example import to_example
from levinthal.proteins.records.sequence_example import encode_sequence_example
from levinthal.proteins.records.tfrecord import frame_bytes
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.sequences.fasta import read_fasta

MOST_SECONDS = 5.0
MOST_NEW_MIB = 512
FORMATS = ("text", "tfrecord", "fasta")
TOKENS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e999",
    b"1_0",
    b"0x1p3",
    b"--1",
    b"",
    b"1" * 400,
    b"\x00",
    b"\xff\xfe",
    b"\t\t",
    b"\n\n",
)
TOKENS += (b"[ID]\n", b"[MASK]\n", b"[TERTIARY]\n", b"[NONE]\n", b">", b"*", b"-", b"\r", b"1e-400", b"9" * 30)
NUMBERS = (b"\xff" * 9 + b"\x01", b"\x80" * 12, b"\xff\xff\xff\xff\x0f", (1 << 60).to_bytes(8, "little"), b"\x00" * 16)


def random_record(rng: np.random.Generator, length: int) -> ProteinRecord:
    """Return a record of random values with every section, or nearly."""
    profile = rng.dirichlet(np.full(20, 0.3), length)
    profile = np.hstack([profile, rng.random((length, 1))])
    single = rng.random() < 0.5
    return ProteinRecord(
        name=str(rng.choice(["TBM#T0366", "30#1ABC_1_A", "1ABC_1_A", "FM#T0999"])),
        sequence="".join(rng.choice(list(AMINO_ACIDS), length)),
        profile=profile.astype(np.float32) if single else profile,
        coordinates_pm=np.round(rng.normal(0, 1500, (length, 3, 3)), 1),
        mask=rng.random(length) < 0.8 if rng.random() < 0.8 else None,
        secondary="".join(rng.choice(list(SECONDARY_LETTERS), length)) if rng.random() < 0.3 else None,
    )


def good_payloads(kind: str, rng: np.random.Generator) -> list[bytes]:
    """Return the records of a good file, one by one, without frames."""
    records = [random_record(rng, int(rng.integers(1, 30))) for _ in range(int(rng.integers(1, 4)))]
    if kind == "text":
        return [format_record(record).encode() for record in records]
    if kind == "tfrecord":
        return [encode_sequence_example(to_example(record, exact=bool(rng.random() < 0.5))) for record in records]
    return [f">protein{k}\n{record.sequence}\n".encode() for k, record in enumerate(records)]


def flip(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 1, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 2, 8, 200))]
    return data


def repeat(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice((1, 30, 3000))] * rng.choice((1, 2, 50))
    return data[:start] + piece + data[start:]


def insert(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.choice(TOKENS + NUMBERS) + data[start:]


def overwrite(data: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(data) + 1)
    piece = rng.choice((*NUMBERS, rng.randbytes(4), rng.randbytes(40)))
    data[start : start + len(piece)] = piece
    return data


def token(data: bytearray, rng: random.Random) -> bytearray:
    words = bytes(data).split(b"\t")
    words[rng.randrange(len(words))] = rng.choice(TOKENS)
    return bytearray(b"\t".join(words))


def line(data: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(data).split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        del lines[one]
    elif how == 1:
        lines.insert(one, lines[other])
    elif how == 2:
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = lines[one] * rng.choice((2, 100))
    return bytearray(b"\n".join(lines))


def blow_up(data: bytearray, rng: random.Random) -> bytearray:
    piece = rng.choice((b"\n", b"A", b"0\t", b"[ID]\n", b"\x0a\x00", b">a\nA\n", b"\x00"))
    start = rng.randrange(len(data) + 1)
    return data[:start] + piece * rng.choice((2_000, 100_000)) + data[start:]


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    flip, flip, cut, remove, repeat, insert, overwrite, token, token, line, line, blow_up,
)  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Break some bytes in one to four ways."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        broken = rng.choice(MUTATIONS)(broken, rng)
    return bytes(broken)


def mutant(kind: str, seed: int) -> bytes:
    """Return the mutated file of a seed."""
    payloads = good_payloads(kind, np.random.default_rng(seed))
    rng = random.Random(seed)
    if kind == "tfrecord":
        if rng.random() < 0.6:  # the checksums are right, what they cover is not
            payloads = [mutate(payload, rng) for payload in payloads]
            data = b"".join(map(frame_bytes, payloads))
        else:
            data = mutate(b"".join(map(frame_bytes, payloads)), rng)
    else:
        data = mutate(b"".join(payloads), rng)
    if rng.random() < 0.15:
        data = gzip.compress(data, 1)
        if rng.random() < 0.5:
            data = mutate(data, rng)
    return data


def read(kind: str, data: bytes, on_fault: str) -> str:
    """Read a file and return `read` or `refused`; anything else is raised."""
    try:
        if kind == "fasta":
            read_fasta(io.BytesIO(data))
        else:
            policy = FaultPolicy("skip" if on_fault == "skip" else "refuse")
            reader = read_text if kind == "text" else read_tfrecord
            for record in reader(io.BytesIO(data), policy):
                format_record(record)
    except LevinthalError as error:
        if "\n" in str(error) or len(str(error)) > 600:
            raise AssertionError(f"not one short line: {error}") from error
        return "refused"
    return "read"


def cache_mutant(folder: Path, seed: int) -> bytes:
    """Return a mutated cache file."""
    rng = np.random.default_rng(seed)
    path = folder / f"cache{seed}"
    write_cache(path, (random_record(rng, int(rng.integers(1, 30))) for _ in range(3)))
    data = path.read_bytes()
    path.unlink()
    return mutate(data, random.Random(seed))


def read_cache(folder: Path, data: bytes) -> str:
    """Read a cache file and return `read` or `refused`; anything else is raised."""
    path = folder / "mutant"
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        list(RecordCache(path))
    except LevinthalError:
        return "refused"
    return "read"


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fuzz(seeds: range) -> dict[str, object]:
    """Read the mutants of all seeds and return what became of them."""
    few, text.FEW_RECORDS = text.FEW_RECORDS, 1  # the compiled parser is to meet the mutants too
    try:
        return _fuzz(seeds)
    finally:
        text.FEW_RECORDS = few


def _fuzz(seeds: range) -> dict[str, object]:
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in FORMATS}
    failures: list[str] = []
    worst_s, worst_seed = 0.0, -1
    for kind in FORMATS:  # compiled and imported before anything is measured
        read(kind, b"".join(map(frame_bytes, good_payloads(kind, np.random.default_rng(0)))), "skip")
    mutant("tfrecord", 0)
    before_mib = peak_mib()
    for seed in seeds:
        kind = FORMATS[seed % len(FORMATS)]
        data = mutant(kind, seed)
        began = time.perf_counter()
        try:
            outcome = read(kind, data, "skip" if seed // len(FORMATS) % 2 else "refuse")
        except (Exception, RecursionError):
            outcome = "failed"
            failures.append(f"seed {seed} ({kind}): {traceback.format_exc(limit=-2)}")
        took = time.perf_counter() - began
        if took > worst_s:
            worst_s, worst_seed = took, seed
        outcomes[kind][outcome] += 1
    new_mib = peak_mib() - before_mib
    return {
        "what": "mutated ProteinNet text, TFRecord and FASTA files read or refused",
        "seeds": f"{seeds.start} to {seeds.stop - 1}",
        "inputs": len(seeds),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "worst_s": round(worst_s, 3),
        "worst_seed": worst_seed,
        "peak_new_mib": round(new_mib, 1),
        "failures": failures,
        "passed": not failures and worst_s < MOST_SECONDS and new_mib < MOST_NEW_MIB,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="inputs (default 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    options = parser.parse_args()
    result = fuzz(range(options.seed, options.seed + options.count))
    for failure in result["failures"]:  # type: ignore[attr-defined]
        print(failure, file=sys.stderr)
    result["failures"] = len(result["failures"])  # type: ignore[arg-type]
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
