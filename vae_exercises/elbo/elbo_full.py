"""The exercise "a q with a full covariance"."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.terms import Terms


class _Terms:
    """What the ELBO of one image is made of, in the linear-Gaussian model with a q of any covariance."""

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor, sigma: float, mu: Tensor, cov: Tensor) -> None:
        x, weight, bias, mu, cov = (part.double() for part in (x, weight, bias, mu, cov))
        self.n_pixels, self.variance = len(x), sigma**2
        n_codes = len(mu)
        marginal = weight @ weight.T + sigma**2 * torch.eye(len(x)).double()
        gain = torch.linalg.solve(marginal, weight).T
        eye = torch.eye(n_codes).double()
        posterior = MultivariateNormal(gain @ (x - bias), eye - gain @ weight)
        prior = MultivariateNormal(torch.zeros(n_codes).double(), eye)
        q = MultivariateNormal(mu, cov)
        self.evidence = MultivariateNormal(bias, marginal).log_prob(x)
        self.gap = kl_divergence(q, posterior)
        self.kl, self.kl_swapped = kl_divergence(q, prior), kl_divergence(prior, q)
        self.elbo = self.evidence - self.gap
        self.at_mean = Normal(bias + weight @ mu, sigma).log_prob(x).sum()
        self.constant = -0.5 * len(x) * math.log(2 * math.pi * sigma**2)
        self.spread = self.at_mean - self.elbo - self.kl  # what the spread of q costs
        self.spread_diagonal = 0.5 * cov.diagonal() @ weight.square().sum(dim=0) / sigma**2
        self.spread_of_sum = 0.5 * (weight @ cov @ weight.T).sum() / sigma**2
        self.spread_of_traces = 0.5 * weight.square().sum() * cov.trace() / sigma**2
        self.kl_diagonal = 0.5 * (mu @ mu + cov.trace() - n_codes - cov.diagonal().log().sum())
        self.at_mean_with_square = Normal(bias + weight @ mu, sigma**2).log_prob(x).sum()
        self.log_det_half = 0.5 * torch.logdet(cov)
        self.n_codes = n_codes


def _models(
    generator: Generator, n_pixels: int, latent_dim: int
) -> tuple[Tensor, Tensor, Tensor, float, Tensor, Tensor]:
    x, bias = torch.randn(2, n_pixels, generator=generator)
    weight, mu = torch.randn(n_pixels, latent_dim, generator=generator), torch.randn(latent_dim, generator=generator)
    sigma = 0.5 + 0.3 * float(torch.rand(1, generator=generator))
    root = 0.5 * torch.randn(latent_dim, latent_dim, generator=generator)
    return x, weight, bias, sigma, mu, root @ root.T + 0.1 * torch.eye(latent_dim)


def _of_terms(compute: Callable[[_Terms], Any]) -> Callable[..., Any]:
    return lambda *args: compute(_Terms(*args))


NOT_THIS_SPREAD = (
    "The KL term is right. In the reconstruction term, the spread does not add this: sum the variances of the D pixels "
    "of Wz, and none of their covariances."
)


GETS_A_SQUARE = "`Normal` takes a standard deviation; yours gets σ²."


FULL = Function(
    name="elbo-full",
    points=4,
    inputs=_models,
    answer=_of_terms(lambda t: t.elbo),
    mistakes=(
        Mistake(
            _of_terms(lambda t: -t.elbo),
            "The sign is flipped: this is the loss. The ELBO itself goes up, and never above log p(x).",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.kl),
            "This is the value at the mean of q, and not the average over q: the spread of q has no effect. Such a "
            "number may lie above log p(x).",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread_diagonal - t.kl),
            "Only the variances of q have entered the reconstruction term. This q has covariances too: what is the "
            "average of a product of two coordinates that vary together?",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread_diagonal - t.kl_diagonal),
            "Both terms are those of the lesson's diagonal q: they have used the variances of q only. What do "
            "the covariances do to each?",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - t.kl_diagonal),
            "The reconstruction term is right; the KL term has used the variances of q only.",
        ),
        Mistake(_of_terms(lambda t: t.at_mean - t.spread_of_sum - t.kl), NOT_THIS_SPREAD),
        Mistake(_of_terms(lambda t: t.at_mean - t.spread_of_traces - t.kl), NOT_THIS_SPREAD),
        Mistake(_of_terms(lambda t: t.at_mean_with_square - t.spread - t.kl), GETS_A_SQUARE),
        Mistake(
            lambda x, weight, bias, sigma, mu, cov: _Terms(x, weight, bias, sigma**2, mu, cov).elbo,
            GETS_A_SQUARE,
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - 2 * t.spread - t.kl),
            "What the spread adds to the squared error must be halved with the rest of it.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.variance * t.spread - t.kl),
            "What the spread adds to the squared error must be divided by the noise's variance with the rest of it.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean + t.spread - t.kl),
            "The spread of q raises the reconstruction term, where it ought to lower it. Look at its sign.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread + t.kl),
            "The KL term is added. It is subtracted in the ELBO: it is what the code costs.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread),
            "This is the reconstruction term. It is largest for an infinitely narrow q. What is the KL term of such "
            "a q?",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - t.kl_swapped),
            "The reconstruction term is right. In the KL term, q and the prior have changed places.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - t.gap),
            "The reconstruction term is right, but what is subtracted from it is the divergence from the posterior. "
            "There are two divergences: one is the KL term, the other the gap.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - 2 * t.kl),
            "The reconstruction term is right, the KL term is twice too large.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - t.kl - 0.5 * t.n_codes),
            "At q = prior the KL term must be 0. Yours is half a nat too much for each dimension of the code.",
        ),
        Mistake(
            _of_terms(lambda t: t.at_mean - t.spread - t.kl - t.log_det_half),
            "The log-determinant of q's covariance is missing in the KL term: then a narrow q has almost no KL.",
        ),
        Mistake(
            _of_terms(lambda t: t.elbo - t.constant),
            "The constant of the Gaussian density is missing. Without it, this is not a bound on log p(x), and the "
            "values of models with different σ cannot be compared.",
        ),
        Mistake(
            _of_terms(lambda t: t.elbo + 0.5 * t.n_pixels * math.log(2 * math.pi)),
            "The constant with 2π is missing, once for each pixel.",
        ),
        Mistake(
            _of_terms(lambda t: (t.at_mean - t.spread) / t.n_pixels - t.kl),
            "The reconstruction term is a mean over pixels, the KL term a sum over dimensions. That is not the ratio "
            "that they have in the bound: the code becomes too expensive.",
        ),
        Mistake(
            lambda x, weight, bias, sigma, mu, cov: _Terms(x, weight, bias, math.sqrt(sigma), mu, cov).elbo,
            "The noise has variance σ, where it should have σ².",
        ),
        Mistake(
            _of_terms(lambda t: t.evidence),
            "This is log p(x), which no q enters. The ELBO is lower, by the gap.",
        ),
        Mistake(_of_terms(lambda t: t.gap), "This is the gap, KL(q || posterior). How does it make an ELBO?"),
    ),
    hint="Take it apart. Put W = 0: the reconstruction term must be log N(x; b, σ²I), whatever q is. Put q = prior: "
    "the KL term must be 0. With one pixel and W = (1, 1), Wz is z₁ + z₂: which variance has that? A second pixel "
    "just like the first must double the reconstruction term. And with the posterior's mean and covariance as q, your "
    "result must be log p(x). If it differs from one call to the next, you have sampled; here each average has a "
    "closed form.",
    remark="What took the place of the sum is tr(W C Wᵀ): the variances of the D pixels of Wz, added up. With the "
    "posterior's own mean and covariance as μ and C, the gap is 0.",
    terms=Terms(
        ("the squared error at the mean of q", "the constant of the pixels' density", "the spread", "the KL term"),
        _of_terms(lambda t: (t.at_mean - t.constant, t.constant, -t.spread, -t.kl)),
    ),
    rtol=2e-5,  # narrower than what many samples reach
    atol=1e-3,
)
