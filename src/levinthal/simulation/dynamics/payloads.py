"""Frames written down to travel: coordinates or contact maps in several forms, and read as a learner takes them.

A simulation holds coordinates and a learner takes bit-packed contact maps (of more than 2,048 beads the coordinates
themselves), so every form does the same work in all; what differs is where it is done and what travels.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Singles
from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.maps import n_pairs, pack_contacts, pack_maps, packed_size, unpack_pairs

PAYLOADS = ("coordinates", "dense-float64", "dense-uint8", "bit-packed", "sparse", "compressed")
MOST_MAPPED_BEADS = 2048
_STEP_NM = 0.38
_FASTEST = 1


def chain_frames(n_frames: int, n_beads: int, seed: int) -> Singles:
    """Return frames of a compact random chain whose beads jitter; float32 (n_frames, n_beads, 3), nm."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n_beads, 3))
    walk = np.cumsum(_STEP_NM * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)
    side = 0.5 * n_beads ** (1 / 3)  # about a residue in 0.125 nm3, as in a folded protein
    folded = np.abs((walk + side) % (2 * side) - side)
    jitter = rng.normal(scale=0.05, size=(min(n_frames, 64), n_beads, 3))
    frames = (folded + jitter).astype(np.float32)
    return np.asarray(frames[np.arange(n_frames) % len(frames)], np.float32)


def bytes_of_frame(payload: str, n_beads: int) -> int:
    """Return how many bytes a frame takes; of a form whose size depends on the frame, about.

    Raises
    ------
    UsageError
        An unknown form, or a map of more beads than are mapped.
    """
    if payload not in PAYLOADS:
        raise UsageError(f"payload {payload!r} is unknown: choose among {', '.join(PAYLOADS)}")
    if payload == "coordinates":
        return 12 * n_beads
    dense = n_beads * n_beads
    if n_beads > MOST_MAPPED_BEADS:
        raise UsageError(f"a contact map of {n_beads:,} beads has {dense:,} entries a frame: send their coordinates")
    sizes = {"dense-float64": 8 * dense, "dense-uint8": dense, "sparse": 4 + 4 * 8 * n_beads}
    return sizes.get(payload, packed_size(n_beads))


def to_bytes(payload: str, frames_nm: Singles) -> bytes:
    """Return frames in a form that travels.

    Parameters
    ----------
    payload : str
        One of `PAYLOADS`.
    frames_nm : ndarray of float32, shape (n_frames, n_beads, 3)

    Examples
    --------
    >>> from levinthal.simulation.dynamics.payloads import chain_frames, from_bytes, to_bytes
    >>> frames_nm = chain_frames(10, 28, seed=0)
    >>> len(to_bytes("bit-packed", frames_nm)), from_bytes("sparse", to_bytes("sparse", frames_nm), 28).shape
    (480, (10, 48))
    """
    if payload == "coordinates":
        return np.ascontiguousarray(frames_nm, "<f4").tobytes()
    packed, n_beads = pack_contacts(frames_nm), frames_nm.shape[1]
    if payload == "bit-packed":
        return packed.tobytes()
    if payload == "compressed":
        return zlib.compress(packed.tobytes(), _FASTEST)
    pairs = unpack_pairs(packed, n_beads)
    if payload == "sparse":
        frame, pair = np.nonzero(pairs)
        counts = np.bincount(frame, minlength=len(packed)).astype("<u4")
        return counts.tobytes() + pair.astype("<u4").tobytes()
    dense = np.zeros((len(packed), n_beads, n_beads), "<f8" if payload == "dense-float64" else np.uint8)
    rows, columns = np.triu_indices(n_beads, 1)
    dense[:, rows, columns] = dense[:, columns, rows] = pairs
    dense[:, np.arange(n_beads), np.arange(n_beads)] = 1
    return dense.tobytes()


def from_bytes(payload: str, data: bytes | memoryview, n_beads: int) -> npt.NDArray[Any]:
    """Return bit-packed contact maps, shape (n_frames, packed_size(n_beads)); of very many beads the coordinates.

    Raises
    ------
    DataError
        The bytes are not such frames.
    """
    try:
        return _read(payload, data, n_beads)
    except (ValueError, IndexError, zlib.error) as error:
        raise DataError(f"{len(data)} bytes are not {payload} frames of {n_beads} beads: {error}") from None


def _read(payload: str, data: bytes | memoryview, n_beads: int) -> npt.NDArray[Any]:
    if payload == "coordinates":
        frames_nm = np.frombuffer(data, "<f4").reshape(-1, n_beads, 3)
        return frames_nm if n_beads > MOST_MAPPED_BEADS else pack_contacts(frames_nm)
    if payload in ("bit-packed", "compressed"):
        raw = zlib.decompress(data) if payload == "compressed" else data
        return np.frombuffer(raw, np.uint8).reshape(-1, packed_size(n_beads))
    if payload == "sparse":
        return _read_sparse(np.frombuffer(data, "<u4"), n_beads)
    kind = "<f8" if payload == "dense-float64" else np.uint8
    return pack_maps(np.frombuffer(data, kind).reshape(-1, n_beads, n_beads) != 0)


def _read_sparse(words: npt.NDArray[np.uint32], n_beads: int) -> npt.NDArray[np.uint8]:
    """Read counts, as many as there are frames, and then the pairs of all frames."""
    totals = np.cumsum(words, dtype=np.int64) + np.arange(1, len(words) + 1)
    n_frames = int(np.searchsorted(totals, len(words)))
    if n_frames == len(words) or totals[n_frames] != len(words):
        raise ValueError("counts and pairs do not fit together")
    n_frames += 1
    bits = np.zeros((n_frames, n_pairs(n_beads)), np.uint8)
    bits[np.repeat(np.arange(n_frames), words[:n_frames]), words[n_frames:]] = 1
    return np.packbits(bits, axis=1, bitorder="little")
