"""The stochastic block model as a VAE of a graph: the code of a node is the block that it belongs to."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from vae_lessons.inference import Elbo
from vae_lessons.models.graph_vae import Bilinear, GraphVAE
from vae_lessons.validation import check_int

SHARPNESS = 10.0  # of the encoder: nodes must differ from the start, or all end in one block
START = 2.0  # logits by which links inside a block and between two blocks differ at the start


class BlockVAE(GraphVAE):
    """A VAE whose codes are blocks: z_i is one of C, with learned shares π, and a link depends on the two blocks alone.

    It is the stochastic block model, with a graph network for q(z_i = c | A). The average over codes is a finite sum,
    so its ELBO is exact. Source: Daudin, Picard and Robin (2008).

    Parameters
    ----------
    n_features, hidden, generator
        As for `GraphVAE`; the encoder is linear by default.
    n_blocks : int
        C, how many there are to choose from; training leaves those empty that are not worth their cost.
    assortative : bool
        Whether links inside a block start as more likely than those between blocks, or as less.
    warm_up : int
        Training steps in which the weight of the KL term climbs from 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As for `GraphVAE`.
    """

    def __init__(
        self,
        n_features: int,
        n_blocks: int,
        hidden: Sequence[int] = (),
        *,
        assortative: bool = True,
        warm_up: int = 0,
        generator: Generator | None = None,
    ) -> None:
        decoder = Bilinear(n_blocks, START if assortative else -START)
        super().__init__(n_features, n_blocks, hidden, decoder=decoder, generator=generator)
        self.shares = nn.Parameter(torch.zeros(n_blocks))  # log π up to a constant
        self.warm_up = check_int("warm_up", warm_up, minimum=0)
        self.register_buffer("steps", torch.tensor(0.0))

    @property
    def n_outputs(self) -> int:
        """How many numbers the encoder gives for each node: C."""
        return self.latent_dim

    def encode(self, adjacency: Tensor, features: Tensor) -> Tensor:
        """Encode a graph, A (N, N) and features (N, F), as log q(z_i = c | A), (N, C)."""
        return (SHARPNESS * self.encoder(adjacency, features)).log_softmax(dim=1)

    def code(self, adjacency: Tensor, features: Tensor) -> Tensor:
        """Give each node's probabilities of the blocks, (N, C)."""
        return self.encode(adjacency, features).exp()

    def block_logits(self) -> Tensor:
        """Compute the logit of a link between a node of block c and one of block d: (C, C)."""
        return self.decoder(torch.eye(self.latent_dim).to(self.shares))

    def decode(self, z: Tensor) -> Tensor:
        """Decode probabilities of blocks (N, C) to those of links, (N, N)."""
        return z @ torch.sigmoid(self.block_logits()) @ z.T

    def elbo(self, adjacency: Tensor, features: Tensor, observed: Tensor, generator: Generator | None = None) -> Elbo:
        """Compute the ELBO of the observed pairs, without any draw: two terms, (N,) each, nats per node."""
        log_q, logits = self.encode(adjacency, features), self.block_logits()
        q, linked = log_q.exp(), observed * adjacency
        # sum_j q_jd over the linked and the other partners of i, (N, C), so that no (N, N, C, C) is ever made
        yes = ((q @ logsigmoid(logits)) * (linked @ q)).sum(dim=1)
        no = ((q @ logsigmoid(-logits)) * ((observed - linked) @ q)).sum(dim=1)
        return Elbo(0.5 * (yes + no), (q * (log_q - self.shares.log_softmax(dim=0))).sum(dim=1))

    def loss(self, adjacency: Tensor, features: Tensor, observed: Tensor) -> Tensor:
        """Compute -ELBO, in training with the KL term at its weight of this step: (N,), nats per node."""
        terms, weight = self.elbo(adjacency, features, observed), 1.0
        if self.warm_up and self.training:
            weight = (self.steps / self.warm_up).clamp(max=1)
            self.steps += 1
        return weight * terms.kl - terms.reconstruction

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return f"warm_up={self.warm_up}"
