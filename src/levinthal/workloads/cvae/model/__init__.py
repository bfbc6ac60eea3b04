"""The convolutional variational autoencoder, its precisions and implementations."""
