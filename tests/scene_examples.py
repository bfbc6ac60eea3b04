"""Structure files made by hand: a chain, a molecule, and scenes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from levinthal.harness.results.result import Artifact
from levinthal.harness.results.scenes import Scene, ScenePart, SceneStep


def chain_pdb(n_residues: int = 12, n_models: int = 1, remark: str = "") -> str:
    """Return a helix of whole alanines and a water, with hydrogens, in as many models."""
    lines = [f"REMARK   1 {remark}"]
    for model in range(1, n_models + 1):
        lines.append(f"MODEL     {model:4d}")
        serial = 0
        for k in range(n_residues):
            turn, rise = np.radians(100.0 * k), 1.5 * k
            for shift, (name, element) in enumerate(
                (("N", "N"), ("CA", "C"), ("C", "C"), ("O", "O"), ("CB", "C"), ("H", "H"))
            ):
                serial += 1
                x, y = (2.3 + 0.2 * shift) * np.cos(turn + 0.2 * shift), 2.3 * np.sin(turn + 0.2 * shift)
                lines.append(
                    atom_line("ATOM", serial, name, "ALA", k + 1, (x, y, rise + 0.3 * shift + 0.1 * model), element)
                )
        lines.append(atom_line("HETATM", serial + 1, "O", "HOH", n_residues + 1, (50.0, 50.0, 50.0), "O"))
        lines.append("ENDMDL")
    return "\n".join([*lines, "END", ""])


def atom_line(
    record: str, serial: int, name: str, residue: str, number: int, place: Sequence[float], element: str
) -> str:
    x, y, z = place
    coordinates = f"{x:8.3f}{y:8.3f}{z:8.3f}"
    return (
        f"{record:<6}{serial:>5}  {name:<3} {residue} A{number:>4}    {coordinates}  1.00  0.00          {element:>2}"
    )


def molecule_sdf(n_records: int = 1, title: str = "ethanol", field: str = "rank") -> str:
    """Return ethanol's heavy atoms and a hydrogen beside the chain, as often as wanted."""
    block = """
  test

  4  3  0  0  0  0  0  0  0  0999 V2000
    4.0000    0.0000    3.0000 C   0  0
    5.2000    0.8000    3.0000 C   0  0
    6.4000    0.0000    3.0000 O   0  0
    7.1000    0.5000    3.0000 H   0  0
  1  2  1  0
  2  3  1  0
  3  4  1  0
M  END
"""
    return "".join(f"{title}{block}>  <{field}>\n{k}\n\n$$$$\n" for k in range(n_records))


def leave(folder: Path, name: str, text: str) -> Artifact:
    """Write a file into a run folder and return its record."""
    file = folder / "repeats" / "000" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Artifact(name=name, path=f"repeats/000/{name}", caption=name, sha256=digest)


def pocket_scene(n_steps: int = 2, name: str = "Poses") -> Scene:
    """Return a scene of `receptor.pdb` and `poses.sdf`, a step for each pose."""
    return Scene(
        name=name,
        caption="Where they bind.",
        parts=(
            ScenePart(artifact="receptor.pdb", words="receptor", shown="pocket"),
            ScenePart(artifact="poses.sdf", words="docked pose", shown="molecule"),
        ),
        steps=tuple(SceneStep(words=f"rank {k + 1}", models=(0, k)) for k in range(n_steps)),
    )
