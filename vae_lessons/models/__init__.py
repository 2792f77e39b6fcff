"""The models. Each has `loss`, which gives one value per image; `fit` averages it."""

from vae_lessons.models.autoencoder import Autoencoder
from vae_lessons.models.beta_vae import BetaVAE
from vae_lessons.models.classifier import Classifier
from vae_lessons.models.conditional_vae import ConditionalVAE
from vae_lessons.models.diffusion import Diffusion
from vae_lessons.models.iwae import IWAE
from vae_lessons.models.layers import mlp
from vae_lessons.models.linear_gaussian import LinearGaussian
from vae_lessons.models.mixture_density import MixtureDensityNetwork
from vae_lessons.models.mixture_prior import MixturePrior
from vae_lessons.models.vae import VAE

__all__ = [
    "IWAE",
    "VAE",
    "Autoencoder",
    "BetaVAE",
    "Classifier",
    "ConditionalVAE",
    "Diffusion",
    "LinearGaussian",
    "MixtureDensityNetwork",
    "MixturePrior",
    "mlp",
]
