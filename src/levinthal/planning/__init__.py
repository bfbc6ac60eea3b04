"""Loops of simulation and learning at sizes that are not at hand: discrete events fed with measured times."""
