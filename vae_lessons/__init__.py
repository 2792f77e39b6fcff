"""Variational autoencoders from the loss up: the helper package of the course.

One folder for each thing, each importing only from those above it: `probability`, `data`, `inference`, `models`,
`training`, `evaluation`, `figures`. What the lessons use most can be imported from here.
"""

from vae_lessons.data import ImageData, TensorData, load_images
from vae_lessons.inference import elbo
from vae_lessons.models import VAE, Autoencoder, Classifier
from vae_lessons.notebook import explore
from vae_lessons.probability import Bernoulli, ContinuousBernoulli, Gaussian
from vae_lessons.training import History, fit, fit_or_load, mnist_epochs

__all__ = [
    "VAE",
    "Autoencoder",
    "Bernoulli",
    "Classifier",
    "ContinuousBernoulli",
    "Gaussian",
    "History",
    "ImageData",
    "TensorData",
    "elbo",
    "explore",
    "fit",
    "fit_or_load",
    "load_images",
    "mnist_epochs",
]
