"""Files of version 1 of the format, turned into version 2 before they are checked and typed.

In version 1 what a figure is of stood in its name, curves were samples called `curve/PLOT/SERIES`, values withheld
samples called `withheld/NAME`, the terms of a comparison a text, and machine and software any mapping. Names that the
four workloads and scaling studies wrote are taken apart, so that an old result compares with a new one; others stay as
they are, without labels. Keys of a machine that version 2 does not have are dropped.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from levinthal.harness.results.figures import Terms
from levinthal.harness.results.former_names import former_identity
from levinthal.harness.results.labels import Key
from levinthal.metrics.description import Machine, Peaks, Software

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
    upgraded = {**_with_study(document), "schema": 2} | _place(document)
    workload = document.get("workload")
    workload = workload.get("name") if isinstance(workload, Mapping) else None
    if _all_mappings(document.get("repeats")):
        upgraded["repeats"] = [upgrade_repeat(repeat, workload) for repeat in document["repeats"]]
    if isinstance(document.get("summary"), Mapping) and _all_mappings([*document["summary"].values()]):
        upgraded["summary"] = [{**_identity(name, workload), **rest} for name, rest in document["summary"].items()]
    return upgraded


def upgrade_plan(document: Document) -> dict[str, Any]:
    """Return a plan of version 1 as one of version 2; one of version 2 is returned as it is."""
    return (
        {**_with_study(document), "schema_": 2} | _place(document) if document.get("schema_") == 1 else dict(document)
    )


def _with_study(document: Document) -> dict[str, Any]:
    """Return a plan or a result with what a scaling study varied as a study."""
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


def upgrade_repeat(document: Document, workload: str | None) -> dict[str, Any]:
    """Return a repeat of version 1 of a workload as one of version 2; one of version 2 is returned as it is."""
    samples = document.get("samples")
    if not isinstance(samples, Mapping) or not _all_mappings([*samples.values()]):
        return dict(document)
    upgraded = {**document, "samples": [], "curves": list(_curves(samples, workload))}
    for name, rest in samples.items():
        if not name.startswith("withheld/") and not _is_curve(name):
            upgraded["samples"].append({**_identity(name, workload), **rest})
    for part in ("metrics", "gates", "comparisons"):
        if _all_mappings(document.get(part)):
            upgraded[part] = [_upgrade_record(record, samples, workload) for record in document[part]]
    if isinstance(document.get("peaks"), Mapping):
        upgraded["peaks"] = _known(Peaks, document["peaks"])
    return upgraded


def event_key(event: Document, workload: str | None) -> Key:
    """Return the identity of what an event of a journal recorded, also of one that an earlier version wrote."""
    found = event if "labels" in event else _identity(event.get("name"), workload)
    return Key.of(str(found["name"]), found["labels"])


def known_machine(document: object) -> Machine:
    """Return the machine that a journal of any version describes, as far as it can be read."""
    try:
        return Machine.model_validate(_known(Machine, document or {}))
    except ValidationError:
        return Machine()


def _identity(name: Any, workload: str | None) -> dict[str, Any]:
    """Return name and labels of what version 1 called by one name."""
    if isinstance(name, str) and (found := _POINT.fullmatch(name)):
        batch = _BATCH[found["each"] is not None]
        labels = {"case": found["case"], batch: int(found["batch"]), "ranks": int(found["ranks"])}
        return {"name": found["name"], "labels": labels}
    if isinstance(name, str) and (known := former_identity(name, workload)):
        return {"name": known[0], "labels": known[1]}
    return {"name": name, "labels": {}}


def _place(document: Document) -> dict[str, Any]:
    """Return machine and software of version 2."""
    place: dict[str, Any] = {}
    if isinstance(document.get("machine"), Mapping):
        place["machine"] = _known(Machine, document["machine"])
    if isinstance(versions := document.get("software"), Mapping):
        own = {key: versions[key] for key in Software.model_fields if key in versions}
        packages = {key: value for key, value in versions.items() if key not in own and isinstance(value, str | None)}
        place["software"] = {"packages": packages, **own}
    return place


def _known(model: type[BaseModel], document: Any) -> Any:
    """Return a document without the keys, at any depth, that its model does not have."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        document = copy.deepcopy(document)
        for each in error.errors(include_url=False):
            if each["type"] == "extra_forbidden":
                *path, key = each["loc"]
                part = document
                for step in path:
                    part = part[step]
                del part[key]
    return document


def _upgrade_record(record: Document, samples: Mapping[str, Document], workload: str | None) -> dict[str, Any]:
    """Return a metric, gate or comparison of version 2."""
    name = record.get("name")
    upgraded = {**record, **_identity(name, workload)}
    if hidden := samples.get(f"withheld/{name}"):
        upgraded["withheld"] = next(iter(hidden.get("values") or ()), None)
    if isinstance(record.get("terms"), str):
        upgraded["terms"] = Terms.parse(record["terms"]).model_dump()
    return upgraded


def _all_mappings(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(isinstance(each, Mapping) for each in values)


def _is_curve(name: str) -> bool:
    return re.fullmatch(r"curve/[^/]+/.+", name) is not None


def _curves(samples: Mapping[str, Document], workload: str | None) -> Iterator[dict[str, Any]]:
    for name, rest in samples.items():
        if not _is_curve(name) or name.endswith("/x"):
            continue
        _, plot, _ = name.split("/", 2)
        y = list(rest.get("values") or ())
        along = samples.get(f"curve/{plot}/x", {})
        x, unit = list(along.get("values") or ()), along.get("unit")
        if len(x) != len(y):  # the report drew these evenly, for want of an x of their own
            x, unit = [float(number) for number in range(1, len(y) + 1)], "number of the sample"
        yield {**_identity(name, workload), "x": x, "y": y, "x_name": unit, "x_unit": unit, "unit": rest.get("unit")}
