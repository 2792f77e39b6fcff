"""The decoder's distribution p(x | z) over images: what a decoder's outputs mean.

Each likelihood has `log_prob`, one value per image, in nats, summed over pixels; `mean`, the image to show; `sample`;
and `from_outputs`, which turns a network's outputs into its parameters. Images and parameters have the same shape, (B,
H, W) or (B, D), and a floating dtype. Pixels are independent given z.
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from vae_lessons.probability.noise import beside, noise
from vae_lessons.validation import check_floating, check_positive

NEARLY_ZERO = 0.05  # below it the series is exact to float64; the closed form is 0 / 0 at zero
ROUNDING = 1e-5  # by less than this, a blend of two images or a mean may leave [0, 1]


class Likelihood(nn.Module):
    """The base class of the likelihoods. In training mode, that is inside `fit`, pixels are not checked."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()  # PyTorch's modules start in training mode
        self.register_load_state_dict_post_hook(_accept_plain_weights)

    def get_extra_state(self) -> Tensor:
        """Put what no weight shows, such as a fixed σ, into `state_dict`: the bytes of its repr, or of a name."""
        kind = f"a learned {type(self).__name__}" if list(self.parameters()) else repr(self)
        return torch.tensor(list(kind.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Raise ValueError for the weights of a model with another likelihood."""
        saved, own = (bytes(kind.tolist()).decode() for kind in (state, self.get_extra_state()))
        if saved != own:
            raise ValueError(f"likelihood must be {saved} for these weights, which were trained with it, got {own}")

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn a network's outputs, any real numbers, into parameters: by default they are logits already."""
        return outputs


class Gaussian(Likelihood):
    """N(x; mean, σ² I) with one σ for all pixels. The parameters are the mean.

    log p = -1/2 sum_n [ log(2π σ²) + (x_n - mean_n)² / σ² ]

    Parameters
    ----------
    sigma : float
        σ, the standard deviation of a pixel given z; ValueError unless it is positive and finite.
    learned : bool
        Whether training moves σ too, starting at `sigma`. What is learned is log σ.
    """

    def __init__(self, sigma: float = 1.0, learned: bool = False) -> None:
        super().__init__()
        sigma = check_positive("sigma", sigma)
        self.learned = learned
        # A fixed σ stays a Python number: as a tensor it would be rounded to the network's precision.
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma))) if learned else math.log(sigma)

    @property
    def sigma(self) -> float:
        """The present value of σ."""
        return math.exp(self.log_sigma.item() if self.learned else self.log_sigma)

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn outputs into the mean by a sigmoid, since pixels lie in [0, 1]."""
        return torch.sigmoid(outputs)

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Compute log p of images x, (B, ...), given the mean, (B, ...): (B,), nats."""
        precision = (-2 * self.log_sigma).exp() if self.learned else math.exp(-2 * self.log_sigma)
        _check_fit(x, "mean", mean)
        squared_error = _per_image(mse_loss(mean, x, reduction="none"))
        constant = math.prod(mean.shape[1:]) * (math.log(2 * math.pi) + 2 * self.log_sigma)
        return -0.5 * (squared_error * precision + constant)

    def mean(self, mean: Tensor) -> Tensor:
        """Return the mean, which is the parameters."""
        return mean

    def sample(self, mean: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw mean + σ ε."""
        return mean + self.sigma * noise(torch.randn, mean.shape, mean, generator)

    def extra_repr(self) -> str:
        """Show σ; a fixed one in full, since it is not among the weights and the cache's key must have it."""
        return f"sigma={self.sigma:.4g}, learned=True" if self.learned else f"sigma={self.sigma:.15g}"


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
        return _per_image(self.log_normaliser(logits)) - _binary_cross_entropy(x, logits, self.training)

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
    _check_fit(x, "logits", logits)
    # In training the check would take 1 % of a step, and an accelerator would have to wait for it.
    if not in_training and x.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_range(x)
    return _per_image(binary_cross_entropy_with_logits(logits, x, reduction="none"))


def _near_zero(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return where to use the series, and logits for which the closed form and its gradient are finite."""
    near = logits.abs() < NEARLY_ZERO
    return near, torch.where(near, torch.ones_like(logits), logits)


def _accept_plain_weights(module: nn.Module, keys: NamedTuple) -> None:
    """Let weights in that do not say of which likelihood they are, such as those of plain PyTorch code."""
    keys.missing_keys[:] = [key for key in keys.missing_keys if not key.endswith("_extra_state")]


def _per_image(values: Tensor) -> Tensor:
    return values.flatten(1).sum(dim=1)


def _check_fit(x: Tensor, name: str, params: Tensor) -> None:
    check_floating(**{"x": x, name: params})
    if x.shape != params.shape or x.dim() < 2:
        shapes = f"{tuple(x.shape)} and {tuple(params.shape)}"
        raise ValueError(f"x and {name} must have the same shape (B, ...), got {shapes}")


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
