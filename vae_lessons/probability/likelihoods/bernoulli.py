"""Likelihoods whose parameters are logits: the binary cross-entropy, without a normaliser and with one."""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vae_lessons.probability.likelihoods.base import ROUNDING, Likelihood, check_fit, per_image
from vae_lessons.probability.noise import beside, noise
from vae_lessons.validation import check_floating

NEARLY_ZERO = 0.05  # below it the series is exact to float64; the closed form is 0 / 0 at zero


class Bernoulli(Likelihood):
    """A distribution over x in {0, 1}: each pixel is ink with probability π, the sigmoid of its logit a.

    log p = sum_n [ x_n log π_n + (1 - x_n) log(1 - π_n) ] = sum_n [ x_n a_n + log sigmoid(-a_n) ],  π = sigmoid(a)

    Minus this is the binary cross-entropy. It can be computed for grey pixels, but then it is not a log-likelihood: see
    `ContinuousBernoulli`. `log_prob` raises ValueError for pixels outside [0, 1], on the CPU and not in training mode.
    """

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """Compute log p of images x, (B, ...), given logits, (B, ...): (B,), nats; finite for logits of any size."""
        return -_binary_cross_entropy(x, logits, self.training)

    def mean(self, logits: Tensor) -> Tensor:
        """Compute the probability of ink."""
        return torch.sigmoid(logits)

    def sample(self, logits: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw pixels of 0 and 1."""
        ink = beside(generator, torch.sigmoid(logits))
        return torch.bernoulli(ink, generator=generator).to(logits.device)


class ContinuousBernoulli(Likelihood):
    """A density over x in [0, 1]: the Bernoulli's formula with the normaliser C that it lacks there.

    log p = sum_n [ x_n a_n + log sigmoid(-a_n) + log C(a_n) ],  C(a) = a / tanh(a / 2),  C(0) = 2

    `log_prob` raises ValueError as that of `Bernoulli` does. Source: Loaiza-Ganem and Cunningham (2019).
    """

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """Compute log p of images x, (B, ...), given logits, (B, ...): (B,), nats; a log-density may be positive."""
        return per_image(self.log_normaliser(logits)) - _binary_cross_entropy(x, logits, self.training)

    def log_normaliser(self, logits: Tensor) -> Tensor:
        """Compute log C(a) = log(a / tanh(a / 2)), elementwise and even in a."""
        check_floating(logits=logits)
        near, safe = _near_zero(logits)
        closed_form = torch.log(safe / torch.tanh(safe / 2))
        square = logits.square()
        series = math.log(2) + square * (1 / 12 + square * (-7 / 1440 + square * (31 / 90720)))
        return torch.where(near, series, closed_form)

    def mean(self, logits: Tensor) -> Tensor:
        """Compute the mean 1 / (1 - exp(-a)) - 1 / a, which is nearer to 1/2 than sigmoid(a)."""
        near, safe = _near_zero(logits)
        closed_form = -1 / torch.expm1(-safe) - 1 / safe
        square = logits.square()
        series = 0.5 + logits * (1 / 12 + square * (-1 / 720 + square / 30240))
        return torch.where(near, series, closed_form)

    def sample(self, logits: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw by inversion: F⁻¹(u) = log(1 + u (e^a - 1)) / a for u uniform on [0, 1]."""
        u = noise(torch.rand, logits.shape, logits, generator)
        near, safe = _near_zero(logits)
        size = safe.abs()
        low = -torch.log1p(u * torch.expm1(-size)) / size  # the sample for a negative logit: nothing overflows
        low = low.clamp(max=1)
        return torch.where(near, u, torch.where(safe < 0, low, 1 - low))


def _binary_cross_entropy(x: Tensor, logits: Tensor, in_training: bool) -> Tensor:
    check_fit(x, "logits", logits)
    # In training the check would take 1 % of a step, and an accelerator would have to wait for it.
    if not in_training and x.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_range(x)
    return per_image(binary_cross_entropy_with_logits(logits, x, reduction="none"))


def _near_zero(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return where to use the series, and logits for which the closed form and its gradient are finite."""
    near = logits.abs() < NEARLY_ZERO
    return near, torch.where(near, torch.ones_like(logits), logits)


def _check_range(x: Tensor) -> None:
    distinct = x[:1] if x.stride(0) == 0 else x  # one image that was expanded to many
    if not distinct.numel():
        return
    low, high = (float(end) for end in distinct.detach().aminmax())
    if low < -ROUNDING or high > 1 + ROUNDING:  # NaN passes: it comes out
        raise ValueError(
            f"x must lie in [0, 1] under a Bernoulli, got pixels from {low:.3g} to {high:.3g}: "
            "divide bytes by 255, and do not standardise"
        )
