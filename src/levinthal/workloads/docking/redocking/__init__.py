"""One ligand docked by every search on one clock: the runs, what they are worth, and what is shown of them."""
