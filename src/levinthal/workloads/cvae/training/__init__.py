"""How the model is trained, alone or over ranks, and goes on after a kill."""
