from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from levinthal.metrics.software import PACKAGES, code_hash, git_commit, software


def test_versions_are_those_that_are_imported() -> None:
    versions = software()
    assert versions.packages["numpy"] == numpy.__version__
    assert versions.python == ".".join(str(part) for part in sys.version_info[:3])
    assert set(PACKAGES) == set(versions.packages)
    assert versions.levinthal
    assert re.fullmatch(r"[0-9a-f]{64}", versions.code_sha256)


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; from levinthal.metrics.software import software; from levinthal.metrics.machine import "
        "describe_machine; software(); describe_machine(); "
        "print([m for m in ('torch', 'openmm', 'mdtraj', 'numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hash_follows_names_and_contents_but_not_compiled_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "sub" / "b.yaml").write_text("y: 2\n")
    first = code_hash(tmp_path)
    (tmp_path / "a.pyc").write_bytes(b"\0")
    (tmp_path / "a.loop-12.abc.nbc").write_bytes(b"\0")  # numba's, where a folder of its own cannot be made
    kept = tmp_path / "sub" / "__pycache__"
    kept.mkdir()
    (kept / "b.loop-12.abc.nbc.tmp.9f").write_bytes(b"\0")  # one that another process is writing
    assert code_hash(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2\n")
    second = code_hash(tmp_path)
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "sub" / "b.yaml").rename(tmp_path / "sub" / "c.yaml")
    third = code_hash(tmp_path)
    assert len({first, second, third}) == 3


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "src" / "thing"
    package.mkdir(parents=True)
    (package / "a.py").write_text("x = 1\n")
    assert git_commit(package) is None

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert git_commit(package) == commit
    (package / "a.py").write_text("x = 2\n")
    assert git_commit(package) == f"{commit}-dirty"
