"""What is sampled, and the observables that sampling is judged by."""
