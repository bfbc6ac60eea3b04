"""Results on disk: read with a one-line error for whatever may be wrong, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError

from levinthal.errors import ResultError
from levinthal.files.writing import write_whole
from levinthal.harness.results.result import SCHEMA, Repeat, Result
from levinthal.harness.results.schema1 import upgrade_repeat, upgrade_result

RESULT_FILE = "result.json"

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
    return validated(Result, upgrade_result(document) if schema == 1 else document, file)


def schema_of(path: str | os.PathLike[str]) -> int:
    """Return the version of the format in which a result was written; errors as for `load_result`."""
    return int(_document(path)[0]["schema"])


def _document(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Path]:
    file = Path(path)
    if file.is_dir():
        if not (file / RESULT_FILE).exists() and (file / "plan.json").exists():
            raise ResultError(f"{file} holds an unfinished run: complete it with: levinthal resume {file}")
        file = file / RESULT_FILE
    document = read_json(file)
    if not isinstance(document, dict) or "schema" not in document:
        raise ResultError(f"{file} is not a Levinthal result: it has no key 'schema'")
    return document, file


def read_repeat(path: Path, workload: str) -> Repeat:
    """Read the record of one finished repeat of a workload, of an earlier format too; errors as for `load_result`."""
    document = read_json(path)
    return validated(Repeat, upgrade_repeat(document, workload) if isinstance(document, dict) else document, path)


def read_json(file: Path) -> Any:
    """Parse a JSON file; a `ResultError` says why it cannot be."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise ResultError(f"cannot read {file}: {error.strerror}: name a result.json or a run folder") from None
    try:
        return pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ResultError(f"{file} is not whole JSON ({error}): it was truncated or edited; run again") from None


def validated(model: type[M], document: Any, file: Path) -> M:
    """Return the typed form of a parsed file; a `ResultError` names the first key that is wrong."""
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
