"""Structures made whole, and put into water."""

from __future__ import annotations

import numpy as np
import pytest

from carried import villin_piece
from levinthal.errors import DataError
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.systems.explicit_water import in_explicit_water
from levinthal.simulation.systems.pdb_structure import from_pdb
from levinthal.simulation.systems.repair import repair_structure


def test_what_is_missing_is_added_and_named(tmp_path):
    real = villin_piece(tmp_path)
    lines = real.read_text().splitlines()
    cut = [line for line in lines if not (line[:4] == "ATOM" and line[12:16].strip() == "CG" and line[17:20] == "PHE")]
    broken = tmp_path / "broken.pdb"
    broken.write_text("\n".join(cut) + "\n")
    with pytest.raises(DataError, match="lacks the atoms CG"):
        from_pdb(broken)
    changed = repair_structure(broken, tmp_path / "whole.pdb")
    assert any("CG added to PHE" in each for each in changed)
    system, _ = from_pdb(tmp_path / "whole.pdb")
    assert system.sequence == from_pdb(real)[0].sequence


def test_what_is_no_structure_is_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        repair_structure(tmp_path / "nothing.pdb", tmp_path / "whole.pdb")
    (tmp_path / "rubbish.pdb").write_text("ATOM  nonsense\n")
    with pytest.raises(DataError, match=r"rubbish\.pdb"):
        repair_structure(tmp_path / "rubbish.pdb", tmp_path / "whole.pdb")


def test_a_box_of_water_keeps_its_volume_and_goes_on_from_its_state(tmp_path):
    real = villin_piece(tmp_path)
    system, starts = in_explicit_water(real, padding_nm=0.6)
    dry, _ = from_pdb(real)
    assert system.sequence == dry.sequence
    assert system.n_atoms > 4 * dry.n_atoms
    assert any("waters and 0.1 M salt added" in note for note in system.notes)
    state = start_replica(system, starts["structure"], 1)
    whole, _ = advance(system, state, 4, 2, frame_interval=2)
    assert np.isfinite(whole.positions_nm).all()
    again, frames = advance(system, state, 4, 2, frame_interval=2)
    # threads add up the mesh's charges in the order in which they come: the last bits differ
    np.testing.assert_allclose(whole.positions_nm, again.positions_nm, rtol=0, atol=1e-5)
    assert frames.coordinates_nm.shape == (2, len(dry.sequence), 3)
