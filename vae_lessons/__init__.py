"""Variational autoencoders from the loss up: the helper package of the course.

A room for each thing; CONTRIBUTING.md lists them in the order in which they build on one another.
What the lessons use most can be imported from here.
"""

from vae_lessons.bounds import elbo
from vae_lessons.cache import fit_or_load
from vae_lessons.choices import mnist_epochs
from vae_lessons.data import ImageData, load_images
from vae_lessons.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian
from vae_lessons.live import explore
from vae_lessons.models import VAE, Autoencoder, Classifier
from vae_lessons.runs import History
from vae_lessons.training import fit

__all__ = [
    "VAE",
    "Autoencoder",
    "Bernoulli",
    "Classifier",
    "ContinuousBernoulli",
    "Gaussian",
    "History",
    "ImageData",
    "elbo",
    "explore",
    "fit",
    "fit_or_load",
    "load_images",
    "mnist_epochs",
]
