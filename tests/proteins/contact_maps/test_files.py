"""HDF5 and TFRecord files of contact maps: as others write them, both ways, and damaged ones named."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.files import convert_contact_maps, read_contact_maps
from levinthal.proteins.contact_maps.hdf5 import ContactMapHDF5Writer, write_contact_maps_hdf5
from levinthal.proteins.contact_maps.hdf5_reading import read_contact_maps_hdf5, read_scalars_hdf5
from levinthal.proteins.contact_maps.maps import expand_contacts, pack_contacts, pack_maps
from levinthal.proteins.contact_maps.tfrecord import read_contact_maps_tfrecord, write_contact_maps_tfrecord
from levinthal.proteins.records.sequence_example import decode_example, encode_example
from levinthal.proteins.records.tfrecord import frame_bytes, read_frames, write_frames

h5py = pytest.importorskip("h5py")
N, FRAMES = 19, 33


@pytest.fixture(scope="module")
def packed() -> np.ndarray:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(FRAMES, N, 3))
    steps *= 0.38 / np.linalg.norm(steps, axis=-1, keepdims=True)
    return pack_contacts(np.cumsum(steps, axis=1))


def ragged(lists) -> np.ndarray:
    result = np.empty(len(lists), object)
    for k, each in enumerate(lists):
        result[k] = np.asarray(each, np.int16)
    return result


def deepdrivemd_file(path: Path, dense: np.ndarray, **options) -> None:
    """Write what DeepDriveMD's reporter does: rows and columns of scipy's coordinate form, one after the other."""
    from scipy.sparse import coo_matrix

    sparse = [coo_matrix(each) for each in dense]
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "contact_map",
            data=ragged([np.concatenate([each.row, each.col]) for each in sparse]),
            dtype=h5py.vlen_dtype(np.dtype("int16")),
            **options,
        )
        file.create_dataset("rmsd", data=np.linspace(1, 2, len(dense)), dtype="float16")
        file.create_dataset("point_cloud", data=np.zeros((len(dense), 3, N), "f4"))


@pytest.mark.parametrize("options", [{"chunks": (1,)}, {}, {"chunks": (10,), "compression": "gzip"}])
def test_files_of_deepdrivemd_are_read(tmp_path, packed, options):
    deepdrivemd_file(tmp_path / "a.h5", expand_contacts(packed, N), **options)
    found = read_contact_maps(tmp_path / "a.h5")
    assert found.n_residues == N
    np.testing.assert_array_equal(found.packed, packed)
    scalars = read_scalars_hdf5(tmp_path / "a.h5", FRAMES)
    assert list(scalars) == ["rmsd"]
    np.testing.assert_allclose(scalars["rmsd"], np.linspace(1, 2, FRAMES), atol=1e-3)


def test_the_older_form_with_row_and_col_is_read(tmp_path, packed):
    dense = expand_contacts(packed, N)
    kind = h5py.vlen_dtype(np.dtype("int16"))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for k, name in enumerate(("row", "col")):
            file.create_dataset(f"contact_map/{name}", data=ragged([np.nonzero(each)[k] for each in dense]), dtype=kind)
    np.testing.assert_array_equal(read_contact_maps(tmp_path / "a.h5").packed, packed)


def test_what_is_written_can_be_read_as_deepdrivemd_does(tmp_path, packed):
    from scipy.sparse import coo_matrix

    with ContactMapHDF5Writer(tmp_path / "a.h5", N) as writer:
        writer.append(packed[:10])
        writer.append(packed[10:10])
        writer.append(packed[10:])
        assert not (tmp_path / "a.h5").exists()
    dense = expand_contacts(packed, N)
    with h5py.File(tmp_path / "a.h5") as file:
        assert h5py.check_vlen_dtype(file["contact_map"].dtype) == np.int16
        for k, raw in enumerate(file["contact_map"]):
            row, column = raw.reshape(2, -1)
            np.testing.assert_array_equal(coo_matrix((np.ones(len(row)), (row, column)), (N, N)).toarray(), dense[k])
    with pytest.raises(DataError, match=r"29 bytes|shape"), ContactMapHDF5Writer(tmp_path / "b.h5", N) as writer:
        writer.append(packed[:, :-1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 2**32))
def test_any_maps_survive_both_formats(tmp_path_factory, n: int, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.random((frames, n, n)) < rng.random()
    maps[0, np.arange(n - 1), np.arange(1, n)] = True  # neighbours touch
    packed = pack_maps(maps)
    folder = tmp_path_factory.mktemp("maps")
    write_contact_maps_hdf5(folder / "a.h5", packed, n)
    there = convert_contact_maps(folder / "a.h5", folder / "a.tfrecord")
    back = convert_contact_maps(folder / "a.tfrecord", folder / "b.hdf5")
    again = read_contact_maps(folder / "b.hdf5")
    assert there.n_residues == back.n_residues == again.n_residues == n
    np.testing.assert_array_equal(again.packed, packed)
    assert there.sha256() == back.sha256() == again.sha256()


@pytest.mark.parametrize(
    ("kind", "form"),
    [("u1", "rows")] + [(k, f) for k in ("u1", "<f4", "<f8", "<f2", "<i4", "<i8") for f in ("one", "several", "named")],
)
def test_tfrecords_of_any_type_are_read(tmp_path, packed, kind, form):
    padded = np.zeros((FRAMES, N + 3, N + 3), kind)
    padded[:, :N, :N] = expand_contacts(packed, N)
    if form == "rows":
        payloads = [encode_example({"m": tuple(row.tobytes() for row in each)}) for each in padded]
    elif form == "several":
        payloads = [encode_example({"maps": tuple(e.tobytes() for e in padded[k : k + 11])}) for k in range(0, 33, 11)]
    else:
        name = {"one": "x", "named": "contact_map"}[form]
        other = {"label": (b"seven",)} if form == "named" else {}
        payloads = [encode_example({name: (each.tobytes(),), **other}) for each in padded]
    write_frames(tmp_path / "a.tfrecord", payloads)
    found = read_contact_maps_tfrecord(tmp_path / "a.tfrecord")
    assert found.n_residues == N
    np.testing.assert_array_equal(found.packed, packed)


def test_damage_is_named_by_file_and_frame(tmp_path, packed):
    dense = expand_contacts(packed, N)
    good = [np.concatenate(np.nonzero(each)) for each in dense]
    kind = h5py.vlen_dtype(np.dtype("int16"))
    for broken, says in (
        (good[7][:-1], "frame 7 has"), (np.append(good[7], [0, 300]), "residue 300|frame 7 has a contact of residue"),
        (np.concatenate([np.nonzero(dense[7])[0], np.roll(np.nonzero(dense[7])[1], 1)]), "frame 7 (has|lists)"),
    ):  # fmt: skip
        with h5py.File(tmp_path / "bad.h5", "w") as file:
            file.create_dataset("contact_map", data=ragged([*good[:7], broken, *good[8:]]), dtype=kind)
            if "300" in says:
                file["contact_map"].attrs["n_residues"] = N
        with pytest.raises(DataError, match=rf"bad\.h5.*({says})"):
            read_contact_maps(tmp_path / "bad.h5")
    write_contact_maps_hdf5(tmp_path / "cut.h5", packed, N)
    (tmp_path / "cut.h5").write_bytes((tmp_path / "cut.h5").read_bytes()[:-100])
    write_contact_maps_tfrecord(tmp_path / "good.tfrecord", packed, N)
    data = bytearray((tmp_path / "good.tfrecord").read_bytes())
    each = len(data) // FRAMES
    (tmp_path / "cut.tfrecord").write_bytes(data[:-5])
    data[3 * each + 40] ^= 1
    (tmp_path / "flipped.tfrecord").write_bytes(data)
    payloads = [frame.data for frame in read_frames(tmp_path / "good.tfrecord")]
    values = bytearray(decode_example(payloads[4])["contact_map"][0])
    values[1] ^= 1
    payloads[4] = encode_example({"contact_map": (bytes(values),)})
    (tmp_path / "lopsided.tfrecord").write_bytes(b"".join(map(frame_bytes, payloads)))
    (tmp_path / "empty.tfrecord").write_bytes(b"")
    for name, says in (
        ("cut.h5", "truncated"), ("cut.tfrecord", "ends within"), ("flipped.tfrecord", "record 3"),
        ("lopsided.tfrecord", "record 4"), ("empty.tfrecord", "no records"), ("missing.h5", "No such file"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=rf"{name}.*{says}") as caught:
            read_contact_maps(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_nothing_outside_the_file_is_read(tmp_path, packed):
    write_contact_maps_hdf5(tmp_path / "secret.h5", packed, N)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["contact_map"] = h5py.ExternalLink("secret.h5", "contact_map")
    with pytest.raises(DataError, match="link to another file"):
        read_contact_maps_hdf5(tmp_path / "link.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["rmsd"] = np.zeros(3)
    with pytest.raises(DataError, match="no data set contact_map"):
        read_contact_maps_hdf5(tmp_path / "other.h5")


def test_unusable_targets(tmp_path, packed):
    write_contact_maps_hdf5(tmp_path / "a.h5", packed, N)
    with pytest.raises(UsageError, match="ends with one of"):
        convert_contact_maps(tmp_path / "a.h5", tmp_path / "a.npz")
    with pytest.raises(DataError, match="cannot write"):
        write_contact_maps_hdf5(tmp_path / "none" / "a.h5", packed, N)
    with pytest.raises(DataError, match="holds 1 to 32768"):
        ContactMapHDF5Writer(tmp_path / "b.h5", 40_000)


def test_mutants_are_read_or_refused_with_a_typed_line(tmp_path):
    fuzz = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "fuzz_contact_maps.py"))
    counts = {"read": 0, "refused": 0}
    for seed in range(120):
        path = tmp_path / "mutant"
        path.write_bytes(fuzz["mutant"](fuzz["FORMATS"][seed % 2], seed, tmp_path))
        counts[fuzz["read"](path)] += 1
    assert min(counts.values()) > 5
