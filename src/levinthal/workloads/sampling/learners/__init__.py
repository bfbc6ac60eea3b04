"""What places frames in a space of few dimensions."""
