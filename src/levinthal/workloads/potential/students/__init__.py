"""Students: networks that learn energies and forces."""
