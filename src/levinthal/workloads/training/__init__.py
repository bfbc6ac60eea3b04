"""What the trainings of all workloads share: checkpoints, ranks, determinism, the allocator, and what is reported."""
