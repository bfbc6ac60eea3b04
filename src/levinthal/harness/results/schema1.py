"""Results of version 1 of the format, turned into version 2 before they are checked and typed.

In version 1 what a figure is of stood in its name, curves were samples called `curve/PLOT/SERIES`, values withheld
samples called `withheld/NAME`, and the terms of a comparison a text. Names that the four workloads and scaling studies
wrote are taken apart, so that an old result compares with a new one; others stay as they are, without labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from levinthal.harness.results.figures import Terms
from levinthal.harness.results.former_names import former_identity
from levinthal.harness.results.labels import Key

__all__ = ["event_key", "upgrade_plan", "upgrade_repeat", "upgrade_result"]

Document = Mapping[str, Any]

_SHARES = {
    "parallel efficiency": "Efficiency", "share of communication": "Communication",
    "share of data loading": "Data loading", "share of compute": "Compute",
}  # fmt: skip
_FIGURES = ("time per epoch", "training", "speed-up", *_SHARES)
_POINT = re.compile(
    rf"(?P<name>{'|'.join(_FIGURES)}|step time), (?P<case>.+), batch (?P<batch>\d+)(?P<each> a rank)?, "
    r"(?P<ranks>\d+) ranks?"
)
_BATCH = {False: "batch size", True: "batch size of a rank"}


def upgrade_result(document: Document) -> dict[str, Any]:
    """Return a result of version 1 as one of version 2; what is not as it should be is left for the typed model."""
    upgraded = upgrade_plan({**document, "schema": 2})
    if _all_mappings(document.get("repeats")):
        upgraded["repeats"] = [upgrade_repeat(repeat) for repeat in document["repeats"]]
    if isinstance(document.get("summary"), Mapping) and _all_mappings([*document["summary"].values()]):
        upgraded["summary"] = [{**_identity(name), **rest} for name, rest in document["summary"].items()]
    return upgraded


def upgrade_plan(document: Document) -> dict[str, Any]:
    """Return a plan, or a result, with what a scaling study varied as a study; another is returned as it is."""
    upgraded = dict(document)
    scaling = upgraded.pop("scaling", None)
    return {**upgraded, "study": _study_of(scaling)} if isinstance(scaling, Mapping) else upgraded


def _study_of(scaling: Document) -> dict[str, Any]:
    """Return a scaling study, the one kind there was."""
    sizes: Mapping[str, list[int]] = scaling.get("batch_sizes") or {}
    ranks = list(scaling.get("world_sizes") or ())
    weak = scaling.get("mode") == "weak"
    batch = _BATCH[weak]
    each = [f"{case}={','.join(map(str, numbers))}" for case, numbers in sizes.items()]
    options = {key: scaling[key] for key in ("mode", "nodes", "seconds") if key in scaling}
    options |= {"world_sizes": ",".join(map(str, ranks)), "cases": ",".join(sizes)}
    return {
        "kind": "scaling",
        "axes": [
            {"name": "case", "values": list(sizes)},
            {
                "name": batch, "values": list(dict.fromkeys(size for numbers in sizes.values() for size in numbers)),
                "before": "batch", "after": "a rank" if weak else "",
            },
            {"name": "ranks", "values": ranks, "baseline": min(ranks, default=None), "counted": "rank"},
        ],
        "parts": [{"case": [case], batch: numbers} for case, numbers in sizes.items()],
        "options": {**options, "batch_sizes": ";".join(each)},
        "command": ["scale"],
        "arguments": [
            *(word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))),
            *(word for size in each for word in ("--batch-sizes", size)),
        ],
        "drawing": {
            "title": "Scaling", "shape": "curves", "across": "ranks", "along": batch, "figures": _FIGURES[:1],
            "logarithmic": True, "ideal": True, "headings": _SHARES, "shares": list(_SHARES),
            "headline": ["parallel efficiency", "time per epoch"],
        },
    }  # fmt: skip


def upgrade_repeat(document: Document) -> dict[str, Any]:
    """Return a repeat of version 1 as one of version 2; one of version 2 is returned as it is."""
    samples = document.get("samples", {})
    if not isinstance(samples, Mapping) or not _all_mappings([*samples.values()]):
        return dict(document)
    upgraded = {**document, "samples": [], "curves": list(_curves(samples))}
    hidden = {}
    for name, rest in samples.items():
        kind, _, figure = name.partition("/")
        if kind == "withheld":
            hidden[figure] = next(iter(rest.get("values") or ()), None)
        elif not _is_curve(name):
            upgraded["samples"].append({**_identity(name), **rest})
    for part in ("metrics", "gates", "comparisons"):
        if _all_mappings(document.get(part)):
            upgraded[part] = [{**rest, **_identity(rest.get("name"))} for rest in document[part]]
    if hidden and _all_mappings(document.get("metrics")):
        for old, new in zip(document["metrics"], upgraded["metrics"], strict=True):
            new["withheld"] = hidden.get(old.get("name"))
    for comparison in upgraded.get("comparisons") or () if _all_mappings(document.get("comparisons")) else ():
        if isinstance(comparison.get("terms"), str):
            comparison["terms"] = Terms.parse(comparison["terms"]).model_dump()
    return upgraded


def _identity(name: Any) -> dict[str, Any]:
    """Return name and labels of what version 1 called by one name."""
    if isinstance(name, str) and (found := _POINT.fullmatch(name)):
        batch = _BATCH[found["each"] is not None]
        labels = {"case": found["case"], batch: int(found["batch"]), "ranks": int(found["ranks"])}
        return {"name": found["name"], "labels": labels}
    if isinstance(name, str) and (known := former_identity(name)):
        return {"name": known[0], "labels": known[1]}
    return {"name": name, "labels": {}}


def event_key(event: Document) -> Key:
    """Return the identity of what an event of a journal recorded, also of one that an earlier version wrote."""
    found = event if "labels" in event else _identity(event.get("name"))
    return Key.of(str(found["name"]), found["labels"])


def _all_mappings(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(each, Mapping) for each in values)


def _is_curve(name: str) -> bool:
    return re.fullmatch(r"curve/[^/]+/.+", name) is not None


def _curves(samples: Mapping[str, Document]) -> Iterator[dict[str, Any]]:
    for name, rest in samples.items():
        if not _is_curve(name) or name.endswith("/x"):
            continue
        _, plot, series = name.split("/", 2)
        y = list(rest.get("values") or ())
        along = samples.get(f"curve/{plot}/x", {})
        x, unit = list(along.get("values") or ()), along.get("unit")
        if len(x) != len(y):  # the report drew these evenly, for want of an x of their own
            x, unit = [float(number) for number in range(1, len(y) + 1)], "number of the sample"
        yield {
            "name": plot,
            "labels": {"series": series},
            "x": x,
            "y": y,
            "x_name": unit,
            "x_unit": unit,
            "unit": rest.get("unit"),
        }
