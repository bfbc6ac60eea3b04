"""Machine code is kept where there is a place for it, and never outlives the files it was made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import levinthal

PROGRAM = """
import numpy as np
from levinthal.kernels.recurrence.recurrence import quantise
target = np.zeros((1, 2), np.int16)
quantise(np.float32([[1, 0.5]]), target, np.zeros(1, np.float32))
print(target[0, 0], sum(quantise.stats.cache_hits.values()))
"""


def copied(folder: Path) -> Path:
    shutil.copytree(
        Path(levinthal.__file__).parent / "kernels",
        folder / "levinthal" / "kernels",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "levinthal" / "__init__.py").touch()
    return folder


def run(folder: Path, **environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "LEVINTHAL_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**kept, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_code_is_kept_until_any_file_of_the_package_changes(tmp_path):
    folder = copied(tmp_path)
    assert run(folder) == ["8191", "0"]
    assert run(folder) == ["8191", "1"]
    assert list((folder / "levinthal/kernels/recurrence/__pycache__").glob("recurrence.quantise*.nbc"))
    products = folder / "levinthal" / "kernels" / "products.py"
    products.write_text(products.read_text().replace("ROW_LIMIT = 8191", "ROW_LIMIT = 4095"))
    assert run(folder) == ["4095", "0"]
    assert run(folder) == ["4095", "1"]


def test_checked_code_lies_beside_the_other(tmp_path):
    folder = copied(tmp_path)
    assert run(folder) == ["8191", "0"]
    assert run(folder, LEVINTHAL_DEBUG_KERNELS="1") == ["8191", "0"]
    assert run(folder) == ["8191", "1"]
    assert run(folder, LEVINTHAL_DEBUG_KERNELS="1") == ["8191", "1"]


def test_where_the_folder_cannot_be_written_the_users_cache_or_none_is_used(tmp_path):
    folder, home = copied(tmp_path / "package"), tmp_path / "home"
    home.mkdir()
    for path in (folder / "levinthal/kernels").rglob("*.py"):  # a file where the folder of the cache would be
        path.with_name("__pycache__").touch()
    elsewhere = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(folder, **elsewhere) == ["8191", "0"]
    assert run(folder, **elsewhere) == ["8191", "1"]
    assert list(home.rglob("recurrence.quantise*.nbc"))
    shutil.rmtree(home / "cache")
    (home / "cache").touch()
    assert run(folder, **elsewhere) == ["8191", "0"]
    assert run(folder, **elsewhere) == ["8191", "0"]
