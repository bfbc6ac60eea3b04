"""What `system=` may name: files, and entries of the Protein Data Bank that were fetched."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.systems.settings import SystemSettings
from levinthal.workloads.sampling.systems.system import make_system


@pytest.fixture
def entry(shared_data, tmp_path, monkeypatch):
    """Lay down an entry as it is fetched: of two models, as structures from NMR have, the second moved away."""
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    first = (shared_data / "md/1FME-folded.pdb").read_text().partition("ENDMDL")[0]
    atoms = [line for line in first.splitlines() if line[:4] == "ATOM"]
    moved = [f"{line[:30]}{float(line[30:38]) + 40:8.3f}{line[38:]}" for line in atoms]
    lines = ["MODEL        1", *atoms, "TER", "ENDMDL", "MODEL        2", *moved, "TER", "ENDMDL", "END"]
    (tmp_path / "pdb-1FME-1").mkdir()
    (tmp_path / "pdb-1FME-1/1FME.pdb").write_text("\n".join(lines) + "\n")
    return shared_data / "md/1FME-folded.pdb"


@pytest.mark.parametrize("prefix", ["", "go:"])
def test_a_fetched_entry_is_simulated_from_its_first_model(entry, prefix):
    settings = {"model": "go", "temperature": 0.7}
    fetched = make_system(SystemSettings(system=f"{prefix}pdb:1fme", **settings))
    from_file = make_system(SystemSettings(system=str(entry), **settings))
    np.testing.assert_array_equal(fetched.target, from_file.target)


def test_an_entry_in_implicit_water_has_its_first_model_s_atoms(entry):
    fetched = make_system(SystemSettings(system="pdb:1FME", start="native"))
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
