"""What inference scenarios are measured with: LoadGen in a process of its own, and what it says."""
