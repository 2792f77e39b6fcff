"""What is measured once on each model of a sweep over β."""

import copy
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_lessons.data import ImageData
from vae_lessons.evaluation.metrics import active_units
from vae_lessons.figures.runtime.images import classes_in_turn
from vae_lessons.inference import elbo
from vae_lessons.models import VAE
from vae_lessons.probability import gaussian

N_PICTURES = 6
N_CODES = 400
N_DECODED = 10_000  # codes, at least, over which the reconstruction term is a mean
SEED = 0


@dataclass(frozen=True)
class SweepPoint:
    """A model at its β.

    Attributes
    ----------
    beta, rate, distortion : float
        β; the KL term and minus the reconstruction term in nats per image, averaged over the test images.
    active_units : int
        How many latent dimensions depend on the image.
    means, draws : Tensor
        (N, 2): of q(z | x) of some test images the mean, and a draw.
    reconstructions, samples : Tensor
        (N_PICTURES, H, W): of test images, and of draws from the prior.
    """

    beta: float
    rate: float
    distortion: float
    active_units: int
    means: Tensor
    draws: Tensor
    reconstructions: Tensor
    samples: Tensor


@torch.no_grad()
def measure(beta: float, model: VAE, data: ImageData) -> SweepPoint:
    """Measure a model on the test images of `data`, with noise that is the same for every model."""
    model, generator = copy.deepcopy(model).cpu().float(), Generator().manual_seed(SEED)
    terms = elbo(model, data.test, max(1, N_DECODED // len(data.test)), generator)
    mu, logvar = model.encode(data.test)
    shown = shown_codes(data)
    prior = torch.randn(N_PICTURES, 2, generator=Generator().manual_seed(SEED))
    return SweepPoint(
        beta,
        rate=float(terms.kl.double().mean()),
        distortion=float(-terms.reconstruction.double().mean()),
        active_units=int(active_units(mu).sum()),
        means=mu[shown],
        draws=gaussian.reparameterise(mu[shown], logvar[shown], Generator().manual_seed(SEED)),
        reconstructions=model(shown_images(data)),
        samples=model.decode(prior),
    )


def shown_images(data: ImageData) -> Tensor:
    """Return the test images that are reconstructed, the first of each class in turn: (N_PICTURES, H, W)."""
    return data.test[classes_in_turn(data.test_labels)[:N_PICTURES]]


def shown_codes(data: ImageData) -> Tensor:
    """Return indices of the test images whose codes are shown, evenly spaced: (N,)."""
    return torch.linspace(0, len(data.test) - 1, min(N_CODES, len(data.test))).round().long()
