"""A prior over codes that are whole numbers."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import linear, one_hot

from vae_lessons.models.layers import mlp, positive_ints
from vae_lessons.probability.distributions import Categorical
from vae_lessons.validation import check_int


class CodePrior(nn.Module):
    """p(c) = prod_m p(c_m | c_1 ... c_{m-1}) over M codes, whole numbers below C; uniform until it is fitted.

    Without hidden units the codes are independent, and `set_shares` fits it by counting. With hidden units each code
    depends on those before it, and `fit(prior, TensorData("codes", train=(codes,), test=...))` trains it. `prior()` is
    the distribution itself. Source: Germain et al. (2015) for the network, whose weights are masked.

    Parameters
    ----------
    latent_dim : int
        M.
    codebook_size : int
        C.
    hidden : int
        Hidden units for each code; 0 for independent codes.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For numbers that are not positive and whole.
    """

    def __init__(
        self, latent_dim: int, codebook_size: int, hidden: int = 0, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.latent_dim, self.codebook_size = positive_ints("latent_dim and codebook_size", (latent_dim, codebook_size))
        self.hidden = check_int("hidden", hidden, minimum=0)
        self.bias = nn.Parameter(torch.zeros(self.latent_dim, self.codebook_size))
        if self.hidden:
            n_in, n_hidden = self.bias.numel(), self.latent_dim * self.hidden
            self.network = mlp([n_in, n_hidden, n_in], generator)
            nn.init.zeros_(self.network[-1].weight)

    def forward(self) -> "CodePrior":
        """Give p(c), which serves all images."""
        return self

    def log_prob(self, z: Tensor) -> Tensor:
        """Compute log p(c) of codes (..., M): (...), nats."""
        codes = z.long()
        return self._logits(codes).log_softmax(dim=-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1).sum(dim=-1)

    @torch.no_grad()
    def sample(self, shape: Sequence[int] = (), generator: Generator | None = None) -> Tensor:
        """Draw codes `(*shape, 1, M)`, one position after the other."""
        codes = torch.zeros(math.prod(shape), self.latent_dim, dtype=torch.long, device=self.bias.device)
        for m in range(self.latent_dim):
            codes[:, m] = Categorical(self._logits(codes)[:, m : m + 1]).sample(generator=generator).squeeze(1)
        return codes.view(*shape, 1, self.latent_dim)

    def loss(self, codes: Tensor) -> Tensor:
        """Compute -log p(c), nats, of codes (B, M): (B,)."""
        return -self.log_prob(codes)

    @torch.no_grad()
    def set_shares(self, codes: Tensor) -> None:
        """Set p(c_m) to the shares of the codes (N, M) at each place, with one count added to each code."""
        counts = one_hot(codes, self.codebook_size).sum(dim=0) + 1  # (M, C)
        self.bias.copy_((counts / counts.sum(dim=1, keepdim=True)).log())

    def _logits(self, codes: Tensor) -> Tensor:
        """Compute the logits of each code given those before it: (..., M) to (..., M, C)."""
        if not self.hidden:
            return self.bias.expand(*codes.shape, self.codebook_size)
        first, _, last = self.network
        place = torch.arange(self.latent_dim, device=codes.device)
        of_inputs = place.repeat_interleave(self.codebook_size)
        of_hidden = place.repeat_interleave(self.hidden)
        before = of_inputs < of_hidden.unsqueeze(1)  # hidden units of place m see the codes before m
        upto = of_hidden <= of_inputs.unsqueeze(1)
        inputs = one_hot(codes, self.codebook_size).to(self.bias).flatten(-2)
        h = linear(inputs, first.weight * before, first.bias).relu()
        logits = linear(h, last.weight * upto, last.bias).to(self.bias)
        return self.bias + logits.unflatten(-1, self.bias.shape)

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"latent_dim={self.latent_dim}, codebook_size={self.codebook_size}, hidden={self.hidden}"
