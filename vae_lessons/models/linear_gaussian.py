"""The linear-Gaussian model, whose evidence, posterior and ELBO have closed forms for any K.

    z ~ N(0, I_K),   x | z ~ N(W z + b, σ_x² I_D)

Fitted to data it is probabilistic PCA (Tipping and Bishop, 1999).
"""

import math

import torch
from torch import Generator, Tensor
from torch.distributions import LowRankMultivariateNormal

from vae_lessons.inference import Elbo
from vae_lessons.probability import gaussian
from vae_lessons.probability.noise import noise
from vae_lessons.validation import (
    check_finite,
    check_floating,
    check_int,
    check_positive,
    check_rows,
    check_same_length,
    check_tensors,
)


class LinearGaussian:
    """A `LatentVariableModel` whose decoder is W z + b, with noise of one σ_x for all pixels.

    Parameters
    ----------
    weight : Tensor, (D, K)
        W.
    bias : Tensor, with D pixels in any shape
        b, the mean image.
    sigma : float
        σ_x, the standard deviation of a pixel given z.

    Raises
    ------
    ValueError
        For shapes and dtypes that do not fit, a sigma that is not positive, and what is not finite.
    TypeError
        For what is not a tensor.
    """

    def __init__(self, weight: Tensor, bias: Tensor, sigma: float) -> None:
        check_tensors(weight=weight, bias=bias)
        if weight.dim() != 2 or bias.numel() != len(weight):
            raise ValueError(
                f"weight must be (D, K) and bias have D pixels, got {tuple(weight.shape)} and {tuple(bias.shape)}"
            )
        if weight.dtype != bias.dtype or not weight.is_floating_point():
            raise ValueError(f"weight and bias must be of one floating dtype, got {weight.dtype} and {bias.dtype}")
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise ValueError("weight and bias must be finite")
        self.weight, self.bias, self.sigma = weight, bias, check_positive("sigma", sigma)

    @classmethod
    def fit(cls, images: Tensor, latent_dim: int) -> "LinearGaussian":
        """Fit the maximum-likelihood model to images (M, ...), in closed form.

        W = U_K (Λ_K - σ_x² I)^½ with the K largest eigenvalues Λ of the data covariance and their eigenvectors U; σ_x²
        is the mean of the other eigenvalues. Computed in float64 and returned in the images' dtype.

        Raises ValueError for a `latent_dim` K that is not from 1 to D - 1, for images that are integers or not finite,
        and for images that K directions describe completely, so that no noise is left.
        """
        check_floating(images=images)
        flat = images.flatten(1).double()
        check_finite("images", flat, "image")
        latent_dim = check_int("latent_dim", latent_dim, maximum=flat.shape[1] - 1)
        eigenvalues, eigenvectors = torch.linalg.eigh(torch.cov(flat.T, correction=0))
        variance = eigenvalues[:-latent_dim].mean()
        if variance <= 1e-12 * eigenvalues[-1]:
            raise ValueError(f"{latent_dim} directions describe these images completely: no noise is left to model")
        stretch = (eigenvalues[-latent_dim:] - variance).sqrt()
        weight = (eigenvectors[:, -latent_dim:] * stretch).flip(1)  # largest first
        return cls(weight.to(images), images.mean(dim=0), float(variance.sqrt()))

    @property
    def latent_dim(self) -> int:
        """K, how many dimensions z has."""
        return self.weight.shape[1]

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (B, K) to mean images W z + b, (B, ...)."""
        check_rows("z", z, "codes", (self.latent_dim,), self.weight.dtype)
        return (z @ self.weight.T).view(-1, *self.bias.shape) + self.bias

    def sample(self, n: int, generator: Generator | None = None) -> Tensor:
        """Draw n images (n, ...) from the model, pixel noise included."""
        shape = check_int("n", n, minimum=0), self.latent_dim
        mean = self.decode(noise(torch.randn, shape, self.weight, generator))
        return mean + self.sigma * noise(torch.randn, mean.shape, mean, generator)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Compute log p(x | z), (B,), nats, for images (B, ...) paired with codes (B, K)."""
        flat, mean = self._flat(x), self.decode(z).flatten(1)
        check_same_length(x=x, z=z)
        return gaussian.log_prob(flat, mean, torch.full_like(mean, 2 * math.log(self.sigma)))

    def log_evidence(self, x: Tensor) -> Tensor:
        """Compute log p(x) = log N(x; b, W Wᵀ + σ_x² I) of images (B, ...): (B,), nats."""
        noise = torch.full_like(self.weight[:, 0], self.sigma**2)
        marginal = LowRankMultivariateNormal(self.bias.flatten(), self.weight, noise, validate_args=False)
        return marginal.log_prob(self._flat(x))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute p(z | x) = N(m, S) with S = (I + WᵀW / σ_x²)⁻¹ and m = S Wᵀ(x - b) / σ_x².

        Returns m (B, K) and S (B, K, K), which is the same for all images x (B, ...).
        """
        cov = torch.linalg.inv(self._precision())
        mean = (self._flat(x) - self.bias.flatten()) @ self.weight @ cov / self.sigma**2
        return mean, cov.expand(len(x), -1, -1)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the diagonal Gaussian with the largest ELBO for images (B, ...): mu and logvar, each (B, K).

        Its mean is the posterior's, its variances are 1 over the diagonal of the posterior's precision.
        """
        mean, _ = self.posterior(x)
        return mean, (-self._precision().diagonal().log()).expand_as(mean)

    def elbo(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Elbo:
        """Compute the ELBO, (B,), of any q(z | x) = N(mu, diag σ²), mu and logvar (B, K), for images x (B, ...).

        Gradients pass through. E_q[log p(x | z)] = log N(x; W mu + b, σ_x² I) - 1/2 sum_j σ_j² ||w_j||² / σ_x²
        """
        check_rows("mu", mu, "means", (self.latent_dim,), self.weight.dtype)
        kl = gaussian.kl_to_standard_normal(mu, logvar)
        check_rows("logvar", logvar, "log variances", (self.latent_dim,), self.weight.dtype)
        spread = logvar.exp() @ self.weight.square().sum(dim=0) / self.sigma**2  # (B,)
        return Elbo(self.log_likelihood(x, mu) - 0.5 * spread, kl)

    def _precision(self) -> Tensor:
        """Compute S⁻¹ = I + WᵀW / σ_x², (K, K)."""
        return torch.eye(self.latent_dim).to(self.weight) + self.weight.T @ self.weight / self.sigma**2

    def _flat(self, x: Tensor) -> Tensor:
        check_rows("x", x, "images", self.bias.shape, self.weight.dtype)
        return x.flatten(1)

    def __repr__(self) -> str:
        return f"LinearGaussian(n_pixels={len(self.weight)}, latent_dim={self.latent_dim}, sigma={self.sigma:.3g})"
