"""Reparameterisation and its gradients: a live figure."""
