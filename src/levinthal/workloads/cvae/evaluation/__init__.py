"""What the model learned: scores, the latent space, figures."""
