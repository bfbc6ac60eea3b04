"""What is kept of a run: the file format, its summary, its journal, its plan."""
