"""Libraries of ligands, screened and ranked."""
