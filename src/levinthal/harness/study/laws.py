"""What laws of scaling say of measured rates, in words; and why, where nothing honest can be said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from levinthal.errors import DataError
from levinthal.metrics.scaling_laws import Scalability, amdahl, universal

_DESCRIBES = 0.05
"""A law that some rate deviates from by more does not describe it."""


def laws_in_words(rates: Mapping[int, float], most: int, what: str = "workers") -> Iterator[str]:
    """Yield a sentence for each law that describes the rates, or one that says why there is none.

    Parameters
    ----------
    rates : mapping of int to float
        By number of workers.
    most : int
        How many have a core, or a GPU, of their own: what more of them do is another law's matter, and left out.
    what : str
        What is counted, in the plural.
    """
    told = {n: rate for n, rate in sorted(rates.items()) if n <= most}
    left_out = ", ".join(f"{n:,}" for n in sorted(rates) if n > most)
    without = f" (without {left_out}, which share cores)" if left_out else ""
    try:
        serial = amdahl(list(told), list(told.values()))
    except DataError as error:
        yield f"No law of scaling is fitted{without}: {error}."
        return
    if serial.deviation <= _DESCRIBES:
        yield f"Amdahl's law{without}: {_amdahl_words(serial, what)}."
        return
    yield (
        f"Amdahl's law does not describe this{without}: a rate deviates from it by {100 * serial.deviation:.0f} %, "
        f"more than {100 * _DESCRIBES:.0f} %."
    )
    try:
        law = universal(list(told), list(told.values()))
    except DataError as error:
        yield f"The universal scalability law is not fitted: {error}."
        return
    if law.deviation > _DESCRIBES:
        yield f"Nor does the universal scalability law: a rate deviates from it by {100 * law.deviation:.0f} %."
        return
    beyond = "" if law.peak <= max(told) else ", beyond what was measured"
    yield (
        f"Universal scalability law: contention {100 * law.contention:.1f} %, crosstalk {100 * law.crosstalk:.2g} %; "
        f"the rate is highest at {law.peak:,.0f} {what}{beyond}."
    )


def _amdahl_words(law: Scalability, what: str) -> str:
    limit = f"at most {1 / law.contention:,.1f} times" if law.contention > 0 else "no limit in sight"
    high = f"{100 * law.high:.1f}" if math.isfinite(law.high) else "?"
    return (
        f"{100 * law.contention:.1f} % [{100 * law.low:.1f}, {high}] is serial, {limit} however many {what}; a rate "
        f"deviates from it by {100 * law.deviation:.1f} % at most"
    )
