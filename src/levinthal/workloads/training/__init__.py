"""What the trainings of all workloads share."""
