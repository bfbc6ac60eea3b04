"""Gates and sanity checks of a result as rows of tables, and the sentences about those that were missed."""

from __future__ import annotations

from dataclasses import dataclass

from levinthal.harness.results.result import Gate, GateKind, Repeat, Result
from levinthal.report.figures import Cell
from levinthal.report.rounding import exact, rounded, told_apart

__all__ = ["GateRow", "gate_rows", "met_words", "missed_gates"]

_WORDS: dict[GateKind, str] = {"benchmark": "gate", "sanity": "sanity check"}


@dataclass(frozen=True)
class GateRow:
    """One gate over the repeats: its limit, the value nearest to missing it (or farthest beyond), each repeat's value.

    `repeats` holds for each repeat its value and whether the gate was met; one that ended before it counts as met.
    `advice` says what to change, where one missed it.
    """

    measure: str
    name: str
    kind: GateKind
    advice: str
    limit: str
    worst: Cell
    n_met: int
    n_reached: int
    repeats: tuple[tuple[Cell, bool], ...]
    passed: bool


def missed_gates(repeat: Repeat) -> list[str]:
    """Say for each gate that a repeat missed which one it is, its value, its limit and what to change."""
    return [
        f"the {_WORDS[gate.kind]} {gate}: {_gate_value(gate).text}, must be {_limit_words(gate)}"
        f"{f' ({gate.advice})' if gate.advice else ''}"
        for gate in repeat.gates
        if not gate.passed
    ]


def met_words(result: Result) -> str:
    """Say how many gates and sanity checks a result that passed has: `both gates and 3 sanity checks`."""
    kinds = {gate.key: gate.kind for repeat in result.repeats for gate in repeat.gates}
    parts = []
    for kind, word in _WORDS.items():
        if n := sum(each == kind for each in kinds.values()):
            parts.append(f"the {word}" if n == 1 else f"both {word}s" if n == 2 else f"all {n} {word}s")
    return " and ".join(parts)


def gate_rows(result: Result) -> tuple[GateRow, ...]:
    """Return a row for each gate; a repeat that did not reach it has a dash."""
    first = {gate.key: gate for repeat in reversed(result.repeats) for gate in reversed(repeat.gates)}
    rows = []
    for key, named in reversed(first.items()):
        found = [next((gate for gate in repeat.gates if gate.key == key), None) for repeat in result.repeats]
        reached = [gate for gate in found if gate is not None]
        values = tuple(
            (_gate_value(gate), gate.passed) if gate is not None else (Cell("not reached", "", False), True)
            for gate in found
        )
        worst = max(reached, key=_distance_beyond)
        rows.append(
            GateRow(
                measure=named.name,
                name=str(named),
                kind=named.kind,
                advice="; ".join(dict.fromkeys(gate.advice for gate in reached if gate.advice and not gate.passed)),
                limit=" or ".join(dict.fromkeys(_limit_words(gate) for gate in reached)),
                worst=_gate_value(worst),
                n_met=sum(gate.passed for gate in reached),
                n_reached=len(reached),
                repeats=values,
                passed=all(gate.passed for gate in reached),
            )
        )
    return tuple(rows)


def _limit_words(gate: Gate) -> str:
    """Return what the gate demands, for example `at most 0.35`."""
    limit = gate.at_most if gate.at_most is not None else gate.at_least
    assert limit is not None  # the schema demands one of the two
    shown = told_apart(limit, gate.value)[0] if gate.value is not None else rounded(limit).whole
    return f"{'at most' if gate.at_most is not None else 'at least'} {shown}"


def _distance_beyond(gate: Gate) -> float:
    """Return how far a gate's value lies beyond its limit; negative where the gate holds."""
    if gate.value is None:
        return float("inf")
    return gate.value - gate.at_most if gate.at_most is not None else (gate.at_least or 0.0) - gate.value


def _gate_value(gate: Gate) -> Cell:
    if gate.value is None:
        return Cell("not finite or not measured", "", False)
    limit = gate.at_most if gate.at_most is not None else gate.at_least
    assert limit is not None
    return Cell(told_apart(gate.value, limit)[0], exact(gate.value))
