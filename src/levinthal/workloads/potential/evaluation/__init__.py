"""What a student is worth: errors, failures, drift, populations, speed."""
