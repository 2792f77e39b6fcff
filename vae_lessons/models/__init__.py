"""The models. Each has `loss`, which gives one value per image; `fit` averages it."""

from vae_lessons.models.autoencoder import Autoencoder
from vae_lessons.models.beta_vae import BetaVAE
from vae_lessons.models.block_vae import BlockVAE
from vae_lessons.models.classifier import Classifier
from vae_lessons.models.code_prior import CodePrior
from vae_lessons.models.conditional_vae import ConditionalVAE
from vae_lessons.models.diffusion import Diffusion
from vae_lessons.models.graph_vae import Bilinear, GraphVAE, InnerProduct
from vae_lessons.models.iwae import IWAE
from vae_lessons.models.ladder_vae import LadderVAE
from vae_lessons.models.layers import mlp
from vae_lessons.models.linear_gaussian import LinearGaussian
from vae_lessons.models.mixture_density import MixtureDensityNetwork
from vae_lessons.models.mixture_prior import MixturePrior
from vae_lessons.models.vae import VAE
from vae_lessons.models.vq_vae import VQVAE

__all__ = [
    "IWAE",
    "VAE",
    "VQVAE",
    "Autoencoder",
    "BetaVAE",
    "Bilinear",
    "BlockVAE",
    "Classifier",
    "CodePrior",
    "ConditionalVAE",
    "Diffusion",
    "GraphVAE",
    "InnerProduct",
    "LadderVAE",
    "LinearGaussian",
    "MixtureDensityNetwork",
    "MixturePrior",
    "mlp",
]
