"""`levinthal list` and `levinthal settings`: what is installed, and what can be set of a workload."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def list_installed(
    what: Annotated[Literal["workloads", "engines", "studies"], typer.Argument(help="What to list.")] = "workloads",
) -> None:
    """List the installed workloads, the engines, or the kinds of studies with what each can be asked for."""
    if what == "engines":
        from levinthal.harness.engines.open import engine_usages

        for usage, about in engine_usages().items():
            print(f"{usage}\n    {about}")
        return
    if what == "studies":
        from levinthal.harness.study.registry import STUDIES

        for kind in STUDIES.names():
            study = STUDIES.load(kind)
            print(f"{kind}\n    {(study.__doc__ or '').strip().partition(chr(10))[0]}")
            for key, field in study.Options.model_fields.items():
                print(f"    --option {key}={'...' if field.is_required() else field.default}: {field.description}")
        return
    from levinthal.harness.contract.registry import WORKLOADS, load_workload

    for name, point in WORKLOADS.plug_ins().items():
        workload = load_workload(name)
        package = point.dist.name if point.dist is not None else "unknown"
        about = (type(workload).__doc__ or "").strip().partition("\n")[0]
        print(f"{name:<12} version {workload.version}  {package:<12} {about}")


def settings(name: Annotated[str, typer.Argument(help="A workload.")]) -> None:
    """List a workload's settings: key, type, value at each size, and what each means."""
    import shutil

    from levinthal.commands.settings_table import settings_lines
    from levinthal.harness.contract.registry import load_workload

    width = min(max(shutil.get_terminal_size().columns, 80), 120)
    for line in settings_lines(load_workload(name), width):
        print(line)
