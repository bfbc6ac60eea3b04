"""Names of a package that are imported when they are first used (PEP 562), so that importing the package stays light.

A face imports its names in a block `if TYPE_CHECKING`, where type checkers see them, and has two lines more::

    __all__ = [...]
    __getattr__, __dir__ = lazily(__name__)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


def lazily(face: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a module for the names that it imports for type checkers.

    Parameters
    ----------
    face : str
        The module's `__name__`; it has an `__all__`.

    Raises
    ------
    AttributeError
        From `__getattr__`, for any other name.
    """

    def get(name: str) -> Any:
        module = sys.modules[face]
        if name not in module.__all__:
            raise AttributeError(f"module {face!r} has no attribute {name!r}")
        value = getattr(import_module(_origins(str(module.__file__))[name]), name)
        setattr(module, name, value)
        return value

    return get, lambda: sorted(sys.modules[face].__all__)


@cache
def _origins(path: str) -> dict[str, str]:
    """Return the module of each name that a file imports for type checkers."""
    import ast
    from pathlib import Path

    blocks = (node for node in ast.parse(Path(path).read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    return {
        alias.name: str(each.module)
        for block in blocks
        if ast.unparse(block.test) == "TYPE_CHECKING"
        for each in block.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }
