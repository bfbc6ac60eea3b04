"""The trained policy: the environment it moves ligands in, the network, its training and its files."""
