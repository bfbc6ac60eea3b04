"""HDF5 of other layouts: read as their writers meant them, or refused; never as something else."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.proteins.contact_maps.hdf5_access import left_open
from levinthal.proteins.contact_maps.hdf5_reading import read_contact_maps_hdf5
from levinthal.proteins.contact_maps.maps import expand_contacts, pack_contacts

h5py = pytest.importorskip("h5py")
N, FRAMES = 21, 40


@pytest.fixture(scope="module")
def packed() -> np.ndarray:
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(FRAMES, N, 3))
    steps *= 0.38 / np.linalg.norm(steps, axis=-1, keepdims=True)
    return pack_contacts(np.cumsum(steps, axis=1))


@pytest.fixture(scope="module")
def dense(packed: np.ndarray) -> np.ndarray:
    return expand_contacts(packed, N)


def lists_file(path: Path, lists: list[np.ndarray], name: str = "contact_map", kind: str = "int16", **options) -> None:
    ragged = np.empty(len(lists), object)
    for k, each in enumerate(lists):
        ragged[k] = np.asarray(each, kind)
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=ragged, dtype=h5py.vlen_dtype(np.dtype(kind)), **options)


def contacts(dense: np.ndarray) -> list[np.ndarray]:
    return [np.concatenate(np.nonzero(each)) for each in dense]


@pytest.mark.parametrize("name", ["contact_map", "contact_maps"])
@pytest.mark.parametrize("triangle", ["both", "upper", "lower"])
def test_lists_are_read_under_either_name(tmp_path, packed, dense, name, triangle):
    part = {"both": dense, "upper": np.triu(dense), "lower": np.tril(dense, -1)}[triangle]
    lists_file(tmp_path / "a.h5", contacts(part), name)
    found = read_contact_maps_hdf5(tmp_path / "a.h5")
    assert found.n_residues == N
    np.testing.assert_array_equal(found.packed, packed)


@pytest.mark.parametrize(
    "shape", [(N, N), (N, N, 1), (1, N, N), (N + 1, N + 1), (N + 3, N + 3, 1), (N * N,), (N * N, 1)]
)
@pytest.mark.parametrize("kind", ["u1", "?", "f4", "i8"])
@pytest.mark.parametrize("diagonal", [True, False])
def test_dense_arrays_are_read_and_padding_is_left_out(tmp_path, packed, dense, shape, kind, diagonal):
    side = math.isqrt(math.prod(shape))
    maps = np.zeros((FRAMES, side, side), kind)
    maps[:, :N, :N] = dense if diagonal else dense * ~np.eye(N, dtype=bool)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("contact_maps", data=maps.reshape(FRAMES, *shape), chunks=True, compression="gzip")
    found = read_contact_maps_hdf5(tmp_path / "a.h5")
    assert found.n_residues == N
    np.testing.assert_array_equal(found.packed, packed)


def _interleaved(dense: np.ndarray) -> list[np.ndarray]:
    return [np.stack(np.nonzero(each), axis=1).ravel() for each in dense]


def _without_neighbours(dense: np.ndarray) -> list[np.ndarray]:
    return contacts(dense * (np.abs(np.subtract.outer(np.arange(N), np.arange(N))) > 2))


WRONG: dict[str, tuple[Callable[[np.ndarray], list[np.ndarray]], str]] = {
    "flattened 0/1": (lambda d: [each[1:, 1:].ravel() for each in d], "flattened maps of 0 and 1"),
    "flattened triangle": (lambda d: [each[np.triu_indices(N, 1)] for each in d[:, :N, :N]], "numbers|flattened"),
    "from 1": (lambda d: [each + 1 for each in contacts(d)], "lists residues 1 to 21, never 0"),
    "flat indices": (lambda d: [np.flatnonzero(each) for each in d], "frame"),
    "interleaved": (_interleaved, "frame 0"),
    "pairs twice": (lambda d: [np.concatenate([np.tile(k, 2) for k in np.nonzero(each)]) for each in d], "twice"),
    "no neighbours": (_without_neighbours, "with no neighbour in any frame|never 0"),
    "a residue left out": (lambda d: [np.concatenate([k + (k > 4) for k in np.nonzero(e)]) for e in d], "residue 5 "),
    "never written": (lambda d: [*contacts(d)[:30], *[np.zeros(0)] * 10], "frame 30 of contact_map is empty"),
}


@pytest.mark.parametrize("case", WRONG)
def test_lists_of_another_meaning_are_refused(tmp_path, dense, case):
    write, says = WRONG[case]
    lists_file(tmp_path / "a.h5", write(dense))
    with pytest.raises(DataError, match=rf"a\.h5.*({says})") as caught:
        read_contact_maps_hdf5(tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m * 7.5, "frame 0 of contact_maps holds numbers other than 0 and 1"),
        (lambda m: np.where(np.arange(FRAMES)[:, None, None] == 9, np.triu(m), m), "frame 9 .* is not symmetric"),
        (lambda m: np.where(np.arange(FRAMES)[:, None, None] > 20, 0, m), "frame 21 .* has no contact"),
    ],
)
def test_dense_arrays_that_are_no_maps_are_refused(tmp_path, dense, change, says):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["contact_maps"] = change(dense.astype("f4"))
    with pytest.raises(DataError, match=rf"a\.h5.*{says}"):
        read_contact_maps_hdf5(tmp_path / "a.h5")


def test_what_is_in_other_files_or_not_there_is_refused(tmp_path, dense):
    for k in range(2):
        with h5py.File(tmp_path / f"part{k}.h5", "w") as file:
            file["contact_maps"] = dense[20 * k : 20 * k + 20]
    layout = h5py.VirtualLayout(dense.shape, dense.dtype)
    for k in range(2):
        source = h5py.VirtualSource(f"part{k}.h5", "contact_maps", (20, N, N))
        layout[20 * k : 20 * k + 20] = source
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("contact_maps", layout)
    with h5py.File(tmp_path / "unwritten.h5", "w") as file:
        file.create_dataset("contact_maps", (2000, N, N), "u1", chunks=(10, N, N))[:10] = dense[:10]
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["contact_maps"] = file["contact_map"] = dense
    for name, says in (
        ("virtual", "kept in other files"), ("unwritten", "more than were written"), ("two", "copy the one"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=rf"{name}\.h5.*{says}"):
            read_contact_maps_hdf5(tmp_path / f"{name}.h5")


KILLED = """
import os, sys, h5py, numpy
dense = numpy.load("dense.npy")
file = h5py.File("killed.h5", "w", libver="latest")
maps = file.create_dataset("contact_map", (0, *dense.shape[1:]), "u1", maxshape=(None, *dense.shape[1:]))
if sys.argv[1] == "True":
    file.swmr_mode = True
maps.resize(12, axis=0)
maps[:] = dense[:12]
file.flush()
os._exit(9)
"""


@pytest.mark.parametrize("swmr", [True, False])
def test_a_file_that_a_killed_writer_left_open(tmp_path, packed, dense, swmr):
    np.save(tmp_path / "dense.npy", dense)
    subprocess.run([sys.executable, "-c", KILLED, str(swmr)], cwd=tmp_path, check=False)
    path = tmp_path / "killed.h5"
    assert left_open(path)
    if swmr:
        np.testing.assert_array_equal(read_contact_maps_hdf5(path).packed, packed[:12])
    else:
        with pytest.raises(DataError, match=r"killed\.h5 is open for writing.*h5clear -s"):
            read_contact_maps_hdf5(path)
