"""What is published: wheel and source distribution hold all files, and the wheel runs where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it alone."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    return folder


def _tracked(*under: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *under], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("this is not a checkout of git")
    return set(listed.stdout.split("\n")) - {""}


def test_the_source_distribution_has_what_is_tracked(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = _tracked("src", "tests", "benchmarks", "docs", "examples", ".github", "Makefile", "requirements.lock")
    assert sorted(wanted - names) == []


def test_the_wheel_has_every_file_of_the_package_and_its_licences(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = {name.removeprefix("src/") for name in _tracked("src/levinthal")}
    assert sorted(wanted - names) == []
    assert sum(name.endswith("LICENSE") and "/licenses/" in name for name in names) >= 1
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_the_wheel_runs_in_an_environment_of_its_own(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    _run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    own = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    # its dependencies are those of these tests: a line of a .pth file adds a folder, and not what .pth files there add
    (own / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    _run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
        "--disable-pip-version-check", "--force-reinstall", wheel, cwd=tmp_path,
    )  # fmt: skip
    where = _run(python, "-c", "import levinthal; print(levinthal.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(own)
    data = {"LEVINTHAL_DATA": str(tmp_path / "data"), "COLUMNS": "120"}
    program = tmp_path / "env" / "bin" / "levinthal"
    for name in ("cvae", "rgn", "sampling", "docking", "potential", "discovery"):
        assert name in _run(program, "list", cwd=tmp_path, **data)
    # a workload with compiled kernels, one with a shipped reference, and the page with its viewer and templates
    for name in ("sampling", "docking"):
        _run(program, "run", name, "--size", "smoke", "--out", name, cwd=tmp_path, **data)
        assert "verdict" in (tmp_path / name / "result.json").read_text(encoding="utf-8")
        assert (tmp_path / name / "report.html").stat().st_size > 50_000
    _run(program, "check", "sampling", cwd=tmp_path, **data)
