"""Who decides what a walker does next."""
