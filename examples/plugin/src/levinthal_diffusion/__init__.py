"""A plug-in of Levinthal: diffusion of a Langevin particle against exact results, and a sampling policy."""
