"""Teachers: whatever gives energies and forces that are worth learning."""
