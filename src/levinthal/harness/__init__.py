"""What a benchmark is: the contract of a workload, what it is handed, what is kept of it.

For those who write a workload: `Workload`, `Settings`, `Run`. For those who read results: `Result`, `load_result`.
"""

from levinthal.harness.result import Result
from levinthal.harness.run import Run
from levinthal.harness.settings import Settings
from levinthal.harness.store import load_result
from levinthal.harness.workload import Workload

__all__ = ["Result", "Run", "Settings", "Workload", "load_result"]
