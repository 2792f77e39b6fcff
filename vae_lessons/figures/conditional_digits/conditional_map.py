"""What a conditional VAE makes of one position in all of its classes, and where test codes lie."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from vae_lessons.data import ImageData
from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.models import Classifier, ConditionalVAE
from vae_lessons.probability.gaussian import kl_per_dimension

N_CODES = 400
N_SETS, SEED = 12, 0


@dataclass(frozen=True)
class ConditionalMap:
    """A conditional VAE with an independent classifier, and a plane of its two most used latent dimensions.

    A position ε stands for the code z = mu_c + σ_c ε of class c, where N(mu_c, diag σ_c²) is the prior p(z | c). Where
    the prior is N(0, I) for all classes, ε is z.

    Attributes
    ----------
    model, classifier
        Copies on the CPU.
    axes : list of int
        The two latent dimensions with the largest KL, which the plane shows, the larger first.
    mu, logvar : Tensor
        (C, K), of p(z | c).
    codes, labels : Tensor
        (N, 2) and (N,): ε of test images on the plane, from the mean of q(z | x, c), and their classes.
    sets : Tensor
        (N_SETS, K), what ε is in the other dimensions: 0, then draws from N(0, I).
    """

    model: ConditionalVAE
    classifier: Classifier
    axes: list[int]
    mu: Tensor
    logvar: Tensor
    codes: Tensor
    labels: Tensor
    sets: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: ConditionalVAE, classifier: Classifier, data: ImageData) -> "ConditionalMap":
        """Encode the test images of `data`, each with its own class."""
        model, classifier = (copy.deepcopy(network).cpu().float() for network in (model, classifier))
        x, labels = data.test.cpu(), data.test_labels.cpu()
        prior = model.prior(torch.arange(model.condition_dim))
        mu, logvar = model.encode(x, labels)
        eps = (mu - prior.mu[labels]) * torch.exp(-0.5 * prior.logvar[labels])
        kl = kl_per_dimension(eps, logvar - prior.logvar[labels]).mean(dim=0)
        axes = kl.topk(2).indices.tolist()
        shown = torch.linspace(0, len(x) - 1, min(N_CODES, len(x))).round().long()
        sets = torch.randn(N_SETS, model.latent_dim, generator=Generator().manual_seed(SEED))
        sets[0] = 0
        return cls(model, classifier, axes, prior.mu, prior.logvar, eps[shown][:, axes], labels[shown], sets)

    def position(self, across: float, up: float, draws: int) -> Tensor:
        """Make ε, (K,), of a place on the plane and the number of a set."""
        eps = self.sets[draws % N_SETS].double()
        eps[self.axes] = torch.tensor([across, up], dtype=torch.float64)
        return eps

    @torch.no_grad()
    def decode(self, eps: Tensor) -> Tensor:
        """Decode one ε, (K,), in every class: (C, H, W)."""
        z = self.mu + torch.exp(0.5 * self.logvar) * eps.float()
        return self.model.decode(z, torch.arange(len(z)))

    def describe(self) -> dict[str, Any]:
        """Describe it for JSON, the networks apart."""
        floats = {"mu": self.mu, "sd": torch.exp(0.5 * self.logvar), "codes": self.codes, "sets": self.sets}
        packed = {name: pack_floats(values) for name, values in floats.items()}
        return {"axes": self.axes, "labels": self.labels.tolist(), "shape": list(self.model.image_shape), **packed}
