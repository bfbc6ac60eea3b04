"""Checksums of files, and paths that stay inside a folder."""

import hashlib

import pytest

from levinthal.files.checksums import digest_of
from levinthal.files.paths import path_inside


def test_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 100_000)
    for algorithm in ("sha256", "md5"):
        assert digest_of(tmp_path / "file", algorithm) == hashlib.new(algorithm, b"abc" * 100_000).hexdigest()
    assert digest_of(tmp_path / "file") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_a_path_stays_inside_its_folder(tmp_path):
    folder = tmp_path / "run"
    (folder / "repeats").mkdir(parents=True)
    (folder / "repeats" / "map.svg").write_text("x")
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to("../secret")
    (folder / "within").symlink_to("repeats/map.svg")
    assert path_inside(folder, "repeats/map.svg") == (folder / "repeats" / "map.svg").resolve()
    assert path_inside(folder, "within") == (folder / "repeats" / "map.svg").resolve()
    assert path_inside(folder, "missing") == (folder / "missing").resolve()
    for outside in ("../secret", "/etc/passwd", "repeats/../../secret", "", ".", "..\\secret", "link"):
        assert path_inside(folder, outside) is None, outside
    with pytest.raises(FileNotFoundError):
        path_inside(tmp_path / "none", "x")
