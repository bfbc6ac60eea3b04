"""Arrays and maths of proteins: contact maps, similarity, secondary structure. Knows nothing of benchmarking."""
