"""How a run is executed: the coordinator, and the process of one repeat."""
