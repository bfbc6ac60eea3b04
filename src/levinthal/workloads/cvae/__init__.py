"""The convolutional variational autoencoder on contact maps of molecular dynamics."""
