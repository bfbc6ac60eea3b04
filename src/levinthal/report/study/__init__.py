"""Any study on the page: its points as curves, maps or bars by axis, and a table of their values."""
