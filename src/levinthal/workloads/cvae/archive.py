"""Archives through the CVAE: places of all frames, and from them alone when the molecule folded or unfolded.

How the share of native contacts follows from a place is fitted to the frames of the training run (their table,
`latent.csv`): polynomials of second degree, by least squares. An event is a passage between what is surely unfolded and
surely folded (`CORES`); what the model takes for sure is so often true of its training frames as of the share itself,
for a fit has less spread than what it is fitted to.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Singles
from levinthal.errors import DataError
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.contract.embeds import Embedded
from levinthal.proteins.contact_maps.maps import pack_contacts
from levinthal.proteins.similarity.fractions import fraction_native_contacts
from levinthal.simulation.analysis.effective_samples import correlation_time_of_runs_steps
from levinthal.workloads.cvae.data.features import CONTACTS_OF
from levinthal.workloads.cvae.data.frames import TrajectorySet
from levinthal.workloads.cvae.data.holding_out import CORES
from levinthal.workloads.cvae.data.maps import PackedMaps
from levinthal.workloads.cvae.evaluation.answer import ca_structure
from levinthal.workloads.cvae.inference import check_frames, encode
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.precision import Execution

TOPOLOGY = "topology.pdb"
_FILE = "trajectory-{}.dcd"


class CVAEArchive:
    """See `levinthal.harness.contract.embeds.Archive`.

    Parameters
    ----------
    model : CVAEModel
    share : SharePrediction
        Of the native contacts, see `fitted_share`.
    files : sequence of Path
    topology : Path
        Whose structure is native.
    """

    event = (
        f"the share of native contacts passes from {CORES[0]:g} or less to {CORES[1]:g} or more, or back; the model "
        "predicts it from places in its latent space"
    )

    def __init__(self, model: CVAEModel, share: SharePrediction, files: Sequence[Path], topology: Path) -> None:
        self.files, self._topology, self._share = tuple(files), topology, share
        self.tolerance_frames = max(1, round(share.correlation_time / 2))
        self._model, self._how = model, Execution("fp32", compiled=model.can_compile)
        self.execution = f"{self._how.name}, maps of {model.config.size} x {model.config.size}"

    def read(self, file: Path) -> tuple[Singles, Doubles]:
        """Return CA coordinates of all frames, and the native ones."""
        from levinthal.simulation.trajectories.reader import read_trajectories

        found = read_trajectories([str(file)], str(self._topology))
        return found.trajectories[0].ca_nm, np.asarray(found.reference_nm, np.float64)

    def embed(self, content: tuple[Singles, Doubles]) -> Embedded:
        """Return the events that places in the latent space show."""
        coordinates, _ = content
        maps = PackedMaps(pack_contacts(coordinates), coordinates.shape[1], self._model.config.size)
        check_frames(self._model, maps)
        places, _ = encode(self._model, maps, execution=self._how)
        return Embedded(len(places), self._share.passages(places))

    def reference(self, content: tuple[Singles, Doubles]) -> npt.NDArray[np.int64]:
        """Return the events of the share of native contacts."""
        coordinates, native = content
        return passages(np.asarray(fraction_native_contacts(coordinates, native), np.float64))


def terms(places: npt.NDArray[np.floating]) -> Doubles:
    """Return 1, all coordinates and all products of two of them, for places (n, latent)."""
    z = np.asarray(places, np.float64)
    first, second = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, first] * z[:, second]], axis=1)


def passages(share: Doubles, cores: tuple[float, float] = CORES) -> npt.NDArray[np.int64]:
    """Return the frames in which a core is reached coming from the other: k where it folded, -k where it unfolded.

    Parameters
    ----------
    share : ndarray, shape (n_frames,)
        Of the native contacts.
    cores : tuple of float
        Up to the first it is unfolded, from the second on it is folded.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.workloads.cvae.archive import passages
    >>> passages(np.array([0.9, 0.5, 0.3, 0.5, 0.3, 0.6, 0.85])).tolist()
    [-2, 6]
    """
    mark = (share >= cores[1]).astype(np.int64) - (share <= cores[0])
    at = np.flatnonzero(mark)
    changed = np.flatnonzero(np.diff(mark[at])) + 1
    return np.asarray(at[changed] * mark[at[changed]], np.int64)


@dataclass(frozen=True, eq=False)
class SharePrediction:
    """How the share of native contacts follows from places.

    Attributes
    ----------
    coefficients : ndarray, shape (n_terms,)
        Of `terms`.
    cores : tuple of float
        Of the prediction, as `CORES` of the share.
    correlation_time : float
        Of the share, in frames.
    """

    coefficients: Doubles
    cores: tuple[float, float]
    correlation_time: float

    def passages(self, places: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Return the passages that places (n, latent) show."""
        return passages(terms(places) @ self.coefficients, self.cores)


