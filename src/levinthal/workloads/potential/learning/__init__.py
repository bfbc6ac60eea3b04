"""Labels, training, and the loop that chooses what is labelled next."""
