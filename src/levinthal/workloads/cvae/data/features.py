"""What is learned from and compared with: packed maps on the disk, their split, a sample of pairs, properties.

However many residues there are, no more than `MOST_PAIRS` pairs of a frame are ever unpacked for the baselines and
scores; the maps themselves stay bits in a memory-mapped file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats, Integers, Mask, Singles
from levinthal.errors import DataError
from levinthal.proteins.contact_maps.maps import n_pairs, pack_contacts
from levinthal.proteins.similarity.fractions import fraction_native_contacts, radius_of_gyration, rmsd
from levinthal.proteins.similarity.secondary_structure import helical_fraction
from levinthal.simulation.dynamics.frame_store import FrameStore
from levinthal.workloads.cvae.data.frames import map_size_of
from levinthal.workloads.cvae.data.holding_out import correlation_time_of, hold_out
from levinthal.workloads.cvae.data.maps import LaggedMaps, MapSource, PackedMaps, SelectedMaps, lagged_pairs
from levinthal.workloads.cvae.data.split import Split
from levinthal.workloads.cvae.data.table import FrameTable

if TYPE_CHECKING:
    from levinthal.harness import Run
    from levinthal.workloads.cvae.data.frames import TrajectorySet
    from levinthal.workloads.cvae.settings import CVAESettings

MOST_PAIRS = 6_000
_SAMPLED_PAIRS = 2_000

_RESIDUES_OF_A_HELIX = 5
CONTACTS_OF = "contacts of "
"""What the name of a share of native contacts begins with; the structure's follows."""

_LEAST_FRAMES = 40
_UNPACKED_BYTES_AT_ONCE = 1 << 27

Packed = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PairSample:
    """Contacts of some pairs of residues in all frames.

    Attributes
    ----------
    first, second : ndarray of int64, shape (n_sampled,)
        The residues of each pair, the smaller index first.
    contacts : ndarray of bool, shape (n_frames, n_sampled)
    """

    first: Integers
    second: Integers
    contacts: Mask


