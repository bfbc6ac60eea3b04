"""Tensors and what they are, in one safetensors file: written whole or not at all, checked when read.

A reader sees the old file or the new one, also after a kill or a power cut. Nothing in a file is executed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.files.writing import as_write_error, whole_path

DAMAGED = "it is damaged or not a file of Levinthal's: use another, or train again"
"""What to do about a file that cannot be used."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], form: str, about: Mapping[str, Any]) -> None:
    """Write tensors with a description; the folder is made if need be.

    Parameters
    ----------
    path : Path
    tensors : mapping of str to Tensor
        On any device, in any layout.
    form : str
        Name and version of the format, for example "levinthal.cvae.training/1".
    about : mapping
        The description, anything that JSON holds.

    Raises
    ------
    WriteError
        The file cannot be written; an old one of that name is untouched.
    """
    # a copy, since safetensors refuses tensors that share memory
    copies = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    metadata = {"format": form, "about": json.dumps(about), "crc32": _crc32(copies)}
    with as_write_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_path(path, SafetensorError, sole_writer=True) as draft:
        save_file(copies, draft, metadata)
        _order_metadata(draft)


def _order_metadata(path: Path) -> None:
    """Sort the description in a file, so that the same tensors make the same bytes: safetensors draws its order."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:
            file.seek(8)
            file.write(text.ljust(size))


def read_tensors(path: Path, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    DataError
        The file is missing, damaged, or of another format than `form`.
    """
    with refused(DataError, path, "cannot be read", DAMAGED):
        if not path.exists():
            raise DataError(f"{path} does not exist: name a file that training wrote")
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.get("format") != form:
            raise DataError(f"{path} is of format {metadata.get('format')!r}, expected {form!r}: {DAMAGED}")
        if metadata.get("crc32") != _crc32(tensors):
            raise DataError(f"{path} does not hold what was written to it: {DAMAGED}")
    with refused(DataError, path, "has no readable description", DAMAGED):
        about = json.loads(metadata["about"])
        if not isinstance(about, dict):
            raise DataError(f"{path} has no readable description: {DAMAGED}")
    return tensors, about


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _crc32(tensors: Mapping[str, Tensor]) -> str:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"
