"""Benchpark: Levinthal as an experiment over Ramble's application of the same name.

Copy this folder to `experiments/` of Benchpark and `../../ramble/applications/levinthal` to its `repo/`; then
`benchpark experiment init --dest=levinthal SYSTEM levinthal workload=cvae size=small`.
"""

from benchpark.directives import variant
from benchpark.experiment import Experiment


class Levinthal(Experiment):
    """A workload of Levinthal at one size on one node."""

    variant("workload", default="cvae", values=("cvae", "rgn", "sampling", "docking", "potential", "discovery"),
            description="what is run")  # fmt: skip
    variant("size", default="tiny", values=("tiny", "small", "paper"), description="how much of it")
    variant("repeats", default="1", values=int, description="fresh processes")

    def compute_applications_section(self) -> None:
        """Hand the variants on as Ramble's variables."""
        self.add_experiment_variable("n_nodes", 1)
        self.add_experiment_variable("n_ranks", 1)
        self.add_experiment_variable("size", self.spec.variants["size"][0])
        self.add_experiment_variable("repeats", self.spec.variants["repeats"][0])

    def compute_package_section(self) -> None:
        """Ask for nothing: `levinthal` is an installed Python package, no package of Spack's."""
