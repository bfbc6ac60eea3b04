"""The kinds of studies that are built in: one module each."""
