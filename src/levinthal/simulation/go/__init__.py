"""Structure-based (Go) models of one bead a residue."""
