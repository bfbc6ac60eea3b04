"""Results on disk: read with a one-line error for whatever may be wrong, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError

from levinthal.errors import ResultError
from levinthal.files.reading import refused
from levinthal.files.writing import write_whole
from levinthal.harness.results.result import SCHEMA, Repeat, Result
from levinthal.harness.results.schema1 import upgrade_repeat, upgrade_result

RESULT_FILE = "result.json"
REPEAT_FILE = "repeat.json"

M = TypeVar("M", bound=BaseModel)


def load_result(path: str | os.PathLike[str]) -> Result:
    """Read a result.

    Parameters
    ----------
    path : path
        A `result.json`, or the run folder that holds one.

    Returns
    -------
    Result

    Raises
    ------
    ResultError
        There is no such file, it is truncated or not a result, or a newer Levinthal wrote it.

    Examples
    --------
    >>> import levinthal
    >>> from levinthal.harness import load_result
    >>> result = levinthal.run("cvae", size="smoke", settings={"epochs": 1}, out="again")
    >>> load_result("again/result.json") == result
    True
    """
    document, file = _document(path)
    schema = document["schema"]
    if isinstance(schema, int) and schema > SCHEMA:
        raise ResultError(f"{file} has schema {schema}, this Levinthal reads up to {SCHEMA}: upgrade Levinthal")
    return validated(Result, document, file, upgrade_result if schema == 1 else None)


def schema_of(path: str | os.PathLike[str]) -> int:
    """Return the version of the format in which a result was written; errors as for `load_result`."""
    return int(_document(path)[0]["schema"])


def _document(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Path]:
    file = Path(path)
    with refused(ResultError, file, "cannot be looked for", "name a result.json or a run folder"):
        folder = file.is_dir()
    if folder:
        if not (file / RESULT_FILE).exists() and (file / "plan.json").exists():
            raise ResultError(f"{file} holds an unfinished run: complete it with: levinthal resume {file}")
        file = file / RESULT_FILE
    document = read_json(file)
    if not isinstance(document, dict) or "schema" not in document:
        raise ResultError(f"{file} is not a Levinthal result: it has no key 'schema'")
    return document, file


def read_repeat(path: Path, workload: str) -> Repeat:
    """Read the record of one finished repeat of a workload, of an earlier format too; errors as for `load_result`."""
    return validated(Repeat, read_json(path), path, lambda document: upgrade_repeat(document, workload))


def read_json(file: Path) -> Any:
    """Parse a JSON file; a `ResultError` says why it cannot be."""
    try:
        text = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ResultError(f"cannot read {file}: {reason}: name a result.json or a run folder") from None
    try:
        return pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ResultError(f"{file} is not whole JSON ({error}): it was truncated or edited; run again") from None


def validated(
    model: type[M], document: Any, file: Path, upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> M:
    """Return the typed form of a parsed file; a `ResultError` names the first key that is wrong.

    Parameters
    ----------
    model : type of pydantic model
    document
        What the file holds.
    file : Path
        For the message.
    upgrade : callable, optional
        Brings a document of an earlier format to the present one.
    """
    with refused(ResultError, file, "is not as Levinthal writes it", "it was edited or damaged: run again"):
        if upgrade is not None and isinstance(document, dict):
            document = upgrade(document)
        try:
            return model.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise ResultError(f"{file}: {where}: {first['msg']}: the file was not written by this Levinthal") from None


def write_result(result: Result, path: Path) -> None:
    """Write `result.json` whole or not at all.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    write_whole(path, result.to_json())
