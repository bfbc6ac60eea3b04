"""Structures predicted, timed by stage and scored."""
