"""A Python file of the user's that says where workers are: found, and run as `python FILE.py` would run it.

It is the user's own program, named on the user's own command line.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from levinthal.errors import UsageError


def check_file(engine: str, argument: str, what: str) -> str | None:
    """Return the absolute path of a user's file, None where no file is named; nothing is run yet.

    Parameters
    ----------
    engine : str
        Its name, for the message.
    argument : str
        The path as typed.
    what : str
        What the file is, for the message: `your Parsl configuration`.

    Raises
    ------
    UsageError
        There is no such file.
    """
    if not argument:
        return None
    path = Path(argument)
    if not path.is_file():
        raise UsageError(f"engine {engine}:{path}: there is no such file: name {what}, a Python file")
    return str(path.absolute())


def run_file(path: Path, what: str) -> ModuleType:
    """Run a user's file and return what it leaves, as a module; it finds modules that lie beside it.

    Raises
    ------
    UsageError
        It is not a Python file, or it fails.
    """
    spec = importlib.util.spec_from_file_location(f"levinthal_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file: {what} ends in .py")
    module = importlib.util.module_from_spec(spec)
    if (beside := str(path.absolute().parent)) not in sys.path:
        sys.path.append(beside)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's program raises
        raise UsageError(f"{path} failed with {type(error).__name__}: {error}: fix {what}") from error
    return module
