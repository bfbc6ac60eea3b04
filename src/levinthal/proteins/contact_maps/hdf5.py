"""Contact maps in HDF5 as DeepDriveMD writes them, so that its data sets can be read and ours be given to it.

The data set `contact_map` holds for each frame a list of int16 of variable length: the rows of all contacts, then their
columns. Both places of a pair are listed, and the diagonal, in the order of the matrix (the "sparse-concat" form of
DeepDriveMD's `write_contact_map`, of mdtools and of mdlearn's `ContactMapDataset`). Its older form, a group
`contact_map` with the lists `row` and `col`, is read too. The files do not say how many residues there are: ours have
an attribute `n_residues` of the data set, of others the largest index counts. Other data sets with a number for each
frame (`rmsd`, `fnc`) are read by `read_scalars_hdf5`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, MissingExtraError, WriteError
from levinthal.files.writing import as_write_error, whole_path
from levinthal.proteins.contact_maps.maps import ContactMaps, Packed, expand_contacts, packed_size

MAX_RESIDUES = 2**15
"""An index is an int16."""

_NAME, _RESIDUES = "contact_map", "n_residues"
_CHUNK = 128
_ELEMENTS_AT_ONCE = 1 << 24
# A frame in a chunk is a length and a place in the file's heap (HDF5 file format, IV.B: 4 + 8 + 4 bytes); deflate packs
# at most 1,032 to 1.
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])
_MOST_PACKED = 1100
# What libhdf5's refusals of damaged files become in h5py.
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError, UnicodeError, IndexError)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "hdf5", "reading and writing HDF5 files") from None
    return h5py


class ContactMapHDF5Writer:
    """Writes contact maps to a new file, block by block; use as a context manager.

    The file appears under its name when it is closed, whole; after an error in the block there is none.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    n_residues : int
        Of every map.

    Raises
    ------
    DataError
        The file cannot be written, or the number of residues does not fit into the format.
    MissingExtraError
        h5py is not installed.
    """

    def __init__(self, path: str | Path, n_residues: int) -> None:
        h5py = _h5py()
        if not 1 <= n_residues <= MAX_RESIDUES:
            raise DataError(f"contact maps of {n_residues} residues: the HDF5 form holds 1 to {MAX_RESIDUES}")
        self.path = Path(path)
        self.n_residues = n_residues
        self._whole = ExitStack()
        draft = self._whole.enter_context(whole_path(self.path))
        with self._writing():
            self._file = h5py.File(draft, "w")
            self._maps = self._file.create_dataset(
                _NAME,
                shape=(0,),
                maxshape=(None,),
                chunks=(_CHUNK,),
                dtype=h5py.vlen_dtype(np.dtype("int16")),
            )
            self._maps.attrs[_RESIDUES] = n_residues

    def __enter__(self) -> ContactMapHDF5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._whole.__exit__(kind, error, trace)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with as_write_error(self.path, RuntimeError):
                yield
        except WriteError as error:
            self._whole.__exit__(WriteError, error, None)
            raise

    def append(self, packed: Packed) -> None:
        """Append frames.

        Parameters
        ----------
        packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))

        Raises
        ------
        DataError
            Frames of another shape or type, or the file cannot be written.
        """
        at_once = max(1, _ELEMENTS_AT_ONCE // self.n_residues**2)
        for first in range(0, max(len(packed), 1), at_once):
            block = packed[first : first + at_once]
            dense = np.empty((len(block), self.n_residues, self.n_residues), np.uint8)
            expand_contacts(block, self.n_residues, out=dense)
            if len(block):
                with self._writing():
                    before = len(self._maps)
                    self._maps.resize(before + len(block), axis=0)
                    for k, each in enumerate(dense, before):  # h5py would make one table of lists of equal length
                        self._maps[k] = np.concatenate(np.nonzero(each)).astype(np.int16)

    def close(self) -> None:
        """Finish the file and give it its name; once closed, nothing happens."""
        if self._file:
            with self._writing():
                self._file.close()
            self._whole.close()


def write_contact_maps_hdf5(path: str | Path, packed: Packed, n_residues: int) -> None:
    """Write contact maps to a new file; parameters and errors as for `ContactMapHDF5Writer`."""
    with ContactMapHDF5Writer(path, n_residues) as writer:
        writer.append(packed)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    h5py = _h5py()
    if not path.is_file():
        raise DataError(f"{path} is not a file: name an HDF5 file with the data set {_NAME}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read as HDF5 ({_first_line(error)}): fetch or make it again") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _own(parent: Any, name: str, path: Path) -> Any:
    """Return a member of a group, or None; a link or a data set that leads to another file is refused."""
    h5py = _h5py()
    link = parent.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink | h5py.SoftLink):
        raise DataError(f"{path}: {name} is a link to another file, which is not followed: copy the data into one file")
    found = parent[name]
    if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
        raise DataError(f"{path}: {name} is kept in another file, which is not read: copy the data into one file")
    return found


def _check_length(dataset: Any, name: str, path: Path) -> int:
    """Return the frames of lists of variable length, or refuse more than the file can hold."""
    h5py = _h5py()
    kind = h5py.check_vlen_dtype(dataset.dtype) if isinstance(dataset, h5py.Dataset) else None
    if kind is None or np.dtype(kind).kind not in "iu" or dataset.ndim != 1:
        raise DataError(
            f"{path}: {name} is not a list of integer lists, one a frame: it is "
            f"{f'{dataset.dtype} of shape {dataset.shape}' if isinstance(dataset, h5py.Dataset) else 'a group'}"
        )
    packed = dataset.compression is not None
    if len(dataset) * _REFERENCE.itemsize > path.stat().st_size * (_MOST_PACKED if packed else 1):
        raise DataError(
            f"{path}: {name} says it has {len(dataset):,} frames, more than the file can hold: it is damaged"
        )
    if not packed:
        _check_list_lengths(dataset, np.dtype(kind).itemsize, name, path)
    return len(dataset)


def _check_list_lengths(dataset: Any, item_bytes: int, name: str, path: Path) -> None:
    """Refuse a list longer than the file: libhdf5 takes the memory for it before it finds that it is not there."""
    n_frames, size = len(dataset), path.stat().st_size
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None:
            return
        with path.open("rb") as file:
            file.seek(offset)
            pieces = [(0, file.read(n_frames * _REFERENCE.itemsize))]
    else:
        pieces = []
        for k in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(k)
            pieces.append((chunk.chunk_offset[0], dataset.id.read_direct_chunk(chunk.chunk_offset)[1]))
    for first, piece in pieces:
        lengths = np.frombuffer(piece, _REFERENCE, len(piece) // _REFERENCE.itemsize)["length"][: n_frames - first]
        wrong = np.flatnonzero(lengths.astype(np.int64) * item_bytes > size)
        if wrong.size:
            raise DataError(
                f"{path}: frame {first + wrong[0]} of {name} says it has {lengths[wrong[0]]:,} numbers, more than the "
                "file can hold: it is damaged"
            )


def _lists(dataset: Any, name: str, path: Path, first: int, last: int) -> Any:
    """Return some frames' lists; where they cannot be read, name the first frame that cannot."""
    try:
        return dataset[first:last]
    except _DAMAGE:
        for frame in range(first, last):
            try:
                dataset[frame]
            except _DAMAGE as error:
                raise DataError(
                    f"{path}: frame {frame} of {name} cannot be read ({_first_line(error)}): it is damaged or cut off"
                ) from None
        raise


