"""How `fuzz_inputs.py` breaks files: as bytes, and as what they hold, with checksums made right again."""

from __future__ import annotations

import copy
import io
import json
import math
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# -- what is broken as bytes

NUMBERS = (
    b"\xff" * 8,
    b"\x00" * 8,
    b"\xff\xff\xff\x7f",
    (1 << 60).to_bytes(8, "little"),
    b"\x80" * 12,
    b"NaN",
    b"1e999",
)
NUMBERS += (b"9" * 5000, b"\\u0000", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 50_000, b"-", b'""', b"\n")


def break_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, remove, insert, overwrite or repeat, one to four times."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(broken) + 1)
        how = rng.randrange(7)
        if how < 2 and broken:
            for _ in range(rng.choice((1, 1, 8))):
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        elif how == 2:
            del broken[at:]
        elif how == 3:
            del broken[at : at + rng.choice((1, 8, 200))]
        elif how == 4:
            broken[at:at] = rng.choice(NUMBERS)
        elif how == 5:
            piece = rng.choice((*NUMBERS[:6], rng.randbytes(4), rng.randbytes(40)))
            broken[at : at + len(piece)] = piece
        else:
            broken[at:at] = broken[at : at + rng.choice((1, 30, 3000))] * rng.choice((1, 50))
    return bytes(broken)


# -- what is broken as what it holds

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -1e308, 1e-320, math.nan, math.inf, "", "a" * 300,
    "a" * 5000,
    "a\x00b", "../../etc/passwd", "/dev/zero", "\ud800", "\x1b[31m", "<script>", "nan", [], {}, [[]], [None], {"": {}},
    [1] * 5000, ["x"] * 500, "2026", "local", "executor:/nowhere.py", "cvae", "loop/a", -0.0,
)  # fmt: skip


