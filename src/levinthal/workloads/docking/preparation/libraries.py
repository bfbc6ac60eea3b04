"""RDKit, meeko and PDBFixer kept quiet, and what they refuse said in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from levinthal.errors import DataError

REFUSED = (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, AssertionError)
"""What these libraries raise for a molecule that they cannot treat."""


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the warnings of RDKit and meeko, which go to logs of their own, from the terminal."""
    from rdkit import rdBase

    rdBase.DisableLog("rdApp.*")
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        rdBase.EnableLog("rdApp.*")


@contextmanager
def refusing(what: str, fix: str, most: int = 200) -> Iterator[None]:
    """Keep libraries quiet, and turn what they refuse into a `DataError`: what, their words, and the fix."""
    with quiet_libraries():
        try:
            yield
        except REFUSED as error:
            raise DataError(f"{what}: {str(error)[:most]}: {fix}") from None
