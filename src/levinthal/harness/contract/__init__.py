"""What a workload is, and what it is handed."""
