"""Measurements of models and their latent spaces, the tables that compare them, and the figures that show them."""
