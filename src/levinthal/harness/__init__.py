"""What a benchmark is: the contract of a workload, what it is handed, what is kept of it.

For those who write a workload: `Workload`, `Settings`, `Run`; and `Trains`, for scaling studies. For those who read
results: `Result`, `load_result`.
"""

from levinthal.harness.result import Result
from levinthal.harness.run import Run
from levinthal.harness.settings import Settings
from levinthal.harness.store import load_result
from levinthal.harness.trains import Rank, ScalingCase, Trainer, Trains
from levinthal.harness.workload import Workload

__all__ = ["Rank", "Result", "Run", "ScalingCase", "Settings", "Trainer", "Trains", "Workload", "load_result"]
