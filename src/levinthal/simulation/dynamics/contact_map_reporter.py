"""An OpenMM reporter that keeps contact maps, for scripts of one's own and beside any other reporters.

::

    simulation.reporters.append(DCDReporter("run.dcd", 1000))
    simulation.reporters.append(ContactMapReporter("frames", 1000, hdf5="run.h5"))
    simulation.step(1_000_000)

The folder `frames` is a frame store (`frame_store`): CA coordinates, bit-packed contact maps and
steps, memory-mapped by whoever reads them, while the simulation goes on. Frame k of the store is frame k of a DCD file
with the same interval.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from openmm import unit

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.hdf5 import ContactMapHDF5Writer
from levinthal.proteins.contact_maps.maps import CONTACT_CUTOFF_NM, pack_contacts
from levinthal.proteins.residues import ONE_LETTER
from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader
from levinthal.simulation.dynamics.frames import Frames

if TYPE_CHECKING:
    from openmm import State
    from openmm.app import Simulation


class ContactMapReporter:
    """Writes a frame each `report_interval` steps; use as a context manager, or just let it go out of scope.

    Frames reach the disk in blocks, and what is left of a block when the reporter is closed, dropped, or the program
    ends. A killed program loses its last block at most, and the HDF5 file, which is there when it is whole.

    Parameters
    ----------
    folder : str or Path
        The frame store; one that exists goes on, if it is of the same system.
    report_interval : int
        Steps between frames.
    atoms : sequence of int, optional
        Indices of the atoms to take, one a residue; without it the CA atoms of all standard residues.
    cutoff_nm : float
        Two residues are in contact when their atoms are closer than this.
    replica : int
        Which trajectory of the store this is; several simulations may write to one store, one after another.
    start : str
        What it began from, for the record.
    hdf5 : str or Path, optional
        A file for the same maps as DeepDriveMD writes them (needs the extra `hdf5`); it is replaced.
    block_frames : int
        Frames in a block.

    Raises
    ------
    UsageError
        An interval or block below 1.
    DataError, ResultError
        As for `FrameWriter`, when the first frame comes.
    MissingExtraError
        HDF5 was asked for, and h5py is not installed.

    Examples
    --------
    >>> import io
    >>> import openmm
    >>> from openmm import app
    >>> from levinthal.simulation import ContactMapReporter, FrameStore, capped_peptide
    >>> system, starts = capped_peptide("dialanine", "AA", ("extended",))
    >>> topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    >>> integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.002)
    >>> simulation = app.Simulation(topology, openmm.XmlSerializer.deserialize(system.system_xml), integrator)
    >>> simulation.context.setPositions(starts["extended"])
    >>> with ContactMapReporter("reported", 10) as reporter:
    ...     simulation.reporters.append(reporter)
    ...     simulation.step(50)
    >>> FrameStore("reported").steps.tolist()
    [10, 20, 30, 40, 50]
    """

    def __init__(
        self,
        folder: str | Path,
        report_interval: int,
        *,
        atoms: Sequence[int] | None = None,
        cutoff_nm: float = CONTACT_CUTOFF_NM,
        replica: int = 0,
        start: str = "",
        hdf5: str | Path | None = None,
        block_frames: int = 100,
    ) -> None:
        if report_interval < 1 or block_frames < 1:
            raise UsageError(
                f"report_interval is {report_interval}, block_frames {block_frames}: both must be at least 1"
            )
        self._interval = report_interval
        self._atoms = None if atoms is None else np.asarray(atoms, np.intp)
        self._sink = _Sink(Path(folder), cutoff_nm, replica, start, None if hdf5 is None else Path(hdf5), block_frames)
        # Not __del__: by then a program that ends may have taken away what writing needs.
        self._finish = weakref.finalize(self, self._sink.close)

    def describeNextReport(self, simulation: Simulation) -> dict[str, Any]:  # noqa: N802 - OpenMM calls it so
        """Tell OpenMM when the next frame is due, and that it needs positions, not wrapped into a box."""
        steps = self._interval - simulation.currentStep % self._interval
        return {"steps": steps, "periodic": False, "include": ["positions"]}

    def report(self, simulation: Simulation, state: State) -> None:
        """Take a frame.

        Raises
        ------
        DataError
            The topology has no protein, a position is not finite, or the store is of another system.
        ResultError
            The store cannot be written.
        """
        if self._atoms is None:
            self._atoms = _carbons(simulation)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        self._sink.take(np.asarray(positions, np.float64)[self._atoms], simulation.currentStep)

    def flush(self) -> None:
        """Write what is in memory."""
        self._sink.flush()

    def close(self) -> None:
        """Write what is in memory and finish the files; once closed, nothing happens."""
        self._finish()

    def __enter__(self) -> ContactMapReporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _carbons(simulation: Simulation) -> npt.NDArray[np.intp]:
    found = [
        atom.index for atom in simulation.topology.atoms() if atom.name == "CA" and atom.residue.name in ONE_LETTER
    ]
    if len(found) < 2:
        raise DataError(
            f"the topology has {len(found)} CA atom(s) of standard residues: give ContactMapReporter the atoms to take"
        )
    return np.array(found, np.intp)


class _Sink:
    """The files, apart from the reporter so that they can be finished when it is gone."""

    def __init__(
        self, folder: Path, cutoff_nm: float, replica: int, start: str, hdf5: Path | None, block_frames: int
    ) -> None:
        self._folder, self._cutoff_nm, self._hdf5_path = folder, cutoff_nm, hdf5
        self._replica, self._start, self._block_frames = replica, start, block_frames
        self._coordinates: list[npt.NDArray[np.float64]] = []
        self._steps: list[int] = []
        self._writer: FrameWriter | None = None
        self._hdf5: ContactMapHDF5Writer | None = None

    def take(self, coordinates_nm: npt.NDArray[np.float64], step: int) -> None:
        if self._writer is None:
            self._open(len(coordinates_nm))
        self._coordinates.append(coordinates_nm)
        self._steps.append(step)
        if len(self._steps) >= self._block_frames:
            self.flush()

    def _open(self, n_residues: int) -> None:
        if self._hdf5_path is not None:
            self._hdf5 = ContactMapHDF5Writer(self._hdf5_path, n_residues)
        self._writer = FrameWriter(self._folder, StoreHeader(n_residues, self._cutoff_nm))

    def flush(self) -> None:
        if self._writer is None or not self._steps:
            return
        # Contacts are those of the coordinates that are kept, so that either can be checked against the other.
        coordinates = np.array(self._coordinates, np.float32)
        frames = Frames(coordinates, np.array(self._steps, np.int64))
        self._coordinates, self._steps = [], []
        self._writer.append(frames, replica=self._replica, start=self._start)
        if self._hdf5 is not None:
            self._hdf5.append(pack_contacts(coordinates, self._cutoff_nm))

    def close(self) -> None:
        try:
            self.flush()
        finally:
            if self._writer is not None:
                self._writer.close()
            if self._hdf5 is not None:
                self._hdf5.close()
