"""Keep freed memory in the process: large tensors are then reused instead of being faulted in again at every step.

glibc gives blocks above 128 KB (growing to 32 MB) back to the system when they are freed; at these sizes faulting them
in again costs 1.3 to 2.4 times the whole training step of a plain model. The end of the heap is never given back
either: a step that holds more than any threshold would be faulted in again as a whole.
"""

from __future__ import annotations

import ctypes
from functools import cache

# malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 2**30
_NEVER = -1


@cache
def keep_freed_memory() -> bool:
    """Keep freed blocks up to 1 GiB and the end of the heap from now on; return whether that was possible."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(_MMAP_THRESHOLD, _KEEP_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
