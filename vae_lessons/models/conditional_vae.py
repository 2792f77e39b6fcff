"""The conditional variational autoencoder: a VAE of x given a condition c, such as a class or a part of the image."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import one_hot

from vae_lessons.inference import elbo
from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network, start_at_mean
from vae_lessons.probability.distributions import DiagonalGaussian
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_rows, check_same_length, check_tensors


class ConditionalVAE(nn.Module):
    """z ~ p(z | c), x | z, c ~ likelihood(decoder(z, c)), with an encoder for q(z | x, c) = N(mu, diag σ²).

    A `LatentVariableModel`, trained on minus the ELBO of log p(x | c); all bounds take it with `condition=c`. A
    condition is (B,), whole numbers for classes 0 to C - 1, which the networks get as one-hot vectors, or (B, C) real
    numbers. It is appended to the inputs of each network: `encoder` maps (B, H * W + C) to (B, 2 K), `decoder` (B, K +
    C) to (B, H * W).

    Source: Sohn, Lee and Yan (2015); Kingma et al. (2014) for classes.

    Parameters
    ----------
    image_shape, latent_dim, hidden, likelihood, generator
        As for `VAE`.
    condition_dim : int
        C, how many classes or numbers the condition has.
    conditional_prior : bool
        False leaves the prior at N(0, I); True makes it N(mu, diag σ²) with a network of the condition,
        `prior_network`, from (B, C) to (B, 2 K), that is as wide as the encoder.
    condition_encoder : bool
        False leaves the condition out of the encoder, q(z | x): the usual mistake. The bound still holds.

    Raises
    ------
    ValueError, TypeError
        As for `VAE`; in the methods also for conditions of another shape or type, and for classes out of range.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        condition_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        conditional_prior: bool = False,
        condition_encoder: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_ints("image_shape", image_shape, length=2)
        (self.latent_dim,) = positive_ints("latent_dim", [latent_dim])
        (self.condition_dim,) = positive_ints("condition_dim", [condition_dim])
        self.hidden = positive_ints("hidden", hidden)
        if not isinstance(likelihood, Likelihood):
            raise TypeError(f"likelihood must be an object such as Gaussian() or Bernoulli(), got {likelihood!r}")
        self.likelihood = copy.deepcopy(likelihood)
        self.condition_encoder = bool(condition_encoder)
        n_pixels, n_outputs = math.prod(self.image_shape), 2 * self.latent_dim
        n_inputs = n_pixels + self.condition_dim * self.condition_encoder
        self.encoder = mlp([n_inputs, *self.hidden, n_outputs], generator)
        self.decoder = mlp([self.latent_dim + self.condition_dim, *reversed(self.hidden), n_pixels], generator)
        prior_widths = [self.condition_dim, *self.hidden, n_outputs]
        self.prior_network = mlp(prior_widths, generator) if conditional_prior else None

    def encode(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images (B, H, W) as mu and logvar = log σ², each (B, K), of q(z | x, c)."""
        inputs, c = as_images(x, self.image_shape, self).flatten(1), self._as_condition(condition)
        check_same_length(x=x, condition=c)
        if self.condition_encoder:
            inputs = torch.cat([inputs, c], dim=1)  # (B, D) and (B, C) -> (B, D + C)
        mu, logvar = run_network("encoder", self.encoder, inputs, 2 * self.latent_dim).chunk(2, dim=1)
        return mu, logvar  # (B, K) each

    def code(self, x: Tensor, condition: Tensor) -> Tensor:
        """Give the one code (B, K) that stands for each image (B, H, W): the mean of q."""
        mu, _ = self.encode(x, condition)
        return mu

    def prior(self, condition: Tensor) -> DiagonalGaussian:
        """Give p(z | c), with a row for each condition."""
        c = self._as_condition(condition)
        if self.prior_network is None:
            zeros = c.new_zeros(len(c), self.latent_dim)
            return DiagonalGaussian(zeros, zeros)
        mu, logvar = run_network("prior_network", self.prior_network, c, 2 * self.latent_dim).chunk(2, dim=1)
        return DiagonalGaussian(mu, logvar)

    def likelihood_params(self, z: Tensor, condition: Tensor) -> Tensor:
        """Decode codes (B, K) to the parameters of the likelihood, its mean or its logits: (B, H, W)."""
        z, c = as_codes(z, self.latent_dim, self), self._as_condition(condition)
        check_same_length(z=z, condition=c)
        inputs = torch.cat([z, c], dim=1)  # (B, K) and (B, C) -> (B, K + C)
        outputs = run_network("decoder", self.decoder, inputs, math.prod(self.image_shape))
        return self.likelihood.from_outputs(outputs).unflatten(1, self.image_shape)

    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """Decode codes (B, K) to the mean of p(x | z, c): images (B, H, W) in [0, 1]."""
        return self.likelihood.mean(self.likelihood_params(z, condition))

    def log_likelihood(self, x: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        """Compute log p(x | z, c), (B,), nats, summed over pixels, for images (B, H, W) paired with codes (B, K)."""
        x, params = as_images(x, self.image_shape, self), self.likelihood_params(z, condition)
        check_same_length(x=x, z=z)
        return self.likelihood.log_prob(x, params)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Reconstruct images (B, H, W) from their mean codes."""
        return self.decode(self.code(x, condition), condition)

    def loss(self, x: Tensor, condition: Tensor) -> Tensor:
        """Compute -ELBO of log p(x | c) in nats, one sample of z per image, from PyTorch's own generator: (B,)."""
        return -elbo(self, x, condition=condition).value

    @torch.no_grad()
    def sample(self, condition: Tensor, generator: Generator | None = None, pixel_noise: bool = False) -> Tensor:
        """Draw one image for each condition, (B, H, W), from codes drawn from p(z | c).

        `pixel_noise` gives a draw from p(x | z, c) in place of its mean; `generator` as for `VAE.sample`.
        """
        z = self.prior(condition).sample(generator=generator)
        params = self.likelihood_params(z, condition)
        return self.likelihood.sample(params, generator) if pixel_noise else self.likelihood.mean(params)

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let an untrained decoder start at the logits of `mean_image`, (H, W)."""
        start_at_mean(self.decoder, mean_image)

    def extra_repr(self) -> str:
        """Show what the condition reaches."""
        return f"condition_dim={self.condition_dim}, condition_encoder={self.condition_encoder}"

    def _as_condition(self, condition: Tensor) -> Tensor:
        """Give the condition as (B, C) numbers; ValueError for another shape or dtype, or a class out of range."""
        check_tensors(condition=condition)
        weight = next(self.decoder.parameters())
        if condition.dim() != 1:
            check_rows("condition", condition, "conditions", (self.condition_dim,), weight.dtype)
            return condition
        if condition.is_floating_point() or condition.dtype == torch.bool:
            raise ValueError(
                f"condition must be whole numbers (B,) or real numbers (B, {self.condition_dim}), "
                f"got {condition.dtype} {tuple(condition.shape)}"
            )
        if condition.device.type == "cpu" and len(condition):  # an accelerator would have to wait for it
            low, high = (int(end) for end in condition.aminmax())
            if low < 0 or high >= self.condition_dim:
                raise ValueError(
                    f"condition must be classes from 0 to {self.condition_dim - 1}, got {low if low < 0 else high}: "
                    "make the model with a larger condition_dim, or count classes from 0"
                )
        return one_hot(condition.long(), self.condition_dim).to(weight.dtype)
