"""From a sequence or a structure to ranked molecules: the workflow that joins the other workloads."""
