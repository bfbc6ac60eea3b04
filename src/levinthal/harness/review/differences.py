"""What else differs between two results and may be the cause of a difference in their figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from levinthal.harness.results.result import Result
from levinthal.metrics.description import Machine, Software


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
    warned_a, warned_b = ([warning for repeat in each.repeats for warning in repeat.warnings] for each in (a, b))
    for side, said, other in (("A", warned_a, warned_b), ("B", warned_b, warned_a)):
        warnings += [f"input of {side} alone: {each}" for each in dict.fromkeys(said) if each not in other]
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
        f"setting {key}: {_shown(flat_a, key)} against {_shown(flat_b, key)}" for key in settings_that_differ(a, b)
    ]
    for label in ("device", "precision", "implementation"):
        used_a, used_b = ({getattr(repeat, label) for repeat in result.repeats} - {None} for result in (a, b))
        if used_a != used_b and used_a and used_b:
            warnings.append(f"{label}: {', '.join(sorted(used_a))} against {', '.join(sorted(used_b))}")
    warnings += _machine_warnings(a.machine, b.machine)
    return warnings + _unlike("software", _versions(a.software), _versions(b.software))


def settings_that_differ(a: Result, b: Result) -> list[str]:
    """Return the keys of settings, `outer.inner` where they are nested, that have other values in two results."""
    flat_a, flat_b = _flat(a.settings), _flat(b.settings)
    return [key for key in sorted({*flat_a, *flat_b}) if flat_a.get(key) != flat_b.get(key)]


def _unlike(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> list[str]:
    return [f"{what}: {name} {a[name]} against {b[name]}" for name in a if a[name] != b[name]]


def _versions(software: Software) -> dict[str, str]:
    versions = {name: software.packages.get(name) for name in ("torch", "openmm", "numpy")}
    versions |= {"python": software.python, "levinthal": software.levinthal}
    return {**{name: str(version) for name, version in versions.items()},
            "the code of levinthal": str(software.code_sha256)[:12]}  # fmt: skip


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


def _machine_warnings(a: Machine, b: Machine) -> list[str]:
    warnings = _unlike("another machine", _facts(a), _facts(b))
    sizes = [machine.memory.total_bytes for machine in (a, b) if machine.memory.total_bytes is not None]
    # Like machines differ by what their firmware keeps, some per mille.
    if len(sizes) == 2 and max(sizes) > 1.05 * min(sizes):
        warnings.append(f"another machine: memory {' against '.join(f'{size / 1024**3:.0f} GiB' for size in sizes)}")
    return warnings


def _facts(machine: Machine) -> dict[str, object]:
    return {
        "CPU": machine.cpu.model,
        "cores": machine.cpu.cores,
        "processors allowed": machine.limits.affinity_cpus,
        "CPU quota": machine.limits.cpu_quota,
        "hypervisor": machine.system.hypervisor,
        "GPU": ", ".join(gpu.name for gpu in machine.gpus) or "none",
    }
