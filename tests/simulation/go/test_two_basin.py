"""The model of two structures: both are basins; what makes none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.go.ideal_fold import three_helix_residues
from levinthal.simulation.go.two_basin import two_basin_model
from levinthal.simulation.systems.molecular_system import Residue


def written(path: Path, residues: list[Residue]) -> Path:
    lines, serial = [], 1
    for residue in residues:
        for name, (x, y, z) in residue.atoms.items():
            lines.append(
                f"ATOM  {serial:5d}  {name:<3s} {residue.name:3s} A{int(residue.number):4d}    "
                f"{10 * x:8.3f}{10 * y:8.3f}{10 * z:8.3f}  1.00  0.00           {name[0]}"
            )
            serial += 1
    path.write_text("\n".join([*lines, "END", ""]))
    return path


def hinged(residues: list[Residue], from_residue: int, degrees: float) -> list[Residue]:
    """Return the chain with all behind a residue turned about an axis through its CA."""
    centre, angle = np.array(residues[from_residue].atoms["CA"]), np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = []
    for k, residue in enumerate(residues):
        atoms = {
            n: tuple(turn @ (np.array(x) - centre) + centre) if k > from_residue else x
            for n, x in residue.atoms.items()
        }
        moved.append(Residue(residue.name, residue.chain, residue.number, atoms))
    return moved


def test_both_structures_are_basins(tmp_path):
    folded = three_helix_residues()
    closed = written(tmp_path / "closed.pdb", folded)
    opened = written(tmp_path / "open.pdb", hinged(folded, 22, -60.0))
    made = two_basin_model(opened, closed, 0.4)
    assert made.apart_nm > 0.2
    assert made.n_second_only > 5
    first, second = made.model.contacts.T
    for structure in (made.model.native_nm, made.second_nm):  # neither is pushed apart
        apart = np.linalg.norm(structure[first] - structure[second], axis=1)
        assert (made.model.contact_distances_nm < apart + 1e-9).all()
    q = made.model.fraction_native_contacts
    at_first, at_second = q(made.model.native_nm[None])[0], q(made.second_nm[None])[0]
    assert at_first < 1.0  # contacts of the second structure alone are not met in the first
    assert at_second > at_first
    state = start_replica(made.model.system, made.second_nm, 1)
    _, frames = advance(made.model.system, state, 4000, 1, frame_interval=400)
    assert q(np.asarray(frames.coordinates_nm)).mean() > 0.7  # it stays closed where it is cold


def test_what_makes_no_two_basins_is_refused(tmp_path):
    folded = three_helix_residues()
    one = written(tmp_path / "one.pdb", folded)
    with pytest.raises(DataError, match="nm apart"):
        two_basin_model(one, one, 1.0)
    with pytest.raises(DataError, match="differ from residue 31 on"):
        two_basin_model(one, written(tmp_path / "cut.pdb", folded[:30]), 1.0)
    with pytest.raises(UsageError, match="positive"):
        two_basin_model(one, written(tmp_path / "open.pdb", hinged(folded, 22, -60.0)), -1.0)


@pytest.mark.slow
def test_adenylate_kinase_has_two_basins(shared_data):
    made = two_basin_model(shared_data / "md/adk_open.pdb", shared_data / "md/adk_closed.pdb", 0.8)
    assert 0.5 < made.apart_nm < 0.9  # 0.71 nm between 4AKE and 1AKE
    assert len(made.model.native_nm) == 214