def fitted_share(table: Path) -> SharePrediction:
    """Return how the share of native contacts follows from places, fitted to the training frames of a run.

    Raises
    ------
    DataError
        The table is missing, or has no share of native contacts.
    """
    again = "name the folder of a repeat of levinthal run cvae that has a native structure"
    try:
        with table.open(encoding="utf-8", newline="") as opened:
            rows = [row for row in csv.DictReader(opened) if row["part"] == "train"]
        names = list(rows[0])
        native = next(name for name in names if name.startswith(CONTACTS_OF))
        axes = [name for name in names if name.startswith("latent_")]
        places = np.array([[float(row[name]) for name in axes] for row in rows])
        share = np.array([float(row[native]) for row in rows])
        files = np.unique([row["file"] for row in rows], return_inverse=True)[1]
    except OSError as error:
        raise DataError(f"{table} cannot be read: {error.strerror}: {again}") from None
    except (StopIteration, IndexError, KeyError, ValueError):
        raise DataError(f"{table} has no places with a share of native contacts: {again}") from None
    coefficients = np.asarray(np.linalg.lstsq(terms(places), share, rcond=None)[0], np.float64)
    predicted = terms(places) @ coefficients
    rare = float((share <= CORES[0]).mean()), 1.0 - float((share >= CORES[1]).mean())
    low = float(np.quantile(predicted, rare[0])) if rare[0] > 0.0 else -math.inf  # never seen, never found
    high = float(np.quantile(predicted, rare[1])) if rare[1] < 1.0 else math.inf
    runs = [share[files == k] for k in range(files.max() + 1)]
    return SharePrediction(coefficients, (low, high), max(1.0, correlation_time_of_runs_steps(runs)))


def files_of(patterns: Sequence[str]) -> list[Path]:
    """Return the files that are named or fit a pattern, in order.

    Raises
    ------
    DataError
        A pattern that no file fits.
    """
    found: list[Path] = []
    for pattern in patterns:
        root = Path(Path(pattern).anchor)
        fitting = [Path(pattern)]
        if set(pattern) & set("*?["):
            fitting = sorted(root.glob(str(Path(pattern).relative_to(root))))
        if not fitting:
            raise DataError(f"no file fits {pattern}: name trajectories, as in files=traj/*.xtc")
        found += fitting
    return found


def kept_archive(folder: Path, n: int) -> list[Path]:
    """Return the files of an archive that was written before, or none where it is not whole."""
    files = sorted(folder.glob(_FILE.format("*")))
    return files if len(files) == n and (folder / TOPOLOGY).is_file() else []


def write_archive(trajectories: TrajectorySet, folder: Path) -> list[Path]:
    """Write trajectories as DCD files, each whole or not at all, beside the native structure; return the files."""
    import mdtraj

    native = next(iter(trajectories.references.values()))
    with as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TOPOLOGY, ca_structure(trajectories.ca_records, np.asarray(native)))
    topology = mdtraj.load_topology(str(folder / TOPOLOGY))
    files = []
    for number, frames in enumerate(trajectories.frames):
        file = folder / _FILE.format(f"{number:03d}")
        half = file.with_suffix(".half.dcd")
        with as_write_error(file):
            mdtraj.Trajectory(np.asarray(frames.coordinates_nm), topology).save_dcd(str(half))
            half.replace(file)
        files.append(file)
    return files
