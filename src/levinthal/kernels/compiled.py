"""How numba compiles the loops of this package, where it keeps their machine code, and how their bounds are checked.

Importing this module imports numba, which is slow: import it only where a loop is about to run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

CHECKED = os.environ.get("LEVINTHAL_DEBUG_KERNELS", "0") not in ("", "0")
"""Whether an index outside its array raises IndexError, in loops and in vector code; slow, for tests."""


@cache
def _package_stamp() -> str:
    """Return a hash of all files of the package: what one file is compiled to depends on what it takes from others."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Files(IndexDataCacheFile):  # type: ignore[misc]  # numba has no types
    """A file for each signature and processor, named by all that its code depends on.

    numba keeps an index of numbered files instead, which processes that compile at once take from each other.
    """

    def _name(self, key: Any) -> str:
        digest = hashlib.sha256(repr((self._version, self._source_stamp, key)).encode()).hexdigest()
        return f"{self._prefix}{digest[:24]}.nbc"

    @property
    def _prefix(self) -> str:
        stamp = hashlib.sha256(repr((self._version, self._source_stamp)).encode()).hexdigest()
        return f"{Path(self._index_name).stem}.{stamp[:8]}."

    def load(self, key: Any) -> Any:
        """Return what was kept under a key, or None."""
        with contextlib.suppress(OSError):
            return self._load_data(self._name(key))
        return None

    def save(self, key: Any, data: Any) -> None:
        """Keep what was compiled, and remove what other versions of the files left."""
        for path in Path(self._cache_path).glob(f"{Path(self._index_name).stem}.*.nbc"):
            if not path.name.startswith(self._prefix):
                path.unlink(missing_ok=True)
        self._save_data(self._name(key), data)


class _Cache(FunctionCache):  # type: ignore[misc]
    """Machine code beside the source, or in the user's cache folder where that cannot be written.

    It is out of date when any file of this package has changed (numba compares only the file of the function), and
    code with checked bounds lies beside code without.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        locator, name = self._impl.locator, self._impl.filename_base
        stamp = locator.get_source_stamp(), _package_stamp()
        self._cache_file = _Files(self._cache_path, f"{name}-checked" if CHECKED else name, stamp)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled; a full disk costs only the next compilation."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def compiled(*fastmath: str, inline: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; keep the machine code on disk where there is a place for it.

    The compiled function releases the interpreter's lock.

    Parameters
    ----------
    *fastmath : str
        Liberties LLVM may take with floating point: "contract" allows fused multiply-adds, "reassoc" sums in vector
        lanes.
    inline : bool
        Make it part of every function that calls it, with that function's liberties.
    """
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": set(fastmath) or False,
        "boundscheck": CHECKED,
        "inline": "always" if inline else "never",
    }

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        if not inline:
            with contextlib.suppress(RuntimeError):  # numba found no folder for its cache
                dispatcher._cache = _Cache(function)
        return dispatcher

    return decorate
