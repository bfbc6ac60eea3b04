"""Ramble: Levinthal as an application definition.

Add the repository with `ramble repo add examples/centres/ramble`, name the workload in `ramble.yaml` (one is there),
then `ramble workspace setup && ramble on && ramble workspace analyze`.
"""

from ramble.appkit import *  # noqa: F403


class Levinthal(ExecutableApplication):
    """How fast, how right and at what cost machine learning runs beside molecular simulation."""

    name = "levinthal"
    tags("benchmark-app", "ai", "molecular-dynamics")

    executable(
        "run",
        "levinthal run {workload_name} --size {size} --repeats {repeats} --seed {seed} --engine {engine} "
        "--out {experiment_run_dir}/run",
        use_mpi=False,
    )
    executable("check", "levinthal check {experiment_run_dir}/run", use_mpi=False)
    executable("merit", "levinthal fom {experiment_run_dir}/run", use_mpi=False)

    _WORKLOADS = ("cvae", "rgn", "sampling", "docking", "potential", "discovery")
    for _name in _WORKLOADS:
        workload(_name, executables=["run", "check", "merit"])

    workload_variable("size", default="tiny", description="tiny, small or paper", workloads=_WORKLOADS)
    workload_variable("repeats", default="1", description="Fresh processes", workloads=_WORKLOADS)
    workload_variable("seed", default="0", description="Of the first repeat", workloads=_WORKLOADS)
    workload_variable("engine", default="local", description="Where tasks run", workloads=_WORKLOADS)

    figure_of_merit(
        "{figure}",
        fom_regex=r"^FOM (?P<figure>[\w.-]+) = (?P<value>[-+.\deE]*\d) (?P<unit>\S+) gates=passed$",
        group_name="value",
        units="{unit}",
        log_file="{log_file}",
        contexts=["figure"],
    )
    figure_of_merit_context("figure", regex=r"^FOM (?P<figure>[\w.-]+) = ", output_format="{figure}")

    success_criteria("gates", mode="string", match=r"^[\w-]+: passed, .*result\.json$", file="{log_file}")
