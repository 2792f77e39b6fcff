"""Diagrams: what is connected with what, drawn as SVG that follows the page into dark mode and onto a phone."""

from vae_lessons.diagrams.networks import autoencoder_diagram, vae_diagram
from vae_lessons.diagrams.probability import graphical_model_diagram, reparameterisation_diagram

__all__ = ["autoencoder_diagram", "graphical_model_diagram", "reparameterisation_diagram", "vae_diagram"]
