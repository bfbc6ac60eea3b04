"""Head-room: what one inference process sustains over what a campaign of simulations makes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.contract.run import Run
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import load_result

PAPER_PER_S = 1000 / 120
"""Ma et al. (2020), section 3.2: simulations make O(1,000) conformations every couple of minutes."""

_RATE = "simulation frame rate"


@dataclass(frozen=True)
class Campaign:
    """Simulations whose conformations are to be looked at as they come.

    Attributes
    ----------
    name : str
    per_s : float
        Conformations a second, of all replicas together.
    replicas : int
        How many simulations make them; 1 where that is not known.
    """

    name: str
    per_s: float
    replicas: int = 1


@dataclass(frozen=True)
class HeadRoom:
    """What one inference process makes of a campaign.

    Attributes
    ----------
    campaign : Campaign
    per_s : float or None
        What it sustains, at the latency bound where there is one; None where that was not measured.

    Examples
    --------
    >>> from levinthal.harness.study.serving.headroom import Campaign, HeadRoom
    >>> room = HeadRoom(Campaign("four walkers", 20.0, 4), 110.0)
    >>> room.ratio, room.replicas
    (5.5, 22)
    """

    campaign: Campaign
    per_s: float | None

    @property
    def ratio(self) -> float | None:
        """How many such campaigns it could follow; below 1 it falls behind."""
        return None if self.per_s is None else self.per_s / self.campaign.per_s

    @property
    def replicas(self) -> int | None:
        """The largest number of replicas, each as fast as those of the campaign, that it can follow."""
        return None if self.ratio is None else math.floor(self.ratio * self.campaign.replicas)

    def report(self, run: Run, labels: Mapping[str, Label], words: str, query: str) -> None:
        """Report ratio and number of replicas to a repeat, with the labels of what was measured."""
        campaign, ratio, labels = self.campaign, self.ratio, {**labels, "campaign": self.campaign.name}
        why = "there is no valid rate of inference"
        run.metric("head-room of inference", ratio, unit="1", better="higher", reason=why, labels=labels)
        count = self.replicas
        run.metric("replicas that inference follows", count, unit="1", better="higher", reason=why, labels=labels)
        if ratio is None:
            return
        verdict = "it keeps up" if ratio >= 1 else "it falls behind"
        of_them = "" if campaign.replicas == 1 else f" of {campaign.replicas} replicas"
        run.finding(
            f"{words}, {campaign.name}: one process answers {self.per_s:.4g} {query}/s, the campaign{of_them} makes "
            f"{campaign.per_s:.4g}/s: head-room {ratio:.3g}, {verdict}; it can follow {count:,} such "
            f"{'campaigns' if campaign.replicas == 1 else 'replicas'}."
        )


def campaigns_of(words: Sequence[str]) -> tuple[Campaign, ...]:
    """Read campaigns as they are typed: `paper`, `RATE`, `RATE/REPLICAS`, or the folder of a run that simulated.

    Raises
    ------
    UsageError
        Neither of them, or a run that recorded no rate of frames.
    ResultError
        A folder without a result.
    """
    return tuple(_campaign(word) for word in words)


def _campaign(word: str) -> Campaign:
    if word == "paper":
        return Campaign("paper: a thousand in two minutes", PAPER_PER_S)
    rate, sign, replicas = word.partition("/")
    try:
        per_s, count = float(rate), int(replicas) if sign else 1
    except ValueError:
        if not Path(word).exists():
            raise UsageError(
                f"campaign {word!r}: give paper, a run folder, or conformations a second as RATE or RATE/REPLICAS"
            ) from None
        return _of_run(load_result(word), word)
    if not (0.0 < per_s < math.inf and count > 0):
        raise UsageError(f"campaign {word!r}: rate and replicas are positive numbers")
    return Campaign(f"stated: {word}", per_s, count)


def _of_run(result: Result, place: str) -> Campaign:
    summary = result.summary.get(_RATE)
    if summary is None or summary.median is None:
        raise UsageError(f"campaign {place}: its result has no {_RATE}: name a run that simulated and met its gates")
    replicas = result.settings.get("replicas")
    return Campaign(
        f"measured: {Path(place).name}", summary.median, replicas if isinstance(replicas, int) and replicas > 0 else 1
    )
