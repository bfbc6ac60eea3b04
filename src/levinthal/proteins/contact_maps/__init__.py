"""Contact maps: bit-packed, exact, and their files."""
