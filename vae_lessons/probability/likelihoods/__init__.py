"""The decoder's distribution p(x | z) over images: what a decoder's outputs mean.

Each likelihood has `log_prob`, one value per image, in nats, summed over pixels; `mean`, the image to show; `sample`;
and `from_outputs`, which turns a network's outputs into its parameters. Images and parameters have the same shape, (B,
H, W) or (B, D), and a floating dtype. Pixels are independent given z.
"""

from vae_lessons.probability.likelihoods.base import Likelihood
from vae_lessons.probability.likelihoods.bernoulli import Bernoulli, ContinuousBernoulli
from vae_lessons.probability.likelihoods.discretised import DiscretisedLogistic
from vae_lessons.probability.likelihoods.gaussian import Gaussian, PixelGaussian, RealGaussian

__all__ = [
    "Bernoulli",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "Gaussian",
    "Likelihood",
    "PixelGaussian",
    "RealGaussian",
]
