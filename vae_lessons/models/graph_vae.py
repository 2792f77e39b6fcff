"""VAEs of one graph: a code for each node, and a link between two nodes as likely as their codes say.

x is the adjacency matrix A, (N, N): symmetric, of 0 and 1, with an empty diagonal. `observed`, (N, N), is 1 for each
pair of which it is known whether it is linked, and 0 elsewhere and on the diagonal. Each pair counts once, half of it
at each of its two nodes, so that values are in nats per node and their sum is that of the graph.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

from vae_lessons.inference import Elbo
from vae_lessons.models.layers import positive_ints
from vae_lessons.probability.gaussian import kl_to_standard_normal, reparameterise
from vae_lessons.validation import check_generator


def normalised_adjacency(adjacency: Tensor) -> Tensor:
    """Compute D^-½ (A + I) D^-½, (N, N), with D the diagonal matrix of the row sums of A + I.

    Source: Kipf and Welling (2017).
    """
    with_loops = adjacency + torch.eye(len(adjacency)).to(adjacency)
    scale = with_loops.sum(dim=1).rsqrt()
    return scale.unsqueeze(1) * with_loops * scale


class GraphConvolution(nn.Module):
    """Layers H -> S H W with a ReLU between two of them and S = `normalised_adjacency(A)`: (N, n_in) to (N, n_out).

    `widths` are n_in, hidden widths, n_out; weights are Glorot's, from `generator`. One layer is a linear encoder.
    """

    def __init__(self, widths: Sequence[int], generator: Generator | None = None) -> None:
        super().__init__()
        check_generator(generator)
        sizes = itertools.pairwise(widths)
        self.weights = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(size), generator=generator) for size in sizes
        )

    def forward(self, adjacency: Tensor, features: Tensor) -> Tensor:
        """Mix the features (N, n_in) of linked nodes."""
        mixing, h = normalised_adjacency(adjacency), features
        for i, weight in enumerate(self.weights):
            h = mixing @ ((torch.relu(h) if i else h) @ weight)
        return h.to(features.dtype)


class InnerProduct(nn.Module):
    """Logits z_i · z_j of all pairs, plus a learned b with `intercept`: codes (N, K) to (N, N)."""

    def __init__(self, intercept: bool = False) -> None:
        super().__init__()
        self.intercept = nn.Parameter(torch.zeros(())) if intercept else None

    def forward(self, z: Tensor) -> Tensor:
        """Compute the logits."""
        logits = (z @ z.T).to(z.dtype)
        return logits if self.intercept is None else logits + self.intercept


class Bilinear(nn.Module):
    """Logits z_iᵀ W z_j + b of all pairs, with W symmetric and learned: codes (N, K) to (N, N).

    W starts as `start` times the identity: above 0, nodes with the same code are linked, below 0, nodes with others.
    """

    def __init__(self, latent_dim: int, start: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(start * torch.eye(latent_dim))
        self.intercept = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor) -> Tensor:
        """Compute the logits."""
        symmetric = (self.weight + self.weight.T) / 2
        return (z @ symmetric @ z.T).to(z.dtype) + self.intercept


class GraphVAE(nn.Module):
    """z_i ~ N(0, I) for each node, a link of i and j with the probability σ(logit_ij(z)), q(z | A) by a graph network.

    Source: Kipf and Welling (2016); Salha, Hennequin and Vazirgiannis (2020) for the linear encoder.

    Parameters
    ----------
    n_features : int
        F, columns of the features. A graph without any has the identity matrix, F = N.
    latent_dim : int
        K.
    hidden : sequence of int
        Widths of the encoder's hidden layers; () makes it linear.
    decoder : nn.Module, optional
        From codes (N, K) to logits (N, N); by default `InnerProduct()`, the published one, which has no intercept.
    published : bool
        Train on the objective of the published code in place of -ELBO. It counts each link as often as there are pairs
        without one for each link, takes pairs that are not observed as not linked, and each node as linked to itself.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For sizes that are not positive whole numbers.
    TypeError
        For what is not a generator.
    """

    def __init__(
        self,
        n_features: int,
        latent_dim: int,
        hidden: Sequence[int] = (32,),
        *,
        decoder: nn.Module | None = None,
        published: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_features, self.latent_dim = positive_ints("sizes", (n_features, latent_dim))
        self.hidden = positive_ints("hidden", hidden)
        self.encoder = GraphConvolution([self.n_features, *self.hidden, self.n_outputs], generator)
        self.decoder = InnerProduct() if decoder is None else decoder
        self.published = bool(published)

    @property
    def n_outputs(self) -> int:
        """How many numbers the encoder gives for each node: 2 K, mu and log σ²."""
        return 2 * self.latent_dim

    def encode(self, adjacency: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a graph, A (N, N) and features (N, F), as mu and logvar, (N, K) each, of q(z | A)."""
        mu, logvar = self.encoder(adjacency, features).chunk(2, dim=1)
        return mu, logvar

    def code(self, adjacency: Tensor, features: Tensor) -> Tensor:
        """Give the one code that stands for each node, the mean of q: (N, K)."""
        return self.encode(adjacency, features)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (N, K) to the probabilities of links, (N, N)."""
        return torch.sigmoid(self.decoder(z))

    def elbo(self, adjacency: Tensor, features: Tensor, observed: Tensor, generator: Generator | None = None) -> Elbo:
        """Estimate the ELBO of the observed pairs with one code for each node: two terms, (N,) each, nats per node."""
        mu, logvar = self.encode(adjacency, features)
        logits = self.decoder(reparameterise(mu, logvar, generator))
        of_pairs = adjacency * logits - softplus(logits)  # log p(A_ij | z)
        return Elbo(0.5 * (observed * of_pairs).sum(dim=1), kl_to_standard_normal(mu, logvar))

    def loss(self, adjacency: Tensor, features: Tensor, observed: Tensor) -> Tensor:
        """Compute -ELBO, or the published objective times N²: (N,), nats per node where it is -ELBO."""
        if self.published:
            return self._published_loss(adjacency, features)
        return -self.elbo(adjacency, features, observed).value

    def _published_loss(self, adjacency: Tensor, features: Tensor) -> Tensor:
        n_pairs, n_linked = adjacency.numel(), adjacency.sum()
        link_weight, norm = (n_pairs - n_linked) / n_linked, n_pairs / (2 * (n_pairs - n_linked))
        mu, logvar = self.encode(adjacency, features)
        logits, target = self.decoder(reparameterise(mu, logvar)), adjacency + torch.eye(len(mu)).to(mu)
        no = softplus(logits)  # -log(1 - σ), and -log σ is that less the logit
        cost = no - target * logits + (link_weight - 1) * target * (no - logits)
        return norm * cost.sum(dim=1) + kl_to_standard_normal(mu, logvar)

    @torch.no_grad()
    def link_probabilities(self, adjacency: Tensor, features: Tensor) -> Tensor:
        """Compute how likely each pair is linked, from the mean codes of a graph: (N, N)."""
        return self.decode(self.code(adjacency, features))

    def start_at_mean(self, mean_row: Tensor) -> None:
        """Let an intercept that is still 0 start at the share of pairs that are linked, from the mean row of A."""
        intercept = getattr(self.decoder, "intercept", None)
        if intercept is not None and not intercept.any():
            with torch.no_grad():
                intercept.copy_(torch.logit(mean_row.mean(), eps=1e-6))

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return f"published={self.published}"
