"""Replicas side by side: workers of one core each, what travels to them and back, and how they are started."""
