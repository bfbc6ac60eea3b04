"""Frames, and the contact maps that the model is trained on."""
