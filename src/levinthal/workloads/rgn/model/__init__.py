"""The recurrent geometric network."""
