"""Named, versioned, checksummed data sets: what runs use, where they come from, whether they are whole."""

from levinthal.datasets.registry import DataSet, Download, data_folder, data_set, data_sets

__all__ = ["DataSet", "Download", "data_folder", "data_set", "data_sets"]
