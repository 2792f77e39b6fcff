"""Latent spaces to move in: a live figure."""