def _frames(node: Any, path: Path) -> tuple[int, int | None, Callable[[int, int], list[npt.NDArray[np.int64]]]]:
    """Return how many frames there are, of how many residues where it says so, and a function that reads some.

    A frame is an array (2, n_contacts) of rows and columns.
    """
    h5py = _h5py()
    if isinstance(node, h5py.Group):
        rows, columns = (_own(node, name, path) for name in ("row", "col"))
        if rows is None or columns is None:
            raise DataError(f"{path}: {_NAME} is a group without row and col: no contact maps of DeepDriveMD")
        n_frames = _check_length(rows, f"{_NAME}/row", path)
        if _check_length(columns, f"{_NAME}/col", path) != n_frames:
            raise DataError(f"{path}: {_NAME} has {n_frames} lists of rows but {len(columns)} of columns")

        def read_two(first: int, last: int) -> list[npt.NDArray[np.int64]]:
            both = zip(
                _lists(rows, f"{_NAME}/row", path, first, last),
                _lists(columns, f"{_NAME}/col", path, first, last),
                strict=True,
            )
            found = []
            for frame, (row, column) in enumerate(both, first):
                if len(row) != len(column):
                    raise DataError(f"{path}: frame {frame} has {len(row)} rows but {len(column)} columns")
                found.append(np.stack([row, column]).astype(np.int64))
            return found

        return n_frames, None, read_two
    n_frames = _check_length(node, _NAME, path)

    def read_one(first: int, last: int) -> list[npt.NDArray[np.int64]]:
        found = []
        for frame, both in enumerate(_lists(node, _NAME, path, first, last), first):
            if len(both) % 2:
                raise DataError(f"{path}: frame {frame} has {len(both)} numbers, which are not as many rows as columns")
            found.append(np.reshape(both, (2, -1)).astype(np.int64))
        return found

    stated = node.attrs.get(_RESIDUES)
    if stated is not None and (not isinstance(stated, int | np.integer) or not 1 <= stated <= MAX_RESIDUES):
        raise DataError(
            f"{path}: the attribute {_RESIDUES} is {stated!r}: it must be a number from 1 to {MAX_RESIDUES}"
        )
    return n_frames, None if stated is None else int(stated), read_one


