"""What can be measured of any program: the machine, its peaks, energy, statistics. Knows nothing of benchmarking."""
