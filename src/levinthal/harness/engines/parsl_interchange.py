"""Parsl's interchange as a process that ends with the one that started it: `python -m` and this module's name.

Parsl's own program outlives a coordinator that was killed, and with it its workers. This one is also found where the
environment was not activated, so that `interchange.py` is not on PATH.
"""

from __future__ import annotations

import runpy

from levinthal.harness.engines.processes import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
