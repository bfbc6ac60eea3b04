"""What a class says of itself in its source: to list workloads without the seconds that importing them takes."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path


def written_in(module: str, name: str) -> tuple[int | None, str]:
    """Return a class's `version` and the first line of its docstring, read from the source of its module.

    Parameters
    ----------
    module, name : str
        Of an entry point `module:name`.

    Returns
    -------
    version : int or None
        None where the source does not give it as a plain number: import the class and ask it.
    about : str
    """
    try:
        spec = find_spec(module)
        tree = ast.parse(Path(spec.origin).read_text("utf-8")) if spec is not None and spec.origin else None
    except (ImportError, OSError, SyntaxError, ValueError):
        return None, ""
    for each in tree.body if tree is not None else ():
        if isinstance(each, ast.ClassDef) and each.name == name:
            return _version(each), (ast.get_docstring(each) or "").partition("\n")[0]
    return None, ""


def _version(kind: ast.ClassDef) -> int | None:
    for line in kind.body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        value = getattr(line, "value", None)
        if any(isinstance(each, ast.Name) and each.id == "version" for each in targets) and isinstance(
            value, ast.Constant
        ):
            return value.value if isinstance(value.value, int) else None
    return None
