"""Real files that packages of the test environment carry: a missing one fails the test that asks for it.

Where the folder of shared test data is there, `shared_files` gives its files beside these, so that one test runs on
both. What only that folder has is asked for by the fixture `shared_data`, which skips the test where there is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from levinthal.datasets.structures import REAL_STRUCTURES, real_structure

ROOT = Path(__file__).resolve().parents[1]

NEED_SHARED_DATA: pytest.StashKey[list[str]] = pytest.StashKey()
"""Where pytest's configuration keeps the names of the tests collected that ask for `shared_data`."""

PROTEINS = {
    "villin": ("pdbfixer", "tests/data/test.pdb"),
    "villin-n68h": ("openmm", "app/data/test.pdb"),
    "human-dhfr": ("posebusters", "datasets/pdb/1s3v/1s3v_protein_one_lig_removed.pdb"),
    "thymidine-phosphorylase": ("posebusters", "datasets/pdb/1uou/1uou_protein_one_lig_removed.pdb"),
    "haemoglobin": ("tmtools", "data/2gtl.cif"),
}
"""villin: 1VII, of NMR, 36 residues with every hydrogen; villin-n68h: a frame of dynamics in water, from GROMACS;
human-dhfr: 1S3V, 186 residues without hydrogens; thymidine-phosphorylase: 1UOU, a loop of which was not resolved;
haemoglobin: 2GTL, fifteen chains, from an earthworm."""


def carried(package: str, relative: str) -> Path:
    """Return a file that an installed package carries, without importing the package, which may be heavy."""
    spec = find_spec(package)
    assert spec is not None, f"{package}, which carries {relative}, is not installed: run make test"
    assert spec.submodule_search_locations
    path = Path(next(iter(spec.submodule_search_locations))) / relative
    assert path.is_file(), f"{package} carries {relative} no more: take the version in requirements.lock"
    return path


def protein(name: str) -> Path:
    """Return the structure of one of `PROTEINS`, or of `REAL_STRUCTURES`, which the project itself uses."""
    return real_structure(name) if name in REAL_STRUCTURES else carried(*PROTEINS[name])


def crystal_complex() -> tuple[Path, Path]:
    """Return human dihydrofolate reductase (PDB) and its inhibitor (SDF, without hydrogens) as they sit in 1S3V."""
    return protein("human-dhfr"), carried("posebusters", "datasets/pdb/1s3v/1s3v_ligand.sdf")


def hmmer(relative: str) -> Path:
    """Return a file of HMMER's own tests: alignments, sequences, a proteome."""
    return carried("pyhmmer", f"tests/data/{relative}")


def shared_folder() -> Path | None:
    """Return the folder of shared test data, or None where there is none."""
    for candidate in (os.environ.get("LEVINTHAL_TEST_DATA"), ROOT.parent / "shared" / "data"):
        if candidate and Path(candidate).is_dir():
            return Path(candidate)
    return None


def shared_files(*patterns: str) -> list[Path]:
    """Return the files of the shared folder that match, in order; none where there is no such folder."""
    folder = shared_folder()
    return [] if folder is None else [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def pdb_atoms(path: Path) -> list[str]:
    """Return the lines ATOM of a PDB file of one model."""
    return [line for line in path.read_text().splitlines() if line.startswith("ATOM")]


def write_models(path: Path, atoms: Iterable[str], n_models: int) -> Path:
    """Write models as entries of NMR have them: the first as it is, each next one bent further."""
    atoms = list(atoms)
    places = np.array([[float(line[k : k + 8]) for k in (30, 38, 46)] for line in atoms])
    phase = np.array([int(line[22:26]) for line in atoms])[:, None] / 4 + np.array([0.0, 2.0, 4.0])
    lines = []
    for model in range(n_models):
        moved = places + 0.4 * model * np.sin(phase + model)
        lines += [f"MODEL     {model + 1:4d}"]
        lines += [f"{a[:30]}{x:8.3f}{y:8.3f}{z:8.3f}{a[54:]}" for a, (x, y, z) in zip(atoms, moved, strict=True)]
        lines += ["TER", "ENDMDL"]
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def villin_models(folder: Path, n_models: int = 12) -> Path:
    """Write villin in several models; returns the file."""
    return write_models(folder / "villin-models.pdb", pdb_atoms(protein("villin")), n_models)


def villin_piece(folder: Path, *, n_models: int = 1) -> Path:
    """Write residues 42 to 52 of villin, its first helix, in one or more models; returns the file."""
    piece = [line for line in pdb_atoms(protein("villin")) if 42 <= int(line[22:26]) <= 52]
    return write_models(folder / f"villin-42-52-{n_models}.pdb", piece, n_models)
