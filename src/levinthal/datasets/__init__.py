"""Named, versioned, checksummed data sets."""
