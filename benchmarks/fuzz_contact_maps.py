"""Mutated HDF5 and TFRecord files of contact maps: each must be read, or refused with one typed line.

Good files are made on the spot and broken in one to four ways: bits flipped, bytes cut out, put in, overwritten or
repeated, the end cut off; half of the HDF5 mutants are broken within the lists of contacts alone, which keeps the
library's own structures whole, half of the TFRecord mutants come with right checksums. Anything but a result or a
`LevinthalError` of one line, over 5 s, over 512 MiB of new memory, or the death of the process, is a failure: its seed
is printed, and `--seed N --count 1` repeats it. What a mutant is read as is checked too: as many bytes a frame as the
number of residues asks for.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from levinthal.errors import LevinthalError
from levinthal.proteins.contact_maps.files import read_contact_maps
from levinthal.proteins.contact_maps.hdf5 import write_contact_maps_hdf5
from levinthal.proteins.contact_maps.hdf5_reading import read_scalars_hdf5
from levinthal.proteins.contact_maps.maps import pack_contacts, packed_size
from levinthal.proteins.contact_maps.tfrecord import write_contact_maps_tfrecord
from levinthal.proteins.records.tfrecord import frame_bytes, read_frames

MOST_SECONDS, MOST_NEW_MIB = 5.0, 512
FORMATS = ("hdf5", "tfrecord")
NUMBERS = (b"\xff" * 8, b"\x00" * 8, b"\xff\xff\xff\x7f", (1 << 60).to_bytes(8, "little"), b"\x80" * 12, b"\x01")


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 8, 200))]


def _insert(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    data[start:start] = rng.choice((*NUMBERS, rng.randbytes(40)))


def _overwrite(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    piece = rng.choice((*NUMBERS, rng.randbytes(4), rng.randbytes(40)))
    data[start : start + len(piece)] = piece


def _repeat(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.choice((1, 30, 3000))]


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip, _overwrite, _overwrite, _cut, _remove, _insert, _repeat,
)  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Break some bytes in one to four ways."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if broken:
            rng.choice(MUTATIONS)(broken, rng)
    return bytes(broken)


def mutant(kind: str, seed: int, folder: Path) -> bytes:
    """Return the mutated file of a seed."""
    numbers, rng = np.random.default_rng(seed), random.Random(seed)
    n_residues, n_frames = int(numbers.integers(2, 24)), int(numbers.integers(1, 40))
    packed = pack_contacts(np.cumsum(numbers.normal(0, 0.25, (n_frames, n_residues, 3)), axis=1))
    path = folder / f"good{os.getpid()}"
    if kind == "tfrecord":
        write_contact_maps_tfrecord(path, packed, n_residues)
        if rng.random() < 0.5:
            payloads = [frame.data for frame in read_frames(path)]
            at = rng.randrange(len(payloads))
            payloads[at] = mutate(payloads[at], rng)
            return b"".join(map(frame_bytes, payloads))
        return mutate(path.read_bytes(), rng)
    write_contact_maps_hdf5(path, packed, n_residues)
    data = path.read_bytes()
    if rng.random() < 0.5:
        start = data.find(b"GCOL")  # the global heap, where the lists lie
        broken = bytearray(data)
        for _ in range(rng.choice((1, 1, 4))):
            broken[rng.randrange(start + 16, len(data))] = rng.randrange(256)
        return bytes(broken)
    return mutate(data, rng)


def read(path: Path) -> str:
    """Read a file and return `read` or `refused`; anything else is raised."""
    try:
        maps = read_contact_maps(path)
        if path.read_bytes()[:4] == b"\x89HDF":
            read_scalars_hdf5(path, len(maps.packed))
    except LevinthalError as error:
        if "\n" in str(error) or len(str(error)) > 700:
            raise AssertionError(f"not one short line: {error}") from error
        return "refused"
    assert maps.packed.shape[1] == packed_size(maps.n_residues)
    return "read"


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _serve(connection: Connection) -> None:
    """Read the mutants that are asked for; the process may die of one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "mutant"
        for kind in FORMATS:
            path.write_bytes(mutant(kind, 0, folder))
            read(path)
        before = peak_mib()
        while (seed := connection.recv()) is not None:
            kind = FORMATS[seed % len(FORMATS)]
            path.write_bytes(mutant(kind, seed, folder))
            began, failure = time.perf_counter(), ""
            try:
                outcome = read(path)
            except (Exception, RecursionError):
                outcome, failure = "failed", traceback.format_exc(limit=-2)
            connection.send((kind, outcome, time.perf_counter() - began, peak_mib() - before, failure))


def fuzz(seeds: range) -> dict[str, object]:
    """Read the mutants of all seeds in a process apart and return what became of them."""
    context = multiprocessing.get_context("spawn")
    outcomes: dict[str, Counter[str]] = {kind: Counter() for kind in FORMATS}
    failures: list[str] = []
    worst_s = worst_mib = 0.0
    process = None
    for seed in seeds:
        if process is None:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
        ours.send(seed)
        try:
            if not ours.poll(60):
                raise EOFError("60 s without an answer")
            kind, outcome, took, mib, failure = ours.recv()
        except EOFError as error:
            process.kill()
            process.join()
            kind, outcome, took, mib = FORMATS[seed % len(FORMATS)], "died", 0.0, 0.0
            failure = f"the process died ({process.exitcode}) {error}"
            process = None
        outcomes[kind][outcome] += 1
        if failure:
            failures.append(f"seed {seed} ({kind}): {failure}")
        if took > MOST_SECONDS or mib - worst_mib > MOST_NEW_MIB:
            failures.append(f"seed {seed} ({kind}): {took:.1f} s, {mib:.0f} MiB")
        worst_s, worst_mib = max(worst_s, took), max(worst_mib, mib)
    if process is not None:
        ours.send(None)
        process.join()
    return {
        "what": "mutated HDF5 and TFRecord files of contact maps, read or refused with one typed line",
        "seeds": f"{seeds.start} to {seeds.stop - 1}",
        "inputs": len(seeds),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "worst_s": round(worst_s, 3),
        "peak_new_mib": round(worst_mib, 1),
        "failures": failures,
        "passed": not failures and worst_s < MOST_SECONDS and worst_mib < MOST_NEW_MIB,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="inputs (default 5,000)")
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
