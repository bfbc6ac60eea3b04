"""Systems whose populations and passage times are known exactly."""
