"""A prior p(z) that is learned: a mixture of Gaussians."""

import torch
from torch import Generator, Tensor, nn

from vae_lessons.models.layers import positive_ints
from vae_lessons.probability.distributions import DiagonalGaussian, GaussianMixture
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_generator


class MixturePrior(nn.Module):
    """p(z) = sum_c π_c N(z; mu_c, diag σ_c²), with π, mu_c and σ_c learned.

    `vae.prior = MixturePrior(vae.latent_dim, 20)` makes it the prior of a model, which all bounds and `vae.sample` use
    from then on. Trained with the model it is a part of it. To fit it afterwards, with all else as it is, give `fit`
    the posteriors: `fit(prior, TensorData("posteriors", train=(mu, logvar), test=...))`.

    Source: Tomczak and Welling (2018), who compare it with other priors.

    Parameters
    ----------
    latent_dim : int
        K.
    n_components : int
        C.
    generator : Generator, optional
        Source of the means at the start, which are drawn from N(0, I); PyTorch's own by default. The deviations start
        at 1 and the shares at 1 / C.

    Raises
    ------
    ValueError
        For numbers that are not positive and whole.
    TypeError
        For what is not a generator.
    """

    def __init__(self, latent_dim: int, n_components: int, generator: Generator | None = None) -> None:
        super().__init__()
        (self.latent_dim,) = positive_ints("latent_dim", [latent_dim])
        (self.n_components,) = positive_ints("n_components", [n_components])
        check_generator(generator)
        size = self.n_components, self.latent_dim
        self.logits = nn.Parameter(torch.zeros(self.n_components))
        self.mu = nn.Parameter(noise(torch.randn, size, torch.empty(0), generator))
        self.logvar = nn.Parameter(torch.zeros(size))

    def forward(self) -> GaussianMixture:
        """Give p(z), with one row for all images."""
        return GaussianMixture(self.logits[None], self.mu[None], self.logvar[None])

    def loss(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """Compute -log p(z), (B,), nats, at one draw z of each posterior N(mu, diag σ²), (B, K) each.

        This is all that depends on the prior in -ELBO, so that its minimum over priors is that of -ELBO.
        """
        z = DiagonalGaussian(mu, logvar).sample()
        return -self().log_prob(z)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"latent_dim={self.latent_dim}, n_components={self.n_components}"
