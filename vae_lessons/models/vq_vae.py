"""The VQ-VAE: codes that are rows of a learned table."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import one_hot

from vae_lessons.models.autoencoder import HIDDEN
from vae_lessons.models.code_prior import CodePrior
from vae_lessons.models.layers import as_images, mlp, positive_ints, run_network
from vae_lessons.models.vae import VAE
from vae_lessons.probability.distributions import Categorical
from vae_lessons.probability.likelihoods import Likelihood
from vae_lessons.validation import check_int, check_positive


class VQVAE(VAE):
    """A VAE whose code is M whole numbers c_m below C: x | c ~ likelihood(decoder(e_{c_1}, ..., e_{c_M})).

    The encoder gives M vectors, and each is replaced by the nearest of the C rows e of `codebook`. So q(c | x) is one
    certain code, its KL to the prior is -log p(c), and `elbo(model, x)` is exact: log p(x | c) + log p(c). Under the
    uniform prior, which `prior` is until it is fitted, each code costs log C nats.

    Source: van den Oord, Vinyals and Kavukcuoglu (2017).

    Parameters
    ----------
    image_shape, hidden, likelihood, generator
        As for `VAE`.
    latent_dim : int
        M, the codes of an image.
    codebook_size : int
        C, the rows of the codebook, which all M places share.
    code_dim : int
        Length of a row.
    commitment : float
        Weight of the term that pulls the encoder's vectors to their rows.
    restart_after : int
        In training, move a row that has been nearest to nothing for so many steps to a vector of the batch; 0 for
        never.

    Raises
    ------
    ValueError, TypeError
        As for `VAE`; ValueError also for sizes that are not positive and whole, and for negative numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        codebook_size: int = 64,
        code_dim: int = 4,
        commitment: float = 0.25,
        restart_after: int = 0,
        generator: Generator | None = None,
    ) -> None:
        sizes = latent_dim, codebook_size, code_dim
        latent_dim, size, code_dim = positive_ints("latent_dim, codebook_size and code_dim", sizes)
        super().__init__(image_shape, latent_dim * code_dim, hidden, likelihood=likelihood, generator=generator)
        self.latent_dim, self.codebook_size, self.code_dim = latent_dim, size, code_dim
        self.encoder = mlp([math.prod(self.image_shape), *self.hidden, latent_dim * code_dim], generator)
        self.codebook = nn.Parameter(torch.empty(size, code_dim).uniform_(-1 / size, 1 / size, generator=generator))
        self.commitment = check_positive("commitment", commitment, or_zero=True)
        self.restart_after = check_int("restart_after", restart_after, minimum=0)
        self.prior = CodePrior(latent_dim, size)
        if self.restart_after:
            self.register_buffer("idle", torch.zeros(size))  # steps since a row was last used

    def vectors(self, x: Tensor) -> Tensor:
        """Compute the encoder's vectors of images (B, H, W), before they are rounded to rows: (B, M, code_dim)."""
        x = as_images(x, self.image_shape, self)
        outputs = run_network("encoder", self.encoder, x.flatten(1), self.latent_dim * self.code_dim)
        return outputs.unflatten(1, (self.latent_dim, self.code_dim))

    def code(self, x: Tensor) -> Tensor:
        """Give the numbers of the nearest rows for images (B, H, W): (B, M), whole numbers."""
        return self._nearest(self.vectors(x))

    def encode(self, x: Tensor) -> Categorical:
        """Encode images (B, H, W) as q(c | x), which gives one code the probability 1."""
        return Categorical(one_hot(self.code(x), self.codebook_size).to(x).log())

    def likelihood_params(self, z: Tensor) -> Tensor:
        """Decode codes (B, M), whole numbers, to the parameters of the likelihood: (B, H, W)."""
        return self._decode_vectors(self.codebook[z.long()])

    def loss(self, x: Tensor) -> Tensor:
        """Compute -log p(x | c) + sum_m ||sg(v_m) - e_m||² + commitment ||v_m - sg(e_m)||², (B,), for images (B, H, W).

        v are the encoder's vectors, e the nearest rows; sg passes no gradient. The decoder's gradient reaches v as if
        rounding were the identity: v + sg(e - v). It is not minus a bound: that is `elbo(model, x)`.
        """
        vectors = self.vectors(x)
        codes = self._nearest(vectors)
        if self.restart_after and self.training:
            self._restart(vectors, codes)
        rows = self.codebook[codes]
        log_likelihood = self.likelihood.log_prob(x, self._decode_vectors(vectors + (rows - vectors).detach()))
        to_codebook = (vectors.detach() - rows).square().sum(dim=(1, 2))
        to_encoder = (vectors - rows.detach()).square().sum(dim=(1, 2))
        return to_codebook + self.commitment * to_encoder - log_likelihood

    @torch.no_grad()
    def usage(self, x: Tensor) -> Tensor:
        """Compute each row's share of the codes of images (B, H, W): (C,). exp of its entropy is the perplexity."""
        codes = self.code(x)
        return torch.bincount(codes.flatten(), minlength=self.codebook_size).to(x) / codes.numel()

    def _nearest(self, vectors: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cdist(vectors, self.codebook.expand(len(vectors), -1, -1)).argmin(dim=2)

    def _decode_vectors(self, vectors: Tensor) -> Tensor:
        outputs = run_network("decoder", self.decoder, vectors.flatten(1), math.prod(self.image_shape))
        return self.likelihood.from_outputs(outputs).unflatten(1, self.image_shape)

    @torch.no_grad()
    def _restart(self, vectors: Tensor, codes: Tensor) -> None:
        """Count the steps in which a row was not used, and move rows that waited too long to vectors of the batch."""
        self.idle += 1
        self.idle[codes.flatten()] = 0
        candidates = vectors.flatten(0, 1)
        drawn = torch.randint(len(candidates), (self.codebook_size,), device=candidates.device)
        stale = (self.idle >= self.restart_after).unsqueeze(1)
        self.codebook.copy_(torch.where(stale, candidates[drawn], self.codebook))
        self.idle.masked_fill_(stale.squeeze(1), 0)

    def extra_repr(self) -> str:
        """Show what decides training besides the weights, which the cache's key must have."""
        return (
            f"codebook_size={self.codebook_size}, code_dim={self.code_dim}, commitment={self.commitment!r}, "
            f"restart_after={self.restart_after}"
        )
