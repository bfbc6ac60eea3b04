"""ReFrame: a Levinthal workload as a performance test; its figures of merit are the performance variables.

    reframe -c examples/centres/reframe/levinthal_check.py -r                                  # the local machine
    reframe -C site.py -c examples/centres/reframe/levinthal_check.py --system daint:gpu -S size=paper -r

`levinthal` must be on the path of the nodes: give `-S modules=...` or an environment of your site's.
References go into `reference` of your own subclass, or into `-S`; ReFrame keeps every value in its performance log.
"""

import reframe as rfm
import reframe.utility.sanity as sn
import reframe.utility.typecheck as typ

FIGURE = r"^FOM (?P<name>[\w.-]+) = (?P<value>[-+.\deE]*\d) (?P<unit>\S+) gates=passed$"


@rfm.simple_test
class LevinthalCheck(rfm.RunOnlyRegressionTest):
    """Run a workload, let its result be checked, and read its figures of merit."""

    workload = parameter(["cvae", "rgn", "sampling", "docking", "potential", "discovery"])
    size = variable(str, value="tiny")
    repeats = variable(int, value=1)
    engine = variable(str, value="local")
    settings = variable(typ.List[str], value=[])

    descr = "Machine learning beside molecular simulation"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "levinthal"
    time_limit = "4h"
    tags = {"levinthal"}

    @run_before("run")
    def _command(self):
        """Write the command line; `check` and `fom` follow in the same job."""
        words = ["run", self.workload, "--size", self.size, "--repeats", str(self.repeats), "--engine", self.engine]
        for assignment in self.settings:
            words += ["--set", f"'{assignment}'"]
        self.executable_opts = [*words, "--out", "run"]
        self.postrun_cmds = ["levinthal check run", "levinthal fom run"]

    @sanity_function
    def _gates_are_passed(self):
        """Ask that the run passed and measured a figure: a fast wrong program has no speed."""
        passed = rf"^{self.workload} {self.size} .*: passed, "
        return sn.all(
            [
                sn.assert_found(passed, self.stdout, "a gate was missed, see the job's output"),
                sn.assert_found(FIGURE, self.stdout, "no figure of merit was measured"),
            ]
        )

    @run_before("performance")
    def _figures_of_merit(self):
        """Make a performance variable of each line that begins with FOM and has a value."""
        output = f"{self.stagedir}/{sn.evaluate(self.stdout)}"  # here ReFrame is not in the folder of the job
        found = sn.extractall(FIGURE, output, ("name", "value", "unit"), (str, float, str)).evaluate()
        self.perf_variables = {
            name: sn.make_performance_function(sn.defer(value), unit) for name, value, unit in found if name != "suite"
        }
