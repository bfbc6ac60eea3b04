"""What a repeat measured, as records: metrics, samples, curves, gates, comparisons; and metrics over the repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, RootModel, model_validator

from levinthal.harness.results.labels import Finite, Label, Labelled, Record, figures_of, find_figure

CANNOT_TELL = "can't tell"

Better = Literal["higher", "lower"]
Kind = Literal["speed", "quality"]
GateKind = Literal["benchmark", "sanity"]


class Metric(Labelled):
    """One measured figure of one repeat. `kind` says whether a missed gate hides it (speed) or not (quality).

    `withheld` holds the value that was hidden so: it is kept, and counts nowhere. `censored_at` says, of a time to
    something that did not happen, how long it was waited for: the repeat counts as one that takes longer.
    """

    value: Finite | None
    unit: str
    better: Better
    kind: Kind = "speed"
    reason: str | None = None
    withheld: Finite | None = None
    censored_at: Finite | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Metric:
        if self.value is None and not self.reason:
            raise ValueError(f"metric {self.name!r} is null without a reason")
        if self.value is not None and self.withheld is not None:
            raise ValueError(f"metric {self.name!r} is reported and withheld at once")
        if self.value is not None and self.censored_at is not None:
            raise ValueError(f"metric {self.name!r} is reported and censored at once")
        return self


class Samples(Labelled):
    """Raw numbers behind a figure, in the order they were measured; null where one was not finite."""

    unit: str
    values: tuple[Finite | None, ...]


class Curve(Labelled):
    """Points that belong together, for a line in the chart of its name; null where a number was not finite."""

    x: tuple[Finite | None, ...]
    y: tuple[Finite | None, ...]
    x_name: str
    x_unit: str
    unit: str

    @model_validator(mode="after")
    def _consistent(self) -> Curve:
        if len(self.x) != len(self.y):
            raise ValueError(f"curve {self.name!r} has {len(self.x)} x and {len(self.y)} y")
        return self


class Gate(Labelled):
    """A check of correctness; a value of null (not finite, or not measured) never passes.

    `kind` says what is checked: that the program under test is right (`benchmark`), or that an answer about a person's
    own data is plausible (`sanity`). `advice` says what to change where it is missed.
    """

    value: Finite | None
    at_most: Finite | None = None
    at_least: Finite | None = None
    passed: bool
    kind: GateKind = "benchmark"
    advice: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Gate:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"gate {self.name!r} needs exactly one of at_most and at_least")
        holds = self.value is not None and (
            self.value <= self.at_most if self.at_most is not None else self.value >= (self.at_least or 0.0)
        )
        if self.passed != holds:
            raise ValueError(f"gate {self.name!r} says passed={self.passed}, its value says {holds}")
        return self

    @property
    def words(self) -> str:
        """Name, value and limit, with as many digits as tell the two apart; where it was missed, the advice."""
        side, limit = ("at most", self.at_most) if self.at_most is not None else ("at least", self.at_least or 0.0)
        if self.value is None:
            text = f"{self} is not finite, must be {side} {limit:g}"
        else:
            shown = [(f"{self.value:.{n}g}", f"{limit:.{max(n, 6)}g}") for n in range(4, 18)]
            value, bound = next((pair for pair in shown if pair[0] != pair[1]), shown[0])
            text = f"{self} is {value}, must be {side} {bound}"
        return f"{text}: {self.advice}" if self.advice and not self.passed else text


class Terms(Record):
    """What two methods were given alike: so much of a unit each, or, without an amount, what the unit says."""

    amount: Finite | None
    unit: str

    def __str__(self) -> str:
        if self.amount is None:
            return self.unit
        return f"{self.amount:{',.0f' if self.amount >= 1e4 else '.4g'}} {self.unit} each"

    @classmethod
    def parse(cls, text: str) -> Terms:
        """Read terms that were written as text: `60 core-seconds each`."""
        found = re.fullmatch(r"([\d,]+(?:\.\d+)?(?:e[+-]?\d+)?) (\S.*?) each", text)
        return cls(amount=float(found[1].replace(",", "")), unit=found[2]) if found else cls(amount=None, unit=text)


class Comparison(Labelled):
    """Two methods that a repeat ran on equal terms: a ratio above 1 where the candidate is ahead, and the verdict.

    `value` is null with a `reason` where there is none; `low` and `high` are null where there is no interval. `terms`
    says what was equal (60 core-seconds each), `n` over how many pairs. The verdict is a word for the direction, or
    `can't tell` where the interval spans 1 or is missing.
    """

    candidate: str
    baseline: str
    terms: Terms
    value: Finite | None
    low: Finite | None = None
    high: Finite | None = None
    confidence: Annotated[Finite, Field(gt=0, lt=1)] = 0.95
    n: Annotated[int, Field(ge=0)]
    verdict: str
    method: str = ""
    reason: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        if self.value is None and not self.reason:
            raise ValueError(f"comparison {self.name!r} is null without a reason")
        decided = self.low is not None and self.high is not None and not self.low <= 1.0 <= self.high
        if decided == (self.verdict == CANNOT_TELL):
            raise ValueError(f"comparison {self.name!r} says {self.verdict!r}, its interval does not")
        return self


class Summary(Labelled):
    """A metric over the repeats: the median, a 95 % interval of it and the MLPerf-style score.

    Speeds are those of repeats that passed; qualities are those of all repeats that measured them, `n_failed` of which
    missed a gate. Of a time to something, `n_censored` repeats did not get there: the median is Kaplan and Meier's.
    `ci95` is null with a `reason` where there are too few repeats, and `ci_method` says how it was made; `score` drops
    the best and the worst repeat and averages the rest (a repeat that missed its gate counts as the worst).
    """

    unit: str
    better: Better
    kind: Kind = "speed"
    n: Annotated[int, Field(ge=0)]
    n_failed: Annotated[int, Field(ge=0)] = 0
    n_censored: Annotated[int, Field(ge=0)] = 0
    median: Finite | None
    ci95: tuple[Finite, Finite] | None
    ci_method: str | None = None
    score: Finite | None = None
    reason: str | None = None


class Summaries(RootModel[tuple[Summary, ...]]):
    """The metrics of a run over its repeats, in the order they were recorded; asked by name, or by name and labels.

    Examples
    --------
    >>> def of(policy, median):
    ...     return Summary(name="cells seen", labels={"policy": policy}, unit="1", better="higher", n=1, median=median,
    ...                    ci95=None)
    >>> summary = Summaries((of("plain", 80.0), of("dbscan", 90.0)))
    >>> summary["cells seen", {"policy": "dbscan"}].median
    90.0
    >>> [each.labels["policy"] for each in summary.named("cells seen")]
    ['plain', 'dbscan']
    """

    root: tuple[Summary, ...] = ()

    def __iter__(self) -> Iterator[Summary]:  # type: ignore[override]
        return iter(self.root)

    def __len__(self) -> int:
        return len(self.root)

    def __getitem__(self, asked: str | tuple[str, Mapping[str, Label]]) -> Summary:
        """Return the metric of a name, or of a name with labels (as many as tell it from others of the name).

        Raises
        ------
        NoSuchFigureError
            There is none, or more than one; a KeyError whose message lists what there is.
        """
        return find_figure(self.root, *([asked] if isinstance(asked, str) else asked))

    def named(self, name: str, **labels: Label) -> tuple[Summary, ...]:
        """Return all metrics of a name, or those of them with the labels given."""
        return tuple(figures_of(self.root, name, labels))

    def get(self, name: str, labels: Mapping[str, Label] | None = None) -> Summary | None:
        """Return the metric with exactly this name and these labels, or None."""
        return next((each for each in self.named(name) if each.labels == (labels or {})), None)
