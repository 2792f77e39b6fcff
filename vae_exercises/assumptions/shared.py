"""What exercises on densities of codes share."""

from torch import Tensor
from torch.distributions import Independent, Normal


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Compute log N(z; mu, diag σ²), summed over the last axis, in float64."""
    return Independent(Normal(mu.double(), (0.5 * logvar.double()).exp()), 1).log_prob(z.double())
