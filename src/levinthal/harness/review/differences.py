"""What else differs between two results and may be the cause of a difference in their figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levinthal.harness.results.result import Result

__all__ = ["differences"]


def differences(a: Result, b: Result) -> list[str]:
    """Return a line for each fact, other than the metrics, in which two results of one workload differ.

    Parameters
    ----------
    a, b : Result
        The results; a failed verdict of either is reported too.
    """
    warnings = []
    for side, result in (("A", a), ("B", b)):
        missed = sum(repeat.verdict != "passed" for repeat in result.repeats)
        if result.verdict != "passed":
            warnings.append(f"{side} failed: {missed} of {len(result.repeats)} repeats do not count")
    if a.dataset.synthetic != b.dataset.synthetic:
        kinds = ("synthetic", "real") if a.dataset.synthetic else ("real", "synthetic")
        warnings.append(f"data: A is {kinds[0]}, B is {kinds[1]}")
    if (a.dataset.name, a.dataset.version) != (b.dataset.name, b.dataset.version):
        warnings.append(f"data: {a.dataset.name} {a.dataset.version} against {b.dataset.name} {b.dataset.version}")
    if a.size != b.size:
        warnings.append(f"size: {a.size} against {b.size}")
    if a.division != b.division:
        warnings.append(f"division: {a.division} against {b.division}")
    flat_a, flat_b = _flat(a.settings), _flat(b.settings)
    warnings += [
        f"setting {key}: {_shown(flat_a, key)} against {_shown(flat_b, key)}"
        for key in sorted({*flat_a, *flat_b})
        if flat_a.get(key) != flat_b.get(key)
    ]
    for label in ("device", "precision", "implementation"):
        used_a, used_b = ({getattr(repeat, label) for repeat in result.repeats} - {None} for result in (a, b))
        if used_a != used_b and used_a and used_b:
            warnings.append(f"{label}: {', '.join(sorted(used_a))} against {', '.join(sorted(used_b))}")
    warnings += _machine_warnings(a.machine, b.machine)
    for key in ("torch", "openmm", "numpy", "python", "levinthal", "code_sha256"):
        old, new = a.software.get(key), b.software.get(key)
        if old != new:
            name = "the code of levinthal" if key == "code_sha256" else key
            change = f"{str(old)[:12]} against {str(new)[:12]}" if key == "code_sha256" else f"{old} against {new}"
            warnings.append(f"software: {name} {change}")
    return warnings


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return flat


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "not set"


def _fact(machine: Mapping[str, Any], section: str, key: str) -> object:
    part = machine.get(section)
    return part.get(key) if isinstance(part, Mapping) else None


def _machine_warnings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    warnings = []
    for section, key, name in (
        ("cpu", "model", "CPU"),
        ("cpu", "cores", "cores"),
        ("limits", "affinity_cpus", "processors allowed"),
        ("limits", "cpu_quota", "CPU quota"),
        ("system", "hypervisor", "hypervisor"),
    ):
        old, new = _fact(a, section, key), _fact(b, section, key)
        if old != new:
            warnings.append(f"another machine: {name} {old} against {new}")
    gpus = [", ".join(str(gpu.get("name")) for gpu in machine.get("gpus") or ()) or "none" for machine in (a, b)]
    if gpus[0] != gpus[1]:
        warnings.append(f"another machine: GPU {gpus[0]} against {gpus[1]}")
    memory = [_fact(machine, "memory", "total_bytes") for machine in (a, b)]
    # Like machines differ by what their firmware keeps, some per mille.
    if all(isinstance(size, int | float) for size in memory):
        low, high = sorted(float(size) for size in memory)  # type: ignore[arg-type]
        if high > 1.05 * low:
            sizes = " against ".join(f"{float(size) / 1024**3:.0f} GiB" for size in memory)  # type: ignore[arg-type]
            warnings.append(f"another machine: memory {sizes}")
    return warnings