def nested(depth: int) -> Any:
    """Return lists in lists."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


def break_value(document: Any, rng: random.Random) -> Any:
    """Replace, remove, double or move values, anywhere in a document of JSON, one to three times."""
    for _ in range(rng.randint(1, 3)):
        spots = [(None, None, document)]
        for _, _, inside in spots:
            pairs = (
                inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
            )
            spots += [(inside, key, value) for key, value in pairs]
        holder, key, value = rng.choice(spots)
        if holder is None:
            if rng.random() < 0.9:
                continue
            return rng.choice(ODD)
        how = rng.randrange(6)
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[str(rng.choice(ODD))[:400]] = holder.pop(key)
        elif how == 2:
            holder[key] = [value, value]
        elif how == 3 and isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = rng.choice((-value, value * 1e6, value + 0.5, str(value), int(value) + 1))
        elif how == 4:
            holder[key] = copy.deepcopy(rng.choice(spots)[2])
        else:
            holder[key] = nested(rng.choice((3, 200))) if rng.random() < 0.05 else rng.choice(ODD)
    return document


def break_json(data: bytes, rng: random.Random) -> bytes:
    """Break a JSON text, two times in three as what it holds."""
    try:
        document = json.loads(data)
    except ValueError:  # it was broken as bytes before
        document = None
    if document is None or rng.random() < 0.33:
        return break_bytes(data, rng)
    try:
        text = json.dumps(break_value(document, rng))
    except ValueError:  # what was broken holds itself
        return break_bytes(data, rng)
    return (text.replace("1e+400", "9" * 5000) if rng.random() < 0.1 else text).encode("utf-8", "surrogatepass")


def break_lines(data: bytes, rng: random.Random) -> bytes:
    """Break some lines of JSON, or their order."""
    lines = data.splitlines()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        how = rng.randrange(4)
        if how == 0:
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif how == 1 and len(lines) > 1:
            del lines[at]
        else:
            lines[at] = break_json(lines[at] or b"{}", rng).replace(b"\n", b" ")
    return b"\n".join(lines) + b"\n"


def in_file(name: str, how: Callable[[bytes, random.Random], bytes]) -> Callable[[Path, random.Random], None]:
    """Return a mutation of one file of a folder; `name` may be a pattern, of which one file is taken."""

    def mutate(folder: Path, rng: random.Random) -> None:
        path = rng.choice(sorted(folder.glob(name)))
        path.write_bytes(how(path.read_bytes(), rng))

    return mutate


def break_artifact(folder: Path, rng: random.Random) -> None:
    """Give an artifact a path that leads nowhere good; else break the result as JSON."""
    path = folder / "result.json"
    if rng.random() < 0.8:
        path.write_bytes(break_json(path.read_bytes(), rng))
        return
    document = json.loads(path.read_text())
    artifacts = [artifact for each in document["repeats"] for artifact in each["artifacts"]]
    (folder / "loop").symlink_to("loop")
    rng.choice(artifacts)["path"] = rng.choice(
        ("a\0b", "loop", "loop/a", "n" * 300, "n/" * 3000, ".", "", "repeats", "\ud800")
    )
    path.write_text(json.dumps(document))


TOML = b"""epochs = 3
batch_size = 64
filters = 16
learning_rate = 1e-3
platform = "CPU"
"""
TOKENS = (
    b"9" * 5000,
    b"-1",
    b"nan",
    b"inf",
    b'"a\\u0000b"',
    b"[" * 50_000,
    b"{}",
    b"[[1]]",
    b"1979-05-27",
    b"true",
    b"''",
    b"0x" + b"f" * 900,
)
TOKENS += (b"{ a = " * 5000, b"1e999", b'"' + b"n" * 300 + b'"', b"0" * 400, b'"\x1b[31m"', b"[[1]] = 1", b"9" * 4000)


def break_toml(data: bytes, rng: random.Random) -> bytes:
    """Break values, keys or bytes of settings."""
    how = rng.randrange(5)
    lines = data.splitlines()
    at = rng.randrange(len(lines))
    key, _, value = lines[at].partition(b" = ")
    if how == 0:
        lines[at] = key + b" = " + rng.choice(TOKENS)
    elif how == 1:
        lines[at] = (
            rng.choice((b".".join([b"a"] * 100_000), b"a" * 300, b'"\\u0000"', b"a.b", b"[[x]]\na", b"[x.y]\na"))
            + b" = "
            + value
        )
    elif how == 2:
        lines += [b"x%d.y.z = %d" % (number, number) for number in range(rng.choice((2, 20_000)))]
    elif how == 3:
        lines[at] = value
    else:
        return break_bytes(data, rng)
    return b"\n".join(lines)


def break_tensors(data: bytes, rng: random.Random) -> bytes:
    """Break a safetensors file as bytes, in its header, or in the description that the header holds."""
    if rng.random() < 0.25:
        return break_bytes(data, rng)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.3:
        text = break_json(json.dumps(header).encode(), rng)
    else:
        about = header["__metadata__"]
        name = rng.choice([key for key in about if about[key].startswith("{")])
        if rng.random() < 0.1:
            about[name] = "[" * 100_000 + "]" * 100_000
        else:
            about[name] = break_json(about[name].encode(), rng).decode("utf-8", "replace")
        text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def break_arrays(data: bytes, rng: random.Random) -> bytes:
    """Break an archive of arrays, or one array, as bytes or in a header; now and then promise what is not there."""
    if not data.startswith(b"PK"):
        if rng.random() < 0.5:
            return break_bytes(data[:128], rng) + data[128:]
        header = rng.choice(
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (%d,)}",
                "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}%.0s",
                "(" * 5000 + "%d",
                "{'descr': '<c16', 'fortran_order': True, 'shape': (2, %d)}",
            )
        )
        text = (header % rng.choice((-1, 0, 3, 10**11, 10**30))).encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data[128:]
    if rng.random() < 0.4:
        return break_bytes(data, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as broken:
        chosen = rng.choice(archive.namelist())
        for name in archive.namelist():
            content = archive.read(name)
            if name == chosen:
                how = rng.randrange(5)
                if how == 0:
                    continue
                if how == 1:
                    content = content[:128] + bytes(400_000_000)
                elif how == 2:
                    numbers = io.BytesIO()
                    odd = rng.choice((-1, 2**31 - 1, 10**9, 7))
                    np.save(numbers, np.full(rng.choice((0, 1, 4, 50)), odd, rng.choice(("i4", "i8", "f8", "U3"))))
                    content = numbers.getvalue()
                else:
                    content = (
                        break_arrays(content, rng) if how == 3 else content[:128] + break_bytes(content[128:], rng)
                    )
            broken.writestr(name, content)
    return out.getvalue()


def break_cache(folder: Path, rng: random.Random) -> None:
    """Break a cache of records anywhere, half of the time with right checksums of its index, or the count beside it."""
    (path,) = folder.glob("data/records/*.cache")
    counts = path.with_suffix(".json")
    if rng.random() < 0.3:
        counts.write_bytes(break_json(counts.read_bytes(), rng))
        return
    data = path.read_bytes()
    if rng.random() < 0.4:
        path.write_bytes(break_bytes(data, rng))
        return
    begin, length, header, _, magic = struct.unpack("<QQII16s", data[-40:])
    index = bytearray(data[begin : begin + length])
    for _ in range(rng.choice((1, 1, 4))):
        at = rng.randrange(len(index))
        piece = rng.choice((rng.randbytes(1), rng.randbytes(8), b"\xff" * 8, bytes(8)))[: len(index) - at]
        index[at : at + len(piece)] = piece
    footer = struct.pack("<QQII16s", begin, length, header, zlib.crc32(bytes(index)), magic)
    path.write_bytes(data[:begin] + bytes(index) + footer)


def break_store(folder: Path, rng: random.Random) -> None:
    """Break one file of a frame store, or a link to it."""
    path = rng.choice([*sorted(folder.glob("*.json*")) * 3, *sorted(folder.glob("*.[fui]*"))])
    how = break_lines if path.suffix == ".jsonl" else break_json if path.suffix == ".json" else break_bytes
    path.write_bytes(how(path.read_bytes(), rng))


def break_campaign(folder: Path, rng: random.Random) -> None:
    """Break a campaign's database as bytes or in a row, or its files of numbers."""
    import sqlite3
    from contextlib import closing

    path = folder / "campaign.db"
    how = rng.random()
    if how < 0.3:
        path.write_bytes(break_bytes(path.read_bytes(), rng))
    elif how < 0.4:
        in_file("*.f[36]*", break_bytes)(folder, rng)
    else:
        with closing(sqlite3.connect(path)) as database:
            table = rng.choice(("meta", "chunks", "decisions", "models", "sessions", "chunks"))
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            odd = rng.choice((None, "x", b"\xff", -1, 10**12, 1e300, "", 2**62, "{}", "[" * 1000))
            try:
                database.execute(f"UPDATE {table} SET {rng.choice(columns)} = ?", (odd,))
                database.commit()
            except sqlite3.Error:
                path.write_bytes(b"")
