"""Diffusion: a chain of latent variables whose encoder only adds noise, and one network that removes it."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.inference import Elbo
from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network, start_at_mean
from vae_lessons.probability import gaussian
from vae_lessons.probability.likelihoods import Bernoulli, Gaussian
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_int

WEIGHTINGS = ("simple", "bound")
LOG_SNR = {Bernoulli: (-8.0, 4.0), Gaussian: (-8.0, 7.0)}  # of z_T, and the limit of z_1 as T grows
FREQUENCIES = 4  # of the features that tell the network how much noise there is


class Diffusion(nn.Module):
    """p(z_T) p(z_{T-1} | z_T) ... p(x | z_1), with z_T ~ N(0, I), and a fixed encoder q(z_t | x) = N(α_t s, σ_t² I).

    s is the image: 2 x - 1 for pixels of 0 and 1, x itself under a Gaussian; α_t² + σ_t² = 1. One network ŝ(z_t)
    guesses s at each noise level, and p(z_{t-1} | z_t) is q(z_{t-1} | z_t, s = ŝ). The signal-to-noise ratio SNR_t =
    α_t² / σ_t² falls with t on the cosine schedule. With T = 1 this is a `LatentVariableModel`, a VAE with D latent
    dimensions and an encoder that learns nothing. The best ŝ for a noise level does not depend on T, so `n_steps` may
    be set after training.

    Source: Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel (2020); Kingma et al. (2021); Nichol and Dhariwal (2021)
    for the schedule.

    Parameters
    ----------
    image_shape : sequence of int
        (H, W), or (K,) for points and codes.
    hidden : sequence of int
        Widths of the network's hidden layers.
    likelihood : Bernoulli or Gaussian
        p(x | z_1). A Gaussian is one over real numbers, of variance about 1, and not bound to [0, 1].
    n_steps : int
        T.
    weighting : {"simple", "bound"}
        What `loss` is: the squared error of the guessed noise, or minus the bound.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For sizes that are not positive whole numbers, another weighting, and, in the methods, for tensors that do not
        fit.
    TypeError
        For another likelihood.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        hidden: Sequence[int] = (512, 512),
        *,
        likelihood: Bernoulli | Gaussian,
        n_steps: int = 1000,
        weighting: str = "simple",
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_ints("image_shape", image_shape)
        self.latent_dim = math.prod(self.image_shape)  # D, of each z_t
        if type(likelihood) not in LOG_SNR:
            raise TypeError(f"likelihood must be Bernoulli() or Gaussian(...), got {likelihood!r}")
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got {weighting!r}")
        self.likelihood, self.weighting = copy.deepcopy(likelihood), weighting
        self.n_steps = check_int("n_steps", n_steps)
        n_inputs = self.latent_dim + 1 + 2 * FREQUENCIES
        self.network = mlp([n_inputs, *positive_ints("hidden", hidden), self.latent_dim], generator)

    def log_snr(self, t: Tensor) -> Tensor:
        """Compute log(α_t² / σ_t²) of steps t, from 0 to T: it falls from the higher limit to the lower one."""
        low, high = (math.atan(math.exp(-0.5 * end)) for end in reversed(LOG_SNR[type(self.likelihood)]))
        return -2 * torch.tan(low + (high - low) * t / self.n_steps).log()

    def encode(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Give mu and logvar, (B, D) each, of q(z_t | x) for steps t, (B,); by default of the last, z_T."""
        x = as_images(x, self.image_shape, self)
        t = torch.full_like(x[:, :1].flatten(1)[:, 0], self.n_steps) if t is None else t
        log_snr = self.log_snr(t)[:, None]
        mu = torch.sigmoid(log_snr).sqrt() * self._signal(x)  # α² = sigmoid(log SNR)
        return mu, nn.functional.logsigmoid(-log_snr).expand_as(mu)

    def likelihood_params(self, z: Tensor, t: Tensor) -> Tensor:
        """Guess the image from z_t, (B, D): logits or mean, (B, H, W).

        The network adds to the guess that would be best for independent pixels, or for x ~ N(0, I).
        """
        z, log_snr = as_codes(z, self.latent_dim, self), self.log_snr(t)[:, None]
        waves = log_snr * torch.arange(1, FREQUENCIES + 1).to(z) * (math.pi / 16)
        inputs = torch.cat([z, log_snr / 8, waves.sin(), waves.cos()], dim=1)
        outputs = run_network("network", self.network, inputs, self.latent_dim)
        alpha, sigma = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()
        if isinstance(self.likelihood, Bernoulli):
            params = 2 * alpha * z / sigma**2 + outputs  # Bayes' rule for pixels of ±1, and what the others say
        else:
            params = alpha * z + sigma * outputs
        return params.unflatten(1, self.image_shape)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Compute log p(x | z_1), (B,), nats, for images paired with z_1, (B, D)."""
        return self.likelihood.log_prob(x, self.likelihood_params(z, z.new_ones(len(z))))

    def kl_of_step(self, x: Tensor, t: Tensor, generator: Generator | None = None) -> Tensor:
        """Estimate E KL( q(z_{t-1} | z_t, x) || p(z_{t-1} | z_t) ) for steps t >= 2, (B,): (B,), nats, at one z_t each.

        It is 1/2 (SNR_{t-1} - SNR_t) ‖s - ŝ‖².
        """
        return 0.5 * (self.log_snr(t - 1).exp() - self.log_snr(t).exp()) * self._squared_error(x, t, generator)

    def bound(self, x: Tensor, n_samples: int = 10, generator: Generator | None = None) -> Elbo:
        """Estimate the ELBO of images without bias; its `kl` is the sum of the KLs of all steps and of z_T.

        Parameters
        ----------
        x : Tensor, (B, ...)
        n_samples : int
            Steps at which each image's KL is computed, drawn evenly from 2 to T; T - 1 or more are all of them.
        generator : Generator, optional
            Source of the noise; PyTorch's own by default.
        """
        n_between, first = self.n_steps - 1, x.new_ones(len(x))
        n_samples = min(check_int("n_samples", n_samples), n_between)
        reconstruction = self.log_likelihood(x, gaussian.reparameterise(*self.encode(x, first), generator))
        kl = gaussian.kl_to_standard_normal(*self.encode(x))
        for part in range(n_samples):
            t = 2 + ((part + self._evenly(x, generator)) * n_between / n_samples).floor().clamp(max=n_between - 1)
            kl = kl + self.kl_of_step(x, t, generator) * n_between / n_samples
        return Elbo(reconstruction, kl)

    def loss(self, x: Tensor) -> Tensor:
        """Compute what `weighting` says, (B,), at one random step of each image.

        "simple" is ‖ε - ε̂‖² = SNR_t ‖s - ŝ‖² of a random step, "bound" minus the bound in nats. Noise is PyTorch's own.
        """
        if self.weighting == "bound":
            return -self.bound(x, n_samples=1).value
        t = 1 + (self._evenly(x) * self.n_steps).floor().clamp(max=self.n_steps - 1)
        return self.log_snr(t).exp() * self._squared_error(x, t)

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None, pixel_noise: bool = False) -> Tensor:
        """Draw n images: noise, T steps, and the mean of p(x | z_1), or a draw from it with `pixel_noise`."""
        one = next(self.parameters())
        z = noise(torch.randn, (check_int("n", n, minimum=0), self.latent_dim), one, generator)
        for step in range(self.n_steps, 1, -1):
            z = self.step_back(z, one.new_full((n,), step), generator)
        params = self.likelihood_params(z, one.new_ones(n))
        return self.likelihood.sample(params, generator) if pixel_noise else self.likelihood.mean(params)

    def step_back(self, z: Tensor, t: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw z_{t-1} ~ p(z_{t-1} | z_t), (B, D), for steps t >= 2, (B,)."""
        now, before = self.log_snr(t)[:, None], self.log_snr(t - 1)[:, None]
        kept = torch.exp(now - before)  # SNR_t / SNR_{t-1}
        alpha, sigma = torch.sigmoid(before).sqrt(), torch.sigmoid(-before).sqrt()
        towards_z = kept * alpha / torch.sigmoid(now).sqrt() * z
        mean = towards_z + (1 - kept) * alpha * self._signal(self.likelihood.mean(self.likelihood_params(z, t)))
        return mean + (1 - kept).sqrt() * sigma * noise(torch.randn, z.shape, z, generator)

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let an untrained network start at independent pixels with these means, if they are 0 and 1."""
        if isinstance(self.likelihood, Bernoulli):
            start_at_mean(self.network, mean_image)

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return f"n_steps={self.n_steps}, weighting={self.weighting!r}"

    def _signal(self, x: Tensor) -> Tensor:
        return (2 * x - 1 if isinstance(self.likelihood, Bernoulli) else x).flatten(1)

    def _squared_error(self, x: Tensor, t: Tensor, generator: Generator | None = None) -> Tensor:
        """Compute ‖s - ŝ(z_t)‖², (B,), at one z_t each."""
        z = gaussian.reparameterise(*self.encode(x, t), generator)
        guess = self.likelihood.mean(self.likelihood_params(z, t))
        return (self._signal(x) - self._signal(guess)).square().sum(dim=1)

    def _evenly(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw numbers in [0, 1), (B,), each uniform, and together evenly spread."""
        places = torch.arange(len(x)).to(x) / len(x)
        return (noise(torch.rand, (1,), x, generator) + places) % 1
