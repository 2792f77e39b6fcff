"""The variational autoencoder. MSE or BCE: only its likelihood differs."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.inference import elbo
from vae_lessons.inference.model import prior
from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network, start_at_mean
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_int, check_same_length


class VAE(nn.Module):
    """z ~ N(0, I), x | z ~ likelihood(decoder(z)), with an encoder for q(z | x) = N(mu, diag σ²).

    A `LatentVariableModel`, trained on minus the ELBO. The likelihood decides what the decoder's outputs mean; nothing
    else here depends on it. `encoder` and `decoder` are multilayer perceptrons, and can be set to any other networks
    from (B, H * W) to (B, 2 K) and from (B, K) to (B, H * W).

    Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014).

    Parameters
    ----------
    image_shape : (H, W)
        Height and width in pixels.
    latent_dim : int
        K, how many dimensions z has; the encoder has 2 K outputs, mu and log σ².
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    likelihood : Likelihood
        `Gaussian`, `Bernoulli` or `ContinuousBernoulli`. The model keeps a copy: what training learns is in
        `model.likelihood`, and the object passed in does not change. `load_state_dict` refuses another's weights.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For a shape, dimension or width that is not made of positive whole numbers, and, in the methods, for tensors
        and networks that do not fit.
    TypeError
        For what is not a likelihood object, generator or tensor.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_ints("image_shape", image_shape, length=2)
        (self.latent_dim,) = positive_ints("latent_dim", [latent_dim])
        self.hidden = positive_ints("hidden", hidden)
        if not isinstance(likelihood, Likelihood):
            raise TypeError(f"likelihood must be an object such as Gaussian() or Bernoulli(), got {likelihood!r}")
        self.likelihood = copy.deepcopy(likelihood)
        n_pixels = math.prod(self.image_shape)
        self.encoder = mlp([n_pixels, *self.hidden, 2 * self.latent_dim], generator)
        self.decoder = mlp([self.latent_dim, *reversed(self.hidden), n_pixels], generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images (B, H, W) as mu and logvar = log σ², each (B, K), of q(z | x)."""
        x = as_images(x, self.image_shape, self)
        outputs = run_network("encoder", self.encoder, x.flatten(1), 2 * self.latent_dim)  # (B, D) -> (B, 2K)
        mu, logvar = outputs.chunk(2, dim=1)  # (B, K) each
        return mu, logvar

    def code(self, x: Tensor) -> Tensor:
        """Give the one code (B, K) that stands for each image (B, H, W): the mean of q."""
        mu, _ = self.encode(x)
        return mu

    def likelihood_params(self, z: Tensor) -> Tensor:
        """Decode codes (B, K) to the parameters of the likelihood, its mean or its logits: (B, H, W)."""
        z = as_codes(z, self.latent_dim, self)
        outputs = run_network("decoder", self.decoder, z, math.prod(self.image_shape))  # (B, K) -> (B, D)
        return self.likelihood.from_outputs(outputs).unflatten(1, self.image_shape)

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (B, K) to the mean of p(x | z): images (B, H, W) in [0, 1]."""
        return self.likelihood.mean(self.likelihood_params(z))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Compute log p(x | z), (B,), nats, summed over pixels, for images (B, H, W) paired with codes (B, K)."""
        x, params = as_images(x, self.image_shape, self), self.likelihood_params(z)
        check_same_length(x=x, z=z)
        return self.likelihood.log_prob(x, params)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images (B, H, W) from their mean codes."""
        return self.decode(self.code(x))

    def loss(self, x: Tensor) -> Tensor:
        """Compute -ELBO in nats, one sample of z per image, from PyTorch's own generator: (B, H, W) to (B,)."""
        return -elbo(self, x).value

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None, pixel_noise: bool = False) -> Tensor:
        """Draw n images (n, H, W) from codes drawn from the prior.

        Parameters
        ----------
        n : int
        generator : Generator, optional
            Source of the noise; PyTorch's own by default.
        pixel_noise : bool
            False gives the mean of p(x | z), which is what one shows; True a draw from p(x | z), which is what the
            model says an image is.
        """
        one = next(self.parameters()).new_zeros(1, self.latent_dim)
        z = prior(self, one).sample((check_int("n", n, minimum=0),), generator).squeeze(1)  # (n, 1, K) -> (n, K)
        params = self.likelihood_params(z)
        return self.likelihood.sample(params, generator) if pixel_noise else self.likelihood.mean(params)

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let an untrained decoder start at the logits of `mean_image`, (H, W)."""
        start_at_mean(self.decoder, mean_image)
