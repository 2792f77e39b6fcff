"""A mixture density network: a posterior q(θ | x) that is a mixture of Gaussians, trained on simulations."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.models.layers import mlp, positive_ints, run_network
from vae_lessons.probability.distributions import FullGaussianMixture
from vae_lessons.validation import check_positive, check_rows

SUMMARY_HIDDEN = (64,)
HIDDEN = (64, 64)


class MixtureDensityNetwork(nn.Module):
    """q(θ | x) = sum_c π_c(x) N(θ; mu_c(x), Σ_c(x)), with shares, means and covariances by a network of x.

    A linear map of x is added to the network's outputs, so that it has only the rest to learn.

    Trained on pairs (θ, x) drawn from p(θ) p(x | θ), the loss -log q(θ | x) has the least mean where q is the
    posterior; no likelihood is evaluated. With one component it is a regression with an error bar. Source: Bishop
    (1994); Papamakarios and Murray (2016).

    Parameters
    ----------
    n_params, n_outputs : int
        D and N, of θ and x.
    n_components : int
        C.
    hidden : sequence of int
        Widths of the network's hidden layers.
    n_summaries : int, optional
        S. An encoder, trained with the rest, first reduces x to S numbers, and q depends on these only; by default q
        depends on x itself.
    start_width : float
        What the components' deviations start at, in units of θ. Wide ones all learn the same; narrow ones each find a
        part of their own.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For numbers that are not positive and whole, a width that is not positive, and, in the methods, for tensors that
        do not fit.
    """

    def __init__(
        self,
        n_params: int,
        n_outputs: int,
        n_components: int = 8,
        hidden: Sequence[int] = HIDDEN,
        *,
        n_summaries: int | None = None,
        start_width: float = 0.05,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        (self.n_params,) = positive_ints("n_params", [n_params])
        (self.n_outputs,) = positive_ints("n_outputs", [n_outputs])
        (self.n_components,) = positive_ints("n_components", [n_components])
        hidden, n_inputs, self.encoder = positive_ints("hidden", hidden), self.n_outputs, None
        if n_summaries is not None:
            (n_summaries,) = positive_ints("n_summaries", [n_summaries])
            self.encoder = mlp([n_inputs, *SUMMARY_HIDDEN, n_summaries], generator)
            n_inputs = n_summaries
        self._sizes = [1, self.n_params, self.n_params, self.n_params * (self.n_params - 1) // 2]
        n_numbers = self.n_components * sum(self._sizes)
        self.network, self.linear = (
            mlp([n_inputs, *hidden, n_numbers], generator),
            mlp([n_inputs, n_numbers], generator),
        )
        with torch.no_grad():
            parts = self.network[-1].bias.view(self.n_components, -1).split(self._sizes, dim=1)
            parts[2].fill_(math.log(check_positive("start_width", start_width)))

    def summarise(self, x: Tensor) -> Tensor:
        """Compute the summaries (B, S) of data (B, N), on which q depends; x itself if there is no encoder."""
        check_rows("x", x, "data", (self.n_outputs,), self.network[0].weight.dtype)
        return x if self.encoder is None else run_network("encoder", self.encoder, x, self.encoder[-1].out_features)

    def encode(self, x: Tensor) -> FullGaussianMixture:
        """Give q(θ | x) for data (B, N)."""
        summaries, n_numbers = self.summarise(x), self.n_components * sum(self._sizes)
        outputs = run_network("network", self.network, summaries, n_numbers) + self.linear(summaries)
        logits, mu, log_scale, below = outputs.unflatten(1, (self.n_components, -1)).split(self._sizes, dim=2)
        mixing = mu.new_zeros(*mu.shape, self.n_params)
        row, column = torch.tril_indices(self.n_params, self.n_params, offset=-1, device=mu.device)
        mixing[..., row, column] = below
        return FullGaussianMixture(logits.squeeze(2), mu, log_scale, mixing)

    def loss(self, theta: Tensor, x: Tensor) -> Tensor:
        """Compute -log q(θ | x), (B,), nats, of parameters (B, D) and the data simulated from them, (B, N)."""
        check_rows("theta", theta, "parameters", (self.n_params,), x.dtype)
        return -self.encode(x).log_prob(theta)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"n_params={self.n_params}, n_outputs={self.n_outputs}, n_components={self.n_components}"
