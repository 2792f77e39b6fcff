"""A likelihood over grey levels: a probability, where the others have a density."""

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from vae_lessons.probability.likelihoods.base import ROUNDING, Likelihood, check_fit, per_image
from vae_lessons.probability.noise import noise
from vae_lessons.validation import check_int, check_positive


class DiscretisedLogistic(Likelihood):
    """A distribution over grey levels k / (levels - 1): a logistic density, integrated over each level's cell.

    P(x_n) = F(x_n + Δ/2) - F(x_n - Δ/2),   Δ = 1 / (levels - 1),   F(t) = sigmoid((t - location_n) / scale)

    The lowest level's cell reaches to minus infinity and the highest one's to infinity, so the probabilities add up to
    1. The parameters are the location, which may lie outside [0, 1]: then an end gets nearly all of the probability.
    One scale for all pixels is learned. `log_prob` raises ValueError for pixels that are not grey levels, on the CPU
    and not in training mode. Source: Kingma et al. (2016); Salimans et al. (2017).

    Parameters
    ----------
    levels : int
        How many grey levels there are, at least 2: 256 for bytes.
    scale : float
        What the scale starts at; the logistic density has a standard deviation of scale π / √3.
    """

    def __init__(self, levels: int, scale: float = 0.1) -> None:
        super().__init__()
        self.levels = check_int("levels", levels, minimum=2)
        self.log_scale = nn.Parameter(torch.tensor(math.log(check_positive("scale", scale))))

    @property
    def scale(self) -> float:
        """The present scale."""
        return math.exp(self.log_scale.item())

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn outputs a into the location 1/2 + a/4, which near 1/2 is sigmoid(a), and is not bound to [0, 1].

        At least in float32, in which 256 levels can be told apart.
        """
        return 0.5 + 0.25 * outputs.to(torch.promote_types(outputs.dtype, torch.float32))

    def log_prob(self, x: Tensor, location: Tensor) -> Tensor:
        """Compute log P of images x, (B, ...), given the location, (B, ...): (B,), nats, never above 0."""
        check_fit(x, "location", location)
        if not self.training and x.device.type == "cpu":
            self._check_levels(x)
        half, scale = 0.5 / (self.levels - 1), self.log_scale.exp()
        lowest, highest = x < half, x > 1 - half
        # F(b) - F(a) = F(b) (1 - F(a)) (1 - exp((a - b) / scale)), in which nothing cancels
        below = logsigmoid((x + half - location) / scale).masked_fill(highest, 0)
        above = logsigmoid((location - x + half) / scale).masked_fill(lowest, 0)
        width = (-torch.expm1(-2 * half / scale)).log()
        return per_image(below + above + width * ~(lowest | highest))

    def mean(self, location: Tensor) -> Tensor:
        """Return the location, or the end that it lies beyond: the median, up to half a grey level."""
        return location.clamp(0, 1)

    def sample(self, location: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw from the logistic density by inversion, and round to the nearest grey level."""
        u = noise(torch.rand, location.shape, location, generator)
        pixels = (location + self.scale * torch.logit(u)).clamp(0, 1)
        return (pixels * (self.levels - 1)).round() / (self.levels - 1)

    def kind(self) -> str:
        """Name the likelihood, with its number of levels."""
        return f"{super().kind()} of {self.levels} levels"

    def extra_repr(self) -> str:
        """Show the number of levels; the scale is among the weights."""
        return f"levels={self.levels}"

    def _check_levels(self, x: Tensor) -> None:
        k = x * (self.levels - 1)
        wrong = (k - k.round()).abs() > ROUNDING * self.levels
        if wrong.any() or (x < -ROUNDING).any() or (x > 1 + ROUNDING).any():
            raise ValueError(
                f"x must be grey levels k / {self.levels - 1} from 0 to 1, got others: give the images' own number of "
                "levels, and neither blend nor dequantise them"
            )
