"""The programs under test, one folder each, found by the harness through the entry point `levinthal.workloads`."""
