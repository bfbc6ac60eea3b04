"""Where a workload's tasks run: worker processes, the calling thread, Parsl, ranks of a training."""
