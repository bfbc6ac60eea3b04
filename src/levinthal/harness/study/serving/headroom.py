"""Head-room: what inference sustains over what a campaign of simulations makes, and how stale its models are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.contract.run import Run
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Repeat, Result
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


@dataclass(frozen=True)
class Retraining:
    """A model that is trained again while a campaign goes on.

    Attributes
    ----------
    campaign : Campaign
    training_s : float
        How long a training took where the model comes from.

    Examples
    --------
    >>> from levinthal.harness.study.serving.headroom import Campaign, Retraining
    >>> Retraining(Campaign("four walkers", 20.0, 4), 30.0).unseen
    600.0
    """

    campaign: Campaign
    training_s: float

    @property
    def unseen(self) -> float:
        """How many conformations are made while it trains: so many has the newest model not seen when it is ready."""
        return self.campaign.per_s * self.training_s

    def report(self, run: Run) -> None:
        """Report to a repeat how stale a model is."""
        labels = {"campaign": self.campaign.name}
        run.metric("conformations made during a training", self.unseen, unit="1", better="lower", labels=labels)
        run.finding(
            f"{self.campaign.name}: a training as that of the run takes {self.training_s:.3g} s, in which the campaign "
            f"makes {self.unseen:,.0f} conformations that a model trained without pause has not seen when it is ready."
        )


def training_s_of(repeat: Repeat) -> float | None:
    """Return how long the training of a repeat took, None where it has no phase `train`."""
    found = [phase.duration_s for phase in repeat.phases if (phase.name, phase.lane) == ("train", "main")]
    return sum(found) if found else None


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
