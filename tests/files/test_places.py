"""Where things are remembered and cached: in the home, else in a folder of the user's own, or nowhere."""

from __future__ import annotations

import os
import stat

import pytest

from levinthal.files import places
from levinthal.files.places import cache_folder, cache_variables, state_folder


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "höme with a space"))
    (tmp_path / "höme with a space").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


def test_a_home_that_can_be_written_to_is_used(tmp_path):
    home = tmp_path / "höme with a space"
    assert state_folder() == home / ".local/state/levinthal"
    assert stat.S_IMODE((home / ".local/state/levinthal").stat().st_mode) == 0o700
    assert cache_folder() == home / ".cache/levinthal"
    assert cache_variables() == {}


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null/x", "a file"])
def test_without_a_home_caches_are_temporary_and_nothing_is_remembered(tmp_path, monkeypatch, home):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / home))
    monkeypatch.setattr(places, "_PACKAGE", tmp_path / "a file")  # a read-only installation
    own = tmp_path / "tmp" / f"levinthal-{os.getuid()}"
    assert state_folder() is None
    assert cache_folder() == own
    assert cache_variables() == {"NUMBA_CACHE_DIR": str(own / "numba"), "MPLCONFIGDIR": str(own / "matplotlib")}
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    assert list(cache_variables()) == ["NUMBA_CACHE_DIR"]


def test_a_folder_that_others_can_write_to_or_a_link_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/none")
    own = tmp_path / "tmp" / f"levinthal-{os.getuid()}"
    own.mkdir()
    own.chmod(0o777)
    assert cache_folder() is None
    own.rmdir()
    (tmp_path / "elsewhere").mkdir()
    own.symlink_to(tmp_path / "elsewhere")
    assert cache_folder() is None