def _packed(contacts: npt.NDArray[np.int64], n_residues: int, where: str) -> Packed:
    """Return a map as bits from its contacts; one triangle is enough, two must agree."""
    if contacts.size and (contacts.min() < 0 or contacts.max() >= n_residues):
        wrong = contacts[(contacts < 0) | (contacts >= n_residues)][0]
        raise DataError(f"{where} has a contact of residue {wrong}, of {n_residues} (numbered from 0): it is damaged")
    row, column = contacts
    above, below = row < column, row > column
    pairs = _pairs(row[above], column[above], n_residues)
    mirrored = _pairs(column[below], row[below], n_residues)
    if pairs.size and mirrored.size and not np.array_equal(pairs, mirrored):
        lone = int(np.setxor1d(pairs, mirrored)[0])
        raise DataError(f"{where} has pair {lone} on one side of the diagonal only: it is damaged")
    packed = np.zeros(packed_size(n_residues), np.uint8)
    pairs = pairs if pairs.size else mirrored
    np.bitwise_or.at(packed, pairs >> 3, (1 << (pairs & 7)).astype(np.uint8))
    return packed


def _pairs(i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], n_residues: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the pairs i < j in the packed order, ascending, each once."""
    return np.unique(i * (2 * n_residues - i - 1) // 2 + j - i - 1)


def read_contact_maps_hdf5(path: str | Path) -> ContactMaps:
    """Read all contact maps of a file.

    Parameters
    ----------
    path : str or Path
        Written by DeepDriveMD, mdtools or `ContactMapHDF5Writer`.

    Returns
    -------
    ContactMaps
        Packed maps and the number of residues; the diagonal is not kept.

    Raises
    ------
    DataError
        No such file, no such data set, or a damaged one: names the file and the first bad frame, counted from 0.
    MissingExtraError
        h5py is not installed.
    """
    path = Path(path)
    with _opened(path) as file:
        node = _own(file, _NAME, path)
        if node is None:
            raise DataError(f"{path} has no data set {_NAME} (it has {', '.join(list(file)[:8]) or 'nothing'})")
        n_frames, n_residues, read = _frames(node, path)
        if n_frames == 0:
            raise DataError(f"{path}: {_NAME} has no frames")
        blocks = [(k, min(k + _CHUNK, n_frames)) for k in range(0, n_frames, _CHUNK)]
        most, last_residue = 0, -1
        for block in blocks:
            for each in read(*block):
                most, last_residue = max(most, each.shape[1]), max(last_residue, int(each.max(initial=-1)))
        stated, n_residues = n_residues, last_residue + 1 if n_residues is None else n_residues
        # Neighbours in a chain touch: a map has at least one contact less than residues.
        if not 2 <= n_residues <= min(MAX_RESIDUES, most + 1):
            what = f"lists residue {last_residue}" if stated is None else f"says it has {stated} residues"
            raise DataError(f"{path} {what}, but no more than {most} contacts in a frame: it is damaged")
        packed = np.empty((n_frames, packed_size(n_residues)), np.uint8)
        for first, last in blocks:
            for frame, contacts in enumerate(read(first, last), first):
                packed[frame] = _packed(contacts, n_residues, f"{path}: frame {frame}")
    return ContactMaps(packed, n_residues)


def read_scalars_hdf5(path: str | Path, n_frames: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the data sets of a file that hold one number for each frame, such as `rmsd`; errors as above."""
    h5py = _h5py()
    path = Path(path)
    found = {}
    with _opened(path) as file:
        for name in file:
            node = _own(file, name, path)
            if isinstance(node, h5py.Dataset) and node.shape == (n_frames,) and node.dtype.kind in "fiu":
                found[name] = np.asarray(node[:], np.float64)
    return found
