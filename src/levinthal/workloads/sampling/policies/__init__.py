"""Who decides what a slot does next."""
