"""What `system=` may name: files, and entries of the Protein Data Bank that were fetched."""

from __future__ import annotations

import numpy as np
import pytest

from carried import protein, villin_models
from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.systems.settings import SystemSettings
from levinthal.workloads.sampling.systems.system import make_system


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """Lay down an entry as it is fetched, of two models, as structures from NMR have; return the file of its first."""
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    (tmp_path / "pdb-1VII-1").mkdir()
    villin_models(tmp_path, n_models=2).rename(tmp_path / "pdb-1VII-1/1VII.pdb")
    return protein("villin")


@pytest.mark.parametrize("prefix", ["", "go:"])
def test_a_fetched_entry_is_simulated_from_its_first_model(entry, prefix):
    settings = {"model": "go", "temperature": 0.7}
    fetched = make_system(SystemSettings(system=f"{prefix}pdb:1vii", **settings))
    from_file = make_system(SystemSettings(system=str(entry), **settings))
    np.testing.assert_array_equal(fetched.target, from_file.target)


def test_an_entry_in_implicit_water_has_its_first_model_s_atoms(entry):
    fetched = make_system(SystemSettings(system="pdb:1VII", start="native"))
    from_file = make_system(SystemSettings(system=str(entry), start="native"))
    assert fetched.molecule.n_atoms == from_file.molecule.n_atoms
    np.testing.assert_allclose(fetched.target, from_file.target, atol=1e-6)


def test_what_cannot_be_meant_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="levinthal data fetch pdb:2JOF"):
        make_system(SystemSettings(system="pdb:2jof"))
    with pytest.raises(UsageError, match="four characters"):
        make_system(SystemSettings(system="pdb:trpcage"))
    with pytest.raises(UsageError, match="pdb:CODE"):
        make_system(SystemSettings(system="trpcage"))
