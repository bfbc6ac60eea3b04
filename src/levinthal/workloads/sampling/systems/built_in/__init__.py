"""The systems that `system=` names, one module each."""
