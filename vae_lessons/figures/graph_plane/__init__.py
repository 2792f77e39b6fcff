"""The latent plane of a graph VAE: a live figure."""