def sample_pairs(packed: Packed, n_residues: int, seed: int) -> PairSample:
    """Return all pairs of a small protein, and of one with over `MOST_PAIRS` a random 2,000.

    Parameters
    ----------
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
        May be memory-mapped; read once, in pieces.
    n_residues : int
    seed : int
        Of the sample.
    """
    first, second = np.triu_indices(n_residues, 1)
    if len(first) > MOST_PAIRS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(first), _SAMPLED_PAIRS, replace=False))
    else:
        chosen = np.arange(len(first))
    contacts = np.empty((len(packed), len(chosen)), np.bool_)
    at_once = max(1, _UNPACKED_BYTES_AT_ONCE // max(1, len(chosen)))
    byte, bit = chosen >> 3, (chosen & 7).astype(np.uint8)
    for start in range(0, len(packed), at_once):
        part = np.asarray(packed[start : start + at_once])
        contacts[start : start + at_once] = (part[:, byte] >> bit) & 1
    return PairSample(first[chosen], second[chosen], contacts)


@dataclass(frozen=True, eq=False)
class Structures:
    """CA coordinates of the frames, for what is looked at.

    Attributes
    ----------
    ca_nm : ndarray of float32, shape (n_frames, n_residues, 3)
        Memory-mapped.
    records : tuple of str
        The PDB record of each residue's CA atom, wherever it may be.
    files : tuple, or None
        Paths of the trajectories that have all atoms, and of their topology.
    """

    ca_nm: Singles
    records: tuple[str, ...]
    files: tuple[tuple[str, ...], str] | None


@dataclass(frozen=True, eq=False)
class Features:
    """The frames with everything that is computed from them.

    Attributes
    ----------
    maps : PackedMaps
        Of all frames, memory-mapped.
    table : FrameTable
        Which frame is which.
    split : Split
    pairs : PairSample
    properties : mapping of str to ndarray of float64, shape (n_frames,)
        What the latent space should reflect, lengths in nm; the first colours its picture.
    correlation_time : float
        Of the slowest property, in frames.
    native : str or None
        The property that says how native a frame is; None where nobody knows.
    structures : Structures or None
        None where there are no coordinates.
    """

    maps: PackedMaps
    table: FrameTable
    split: Split
    pairs: PairSample
    properties: Mapping[str, Doubles]
    correlation_time: float
    native: str | None
    structures: Structures | None

    def stretches(self, frames: Integers) -> list[Integers]:
        """Cut ascending frames where they do not follow each other in time."""
        return self.table.stretches(frames)

    def pairs_in_time(self, frames: Integers, lag: int) -> tuple[Integers, Integers]:
        """Return frames to encode and frames to decode to: the same, or where `lag` is not 0 those so much later."""
        return (frames, frames) if lag == 0 else lagged_pairs(self.stretches(frames), lag)

    def source(self, frames: Integers, lag: int) -> MapSource:
        """Return what a model learns from, or is evaluated on; errors as for `lagged_pairs`."""
        return SelectedMaps(self.maps, frames) if lag == 0 else LaggedMaps(self.maps, *self.pairs_in_time(frames, lag))


def _pairs(run: Run, packed: Packed, n_residues: int) -> PairSample:
    sample = sample_pairs(packed, n_residues, run.seed_for("pairs", bits=31))
    if len(sample.first) < n_pairs(n_residues):
        run.note(
            f"PCA, tICA and the held-out scores are of {len(sample.first):,} pairs drawn from the "
            f"{n_pairs(n_residues):,} of {n_residues} residues."
        )
    return sample


def _properties(run: Run, coordinates: Singles, references: Mapping[str, Floats]) -> dict[str, Doubles]:
    """Return what is followed of a molecule in all frames; contacts are those of the first reference."""
    properties = {f"RMSD to {name}": rmsd(coordinates, each) for name, each in references.items()}
    (native, reference), *_ = references.items()
    try:
        properties[f"{CONTACTS_OF}{native}"] = fraction_native_contacts(coordinates, reference)
    except DataError as error:
        run.note(f"The contacts of {native} are not followed: {error}.")
    properties["radius of gyration"] = radius_of_gyration(coordinates)
    if coordinates.shape[1] >= _RESIDUES_OF_A_HELIX:
        properties["helical fraction"] = helical_fraction(coordinates)
    return properties


def _check_clusters(settings: CVAESettings, n_frames: int) -> None:
    if settings.clusters > n_frames:
        raise DataError(f"clusters={settings.clusters} is more than there are frames ({n_frames:,}): set fewer")


def features_of_trajectories(run: Run, settings: CVAESettings, trajectories: TrajectorySet) -> Features:
    """Pack the contact maps of coordinates and describe the frames; phases `featurise` and `describe`.

    Raises
    ------
    DataError
        Too few frames, or a map size below the number of residues.
    """
    n_residues = trajectories.n_residues
    _check_clusters(settings, trajectories.n_frames)
    size = map_size_of(settings, n_residues)
    with run.phase("compile", doing="the loop that makes contact maps"):
        pack_contacts(np.zeros((1, n_residues, 3), np.float32))
    store = run.folder / "frames"
    with run.phase("featurise", items=trajectories.n_frames, doing="contact maps of the frames"):
        trajectories.store(store)
    stored = FrameStore(store)
    packed = stored.contacts
    table = trajectories.table
    with run.phase("describe", items=trajectories.n_frames, doing="RMSD, contacts and helix of the frames"):
        coordinates = np.asarray(stored.coordinates_nm)
        properties = _properties(run, coordinates, trajectories.references)
        correlation_time = correlation_time_of(properties, table)
        return Features(
            maps=PackedMaps(packed, n_residues, size),
            table=table,
            split=hold_out(run, table, trajectories.starts, correlation_time),
            pairs=_pairs(run, packed, n_residues),
            properties=properties,
            correlation_time=correlation_time,
            native=next((each for each in properties if each.startswith(CONTACTS_OF)), None),
            structures=Structures(stored.coordinates_nm, trajectories.ca_records, trajectories.files),
        )


def features_of_maps(run: Run, settings: CVAESettings) -> Features:
    """Read a file of contact maps, say what was read, and describe the frames; phases `read` and `describe`.

    The frames are taken as one trajectory, in the order of the file. Numbers that an HDF5 file holds for each frame are
    properties, and so is the number of contacts.

    Raises
    ------
    DataError
        The file is missing or damaged, or has too few frames.
    """
    from levinthal.proteins.contact_maps.files import is_hdf5, read_contact_maps
    from levinthal.proteins.contact_maps.hdf5_access import left_open
    from levinthal.proteins.contact_maps.hdf5_reading import read_scalars_hdf5

    path = Path(settings.maps)
    with run.phase("read", doing=f"contact maps of {path.name}") as phase:
        read = read_contact_maps(path)
        scalars = read_scalars_hdf5(path, len(read.packed)) if is_hdf5(path) else {}
        phase.items = len(read.packed)
    packed, n_residues = read
    if is_hdf5(path) and left_open(path):
        run.warn(
            f"{path.name} was not closed by the program that wrote it: {len(packed):,} frames were read, those it had "
            "flushed."
        )
    if len(packed) < _LEAST_FRAMES:
        raise DataError(
            f"{path} holds {len(packed)} frame(s), at least {_LEAST_FRAMES} are needed to learn from and to hold out"
        )
    _check_clusters(settings, len(packed))
    run.dataset(path.name, version="1", sha256=read.sha256(), synthetic=False)
    size = map_size_of(settings, n_residues)
    table = FrameTable((path.name,), (len(packed),), (None,))
    with run.phase("describe", items=len(packed), doing="a sample of pairs of residues"):
        n_contacts = np.bitwise_count(packed).sum(axis=1, dtype=np.float64)
        finite = {name: values for name, values in scalars.items() if np.isfinite(values).all()}
        properties = {**finite, "number of contacts": n_contacts}
        correlation_time = correlation_time_of(properties, table)
        return Features(
            maps=PackedMaps(packed, n_residues, size),
            table=table,
            split=hold_out(run, table, ("",), correlation_time),
            pairs=_pairs(run, packed, n_residues),
            properties=properties,
            correlation_time=correlation_time,
            native=None,
            structures=None,
        )
