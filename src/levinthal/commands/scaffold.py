"""`levinthal new NAME`: a plug-in package with a workload to start from."""

from __future__ import annotations

import keyword
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.files.writing import as_write_error
from levinthal.harness.contract.registry import WORKLOADS

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "levinthal-{package}"
version = "0.1.0"
description = "The workload {name} for Levinthal"
requires-python = ">=3.11"
dependencies = ["levinthal"]

[project.entry-points."levinthal.workloads"]
{name} = "levinthal_{module}:{class_name}"

[tool.hatch.build.targets.wheel]
packages = ["src/levinthal_{module}"]
"""

_MODULE = '''\
"""The workload {name}: a place to start from. It fits a line to noisy points by batches of least squares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from levinthal.harness import Run, Settings
from pydantic import Field

__all__ = ["{class_name}", "{class_name}Settings"]


class {class_name}Settings(Settings):
    """What a user may set: `levinthal run {name} --set points=1000`."""

    points: int = Field(default=100_000, gt=1, description="Points a batch.")
    batches: int = Field(default=20, gt=0, description="Batches, each with points of its own.")

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {{
        "tiny": {{}},
        "small": {{"batches": 200}},
        "paper": {{"points": 1_000_000, "batches": 1_000}},
    }}


class {class_name}:
    """Fits a line to noisy points."""

    name: ClassVar[str] = "{name}"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = {class_name}Settings

    def run(self, run: Run, settings: {class_name}Settings) -> None:
        """Make the data, fit them, and record what was measured."""
        slope = 2.0
        with run.phase("prepare"):
            rng = run.rng("points")
            x = rng.random((settings.batches, settings.points))
            y = slope * x + rng.normal(size=x.shape)
            checksum = hashlib.sha256(y.tobytes()).hexdigest()
        run.dataset("noisy line", version="1", sha256=checksum, synthetic=True)

        fitted = []
        with run.phase("fit", items=x.size, total=settings.batches) as phase:
            for xs, ys in zip(x, y, strict=True):
                fitted.append(np.polyfit(xs, ys, 1)[0])
                phase.advance()
        error = abs(float(np.median(fitted)) - slope)

        # Quality before speed: a repeat that misses its gate reports no speed.
        run.gate("error of the slope", error, at_most=0.1)
        run.samples("slope", fitted, unit="1")
        run.metric("error of the slope", error, unit="1", better="lower", kind="quality")
        run.metric("throughput", x.size / run.duration_s("fit"), unit="point/s", better="higher")
'''

_README = """\
# levinthal-{package}

The workload `{name}` for Levinthal.

    pip install -e .
    levinthal check --workload {name}
    levinthal run {name}
"""


def write_plugin(name: str, folder: Path | None = None) -> Path:
    """Write a package with a workload that runs.

    Parameters
    ----------
    name : str
        The workload's name: a lower-case Python identifier.
    folder : Path, optional
        Where to write; `./levinthal-NAME` by default.

    Returns
    -------
    Path
        The package's folder.

    Raises
    ------
    UsageError
        The name is not an identifier or is taken, or the folder holds something.
    WriteError
        The folder cannot be written to.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or name == "all":
        raise UsageError(f"{name!r} cannot name a workload: use lower-case letters, digits and _, as in my_model")
    if name in WORKLOADS.names():
        raise UsageError(f"a workload {name!r} is installed already: choose another name")
    words = {
        "name": name,
        "module": name,
        "package": name.replace("_", "-").strip("-"),
        "class_name": "".join(part.capitalize() for part in name.split("_")) + "Workload",
    }
    target = (folder or Path(f"levinthal-{words['package']}")).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists already: choose another --folder")
    with as_write_error(target, fix="choose a --folder that is yours"):
        module = target / "src" / f"levinthal_{name}"
        module.mkdir(parents=True)
        (target / "pyproject.toml").write_text(_PYPROJECT.format(**words), encoding="utf-8")
        (target / "README.md").write_text(_README.format(**words), encoding="utf-8")
        (module / "__init__.py").write_text(_MODULE.format(**words), encoding="utf-8")
    return target
