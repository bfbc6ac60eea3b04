"""What a study reports: metrics, figures, structures."""
