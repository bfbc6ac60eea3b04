"""The protein that molecules are sought for: its structure, its pocket, and the library.

A structure is given, or predicted from a sequence. What is predicted is held to the checks of any predicted backbone
before anything is built on it: a model that misses one is left in the run folder and not used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError
from levinthal.harness import Run
from levinthal.proteins.structures.structure_files import write_pdb
from levinthal.workloads.discovery.library import library_of
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation import pocket_box, prepare_ligand, prepare_receptor
from levinthal.workloads.docking.preparation.library import Failure, Library, Prepared, prepare_library

_EMBEDDED = "t4-lysozyme-l99a-p-xylene"
_NEAR_ANGSTROM = 6.0


@dataclass(frozen=True, eq=False)
class Target:
    """What molecules are sought for.

    Attributes
    ----------
    name, sha256 : str
        Of the data, for the record.
    path : Path
        The structure, as simulations read it.
    receptor : Receptor
        The structure, as docking reads it.
    box : Box
        Where poses are sought.
    library : tuple of Prepared
        Compounds that are ready to be docked.
    failures : tuple of Failure
        Those that are not, and why.
    warnings : tuple of str
        What was changed in what a user brought.
    """

    name: str
    sha256: str
    path: Path
    receptor: Receptor
    box: Box
    library: tuple[Prepared, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether a user brought it."""
        return self.name != _EMBEDDED

    @property
    def types(self) -> list[int]:
        """The Vina types of all atoms of the library, rising."""
        return sorted({int(kind) for each in self.library for kind in each.ligand.scored_types})

    @property
    def actives(self) -> list[bool | None]:
        """Of each compound whether it is known to bind; None where nothing is known."""
        return [each.entry.active for each in self.library]


def read_target(run: Run, settings: DiscoverySettings) -> Target | None:
    """Read or predict the protein, find its pocket, prepare the library.

    Returns
    -------
    Target or None
        None where a predicted model misses a check: the gates say which.

    Raises
    ------
    DataError
        A file that cannot be read or prepared; the message names atom, residue or compound.
    """
    library = library_of(settings.ligands)
    path, marker = real_complex(_EMBEDDED)
    if settings.sequence:
        predicted = predicted_structure(run, settings)
        if predicted is None:
            return None
        path = predicted
    elif settings.structure:
        path = Path(settings.structure)
    own = bool(settings.structure or settings.sequence)
    with run.phase("prepare", doing="protein and pocket"):
        receptor = prepare_receptor(path)
        if settings.pocket:
            box = pocket_box(settings.pocket, receptor, padding_angstrom=settings.padding)
        else:
            box = prepare_ligand(str(marker)).box(settings.padding)
        _must_reach(receptor, box)
    with run.phase("prepare library", items=len(library.entries), doing="structures of the compounds"):
        prepared, failures = prepare_library(library.entries)
    if not prepared:
        raise DataError(
            f"{settings.ligands or 'the library'}: no compound could be prepared; of the first: {failures[0].reason}"
        )
    return Target(
        name=path.name if own else _EMBEDDED,
        sha256=_sha256(path, settings),
        path=path,
        receptor=receptor if own else replace(receptor, name="T4 lysozyme L99A"),
        box=box,
        library=tuple(prepared),
        failures=tuple(failures),
        warnings=(*_warnings(receptor), *library.warnings, *_of(library, failures)),
    )


def predicted_structure(run: Run, settings: DiscoverySettings) -> Path | None:
    """Predict the first sequence of the file, check the backbone, and build its side chains.

    Returns
    -------
    Path or None
        A PDB file with all heavy atoms; None where the backbone misses a check.

    Raises
    ------
    DataError
        The sequence or the weights cannot be read, or the side chains cannot be built.
    """
    from levinthal.simulation.systems.repair import repair_structure
    from levinthal.workloads.rgn.prediction.predictor import predict, predicted_chain
    from levinthal.workloads.rgn.prediction.requests import read_requests, warning_of
    from levinthal.workloads.rgn.prediction.sanity import check_structures
    from levinthal.workloads.rgn.training.weights import load_weights

    request = read_requests(run, settings.sequence, "")[0]
    model, provenance = load_weights(settings.weights, device=run.device)
    with run.phase("predict", items=len(request.sequence), doing="the structure of the sequence"):
        atoms_nm = predict(model, [request.features])[0]
    run.warn(warning_of(provenance))
    backbone = run.folder / "predicted-backbone.pdb"
    write_pdb(backbone, [predicted_chain(request.sequence, atoms_nm)], title=f"{request.name}: {request.evidence}")
    met = check_structures(run, [atoms_nm])
    trained = "give weights that were trained: an untrained network's chain may pass the other checks by chance"
    met &= run.gate(
        "training steps of the predictor", float(provenance.steps), at_least=1.0, kind="sanity", advice=trained
    )
    overlap = nearest_neighbours_nm(atoms_nm[:, 1].astype(np.float64))
    advice = "the chain runs through itself: give weights that were trained longer, or on real proteins"
    met &= run.gate("closest CA atoms of the predicted model (nm)", overlap, at_least=0.3, kind="sanity", advice=advice)
    if not met:
        run.finding(
            f"The predicted model of {request.name} is not a protein's structure: nothing is simulated or docked with "
            f"it. It is left as {backbone.name}."
        )
        return None
    whole = run.folder / "predicted.pdb"
    for change in repair_structure(backbone, whole):
        run.note(f"{request.name}: {change}.")
    return whole


def nearest_neighbours_nm(ca_nm: Doubles) -> float:
    """Return the least distance of two CA atoms, shape (residues, 3), that are at least three apart in the chain."""
    first, second = np.triu_indices(len(ca_nm), 3)
    return float(np.linalg.norm(ca_nm[first] - ca_nm[second], axis=1).min(initial=np.inf))


def _must_reach(receptor: Receptor, box: Box) -> None:
    beyond = np.abs(receptor.coordinates_angstrom - np.array(box.centre_angstrom)) - np.array(box.size_angstrom) / 2
    if not (beyond < _NEAR_ANGSTROM).all(axis=1).any():
        raise DataError(f"the pocket is nowhere near {receptor.name}: give both in one frame")


def _warnings(receptor: Receptor) -> list[str]:
    return [f"Receptor {receptor.name}: {each}." for each in receptor.warnings]


def _of(library: Library, failures: tuple[Failure, ...] | list[Failure]) -> list[str]:
    if not failures:
        return []
    first = f"{failures[0].name}, {failures[0].reason}"
    return [f"{len(failures)} of {len(library.entries)} compounds were left out (first: {first}): ranked.csv says why."]


def _sha256(path: Path, settings: DiscoverySettings) -> str:
    digest = hashlib.sha256(path.read_bytes())
    if settings.ligands:
        digest.update(Path(settings.ligands).read_bytes())
    return digest.hexdigest()
