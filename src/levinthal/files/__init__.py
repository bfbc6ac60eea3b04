"""Files of any part of the package: written whole or not at all, checksums, paths that stay inside a folder."""
