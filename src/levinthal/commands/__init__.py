"""What the command line does: one module a command; nothing here is imported by the rest of the package."""
