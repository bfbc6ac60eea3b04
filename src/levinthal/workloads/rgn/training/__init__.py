"""How the network is trained, alone or over ranks, and goes on after a kill."""
