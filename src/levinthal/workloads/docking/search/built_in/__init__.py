"""The searches that come with the package: one module each, found by its name; nothing else mentions it."""
