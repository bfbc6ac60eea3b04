"""Which code ran: versions of the libraries, and of Levinthal its commit and the hash of what is installed."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from levinthal.metrics.description import Software

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "openmm",
    "mdtraj",
    "scikit-learn",
    "deeptime",
    "numba",
)

_PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
_CODE_CACHE = "__pycache__"
_NOT_CODE = {".pyc", ".pyo", ".nbc", ".nbi"}  # Python's bytecode, numba's machine code


def software() -> Software:
    """Return the versions of what takes part in a measurement, without importing any of it."""
    return Software(
        python=platform.python_version(),
        python_implementation=platform.python_implementation(),
        levinthal=_version("levinthal"),
        code_sha256=code_hash(),
        git_commit=git_commit(),
        packages={package: _version(package) for package in PACKAGES},
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def code_hash(folder: Path = _PACKAGE_FOLDER) -> str:
    """Return the SHA-256 of all files of a package: names and contents, in the order of their names.

    What is compiled from them does not count, nor anything in a folder of such: the hash is the same before and after
    the first import, and while another process compiles.
    """
    digest = hashlib.sha256()
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix not in _NOT_CODE and path.is_file())
    for name, path in sorted((each.as_posix(), folder / each) for each in files if _CODE_CACHE not in each.parts):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def git_commit(folder: Path = _PACKAGE_FOLDER) -> str | None:
    """Return the commit of the checkout that holds `folder` as `src/<package>`; None where it is none."""
    checkout = folder.parents[1]
    git = shutil.which("git")
    if git is None or folder.parent.name != "src" or not (checkout / ".git").exists():
        return None

    def ask(*arguments: str) -> str | None:
        try:
            answer = subprocess.run(
                [git, "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    if not commit:
        return None
    changes = ask("status", "--porcelain", "--", str(folder))
    return f"{commit}-dirty" if changes else commit
