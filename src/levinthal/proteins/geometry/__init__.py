"""Backbone geometry, both ways, and distances within chains."""
