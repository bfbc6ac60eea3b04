"""Seeds for whatever draws numbers: derived from others, and cut to what a library takes."""

from __future__ import annotations

import numpy as np


def seed_of(*numbers: int) -> int:
    """Return a seed of 63 bits that depends on some numbers (not negative) alone, and looks like none of them."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def low_bits(seed: int, bits: int = 31) -> int:
    """Return the low bits of a seed: libraries that take a signed 32-bit number want 31, an unsigned one 32."""
    return seed & (1 << bits) - 1
