"""Answers to the exercises on a VAE's latent space, as students write them."""

import math

import numpy as np
import torch
from scipy.optimize import minimize
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae_lessons import elbo, inference
from vae_lessons.models import VAE

# The approximation gap


def gap_by_divergence(precision):
    zeros = torch.zeros_like(precision[0])
    q = MultivariateNormal(zeros, torch.diag(1 / precision.diagonal()))
    return kl_divergence(q, MultivariateNormal(zeros, precision_matrix=precision))


def gap_by_correlation(precision):
    root = precision.diagonal().rsqrt()
    return -0.5 * torch.log(torch.linalg.det(root[:, None] * precision * root))


def gap_by_numpy(precision):
    precision = precision.numpy()
    return 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])


def gap_by_search(precision):
    precision = precision.numpy()

    def gap(logvar):
        trace = (np.diag(precision) * np.exp(logvar)).sum()
        return 0.5 * (trace - len(precision) - np.linalg.slogdet(precision)[1] - logvar.sum())

    return minimize(gap, np.zeros(len(precision))).fun


def gap_by_solving(precision):
    cov = torch.linalg.solve(precision, torch.eye(len(precision)))
    return 0.5 * (precision.diagonal().log().sum() + torch.logdet(cov))


def gap_of_marginals(precision):
    cov = torch.linalg.inv(precision)
    trace = (precision.diagonal() * cov.diagonal()).sum()
    return 0.5 * (trace - len(cov) + torch.logdet(cov) - cov.diagonal().log().sum())


def gap_of_other_direction(precision):
    cov = torch.linalg.inv(precision)
    return 0.5 * (cov.diagonal().log().sum() - torch.logdet(cov))


def gap_from_posterior(precision):
    zeros = torch.zeros_like(precision[0])
    q = MultivariateNormal(zeros, torch.diag(1 / precision.diagonal()))
    return kl_divergence(MultivariateNormal(zeros, precision_matrix=precision), q)


# The importance-weighted bound


def bound_by_largest(log_joint, log_q):
    log_weights = log_joint - log_q
    largest = log_weights.max(dim=0).values
    return largest + (log_weights - largest).exp().mean(dim=0).log()


def bound_by_loop(log_joint, log_q):
    values = []
    for b in range(log_joint.shape[1]):
        weights = [float(log_joint[s, b] - log_q[s, b]) for s in range(len(log_q))]
        top = max(weights)
        values.append(top + math.log(sum(math.exp(w - top) for w in weights) / len(weights)))
    return torch.tensor(values)


def bound_by_numpy(log_joint, log_q):
    return np.logaddexp.reduce((log_joint - log_q).double().numpy(), axis=0) - np.log(len(log_q))


def bound_in_place(log_joint, log_q):
    return log_joint.sub_(log_q).sub_(math.log(len(log_q))).logsumexp(0)


def bound_of_all(log_joint, log_q):
    return bound_by_largest(log_joint.reshape(-1, 1), log_q.reshape(-1, 1))[0]


def bound_naive(log_joint, log_q):
    return (log_joint - log_q).exp().mean(0).log()


def bound_clamped(log_joint, log_q):
    return (log_joint - log_q).clamp(-80, 80).exp().mean(0).log()


# The ELBO by sampling


def kl_term(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def elbo_by_loop(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    total = 0
    for _ in range(n_samples):
        total = total + vae.log_likelihood(x, mu + (0.5 * logvar).exp() * torch.randn_like(mu))
    return total / n_samples - kl_term(mu, logvar)


def elbo_by_copies(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    z = Normal(mu, torch.exp(logvar / 2)).rsample((n_samples,))
    reconstruction = vae.log_likelihood(x.repeat(n_samples, 1), z.flatten(0, 1)).view(n_samples, -1)
    return reconstruction.mean(0) - kl_term(mu, logvar)


def elbo_all_sampled(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    q = Independent(Normal(mu, torch.exp(logvar / 2)), 1)
    p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    generator = torch.Generator()
    generator.seed()
    values = []
    for _ in range(n_samples):
        z = mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=generator)
        values.append(vae.log_likelihood(x, z) + p.log_prob(z) - q.log_prob(z))
    return torch.stack(values).mean(0)


def elbo_one_image_at_a_time(vae, x, n_samples):
    values = []
    for image in x.split(1):
        mu, logvar = vae.encode(image)
        log_likelihoods = [vae.log_likelihood(image, from_q(mu, logvar)) for _ in range(n_samples)]
        values.append((sum(log_likelihoods) / n_samples - kl_term(mu, logvar))[0])
    return torch.stack(values)


def elbo_of_mixed_copies(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    z = from_q(mu.expand(n_samples, -1, -1), logvar.expand(n_samples, -1, -1)).flatten(0, 1)
    reconstruction = vae.log_likelihood(x.repeat_interleave(n_samples, 0), z).view(len(x), n_samples)
    return reconstruction.mean(1) - kl_term(mu, logvar)


def elbo_with_the_mean_kl(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    return elbo_by_loop(vae, x, n_samples) + kl_term(mu, logvar) - kl_term(mu, logvar).mean()


def elbo_of_the_first_code(vae, x, n_samples):
    mu, logvar = (part.expand(len(x), -1) for part in vae.encode(x[:1]))
    log_likelihoods = [vae.log_likelihood(x, from_q(mu, logvar)) for _ in range(n_samples)]
    return torch.stack(log_likelihoods).mean(0) - kl_term(mu, logvar)


def seeded(vae, x, n_samples):
    torch.manual_seed(0)
    return elbo_by_loop(vae, x, n_samples)


def elbo_by_package(vae, x, n_samples):
    return elbo(vae, x, n_samples=n_samples).value


def elbo_with(draw, reduce=lambda log_likelihoods: log_likelihoods.mean(0), weight=-1):
    """A function that samples, with a mistake in one of its parts."""

    def estimate(vae, x, n_samples):
        mu, logvar = vae.encode(x)
        log_likelihoods = torch.stack([vae.log_likelihood(x, draw(mu, logvar)) for _ in range(n_samples)])
        return reduce(log_likelihoods) + weight * kl_term(mu, logvar)

    return estimate


def from_q(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def elbo_of_antithetic_pairs(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    total = 0
    for _ in range(n_samples):
        away = torch.exp(0.5 * logvar) * torch.randn_like(mu)
        total = total + vae.log_likelihood(x, mu + away) + vae.log_likelihood(x, mu - away)
    return total / (2 * n_samples) - kl_term(mu, logvar)


def elbo_of_stratified_draws(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    strata = torch.rand(n_samples, *mu.shape).argsort(dim=0)
    uniform = ((strata + torch.rand(n_samples, *mu.shape)) / n_samples).double().clamp(1e-9, 1 - 1e-9)
    eps = torch.special.ndtri(uniform).to(mu)
    log_likelihoods = [vae.log_likelihood(x, mu + torch.exp(0.5 * logvar) * some) for some in eps]
    return torch.stack(log_likelihoods).mean(0) - kl_term(mu, logvar)


def elbo_with_pairs_of_images(vae, x, n_samples):
    half = elbo_with(lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.cat(2 * [from_half(mu)]) * signs(mu))
    return half(vae, x, n_samples)


def from_half(mu):
    return torch.randn(len(mu) // 2, mu.shape[1])


def signs(mu):
    return torch.tensor([1.0, -1.0]).repeat_interleave(len(mu) // 2)[:, None]


def elbo_with_two_sets_of_draws(vae, x, n_samples):
    """One for each of the two terms."""
    mu, logvar = vae.encode(x)
    eps = torch.randn(n_samples, *mu.shape)
    z = mu + torch.exp(0.5 * logvar) * eps
    sampled_kl = 0.5 * (z**2 - logvar - eps**2).sum(2).mean(0)
    return elbo_by_loop(vae, x, n_samples) + kl_term(mu, logvar) - sampled_kl


def elbo_less(of_kl):
    """The right ELBO, but with `of_kl(mu, logvar)` as its KL term."""

    def estimate(vae, x, n_samples):
        mu, logvar = vae.encode(x)
        return elbo_by_loop(vae, x, n_samples) + kl_term(mu, logvar) - of_kl(mu, logvar)

    return estimate


def elbo_with_noise(noise):
    return elbo_with(lambda mu, logvar: mu + torch.exp(0.5 * logvar) * noise(mu))


def two_alike(mu):
    eps = torch.randn_like(mu)
    eps[:, 2] = eps[:, 1]
    return eps


def mean_of_codes(vae, x, n_samples):
    mu, logvar = vae.encode(x)
    z = torch.stack([from_q(mu, logvar) for _ in range(n_samples)]).mean(0)
    return vae.log_likelihood(x, z) - kl_term(mu, logvar)


def closed_form(vae, x, _n_samples):
    terms = vae.truth.elbo(x, *vae.encode(x))
    return terms.value


# A weight on the KL term


class ByParts(VAE):
    def __init__(self, *args, beta=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.beta = beta

    def loss(self, x):
        mu, logvar = self.encode(x)
        z = Normal(mu, torch.exp(logvar / 2)).rsample()
        return -self.log_likelihood(x, z) + self.beta * kl_term(mu, logvar)


class ByDifference(VAE):
    beta = 1.0

    def loss(self, images):
        terms = inference.elbo(self, images, n_samples=3)
        return -terms.value + (self.beta - 1) * terms.kl


class BySampledRate(VAE):
    beta = 1.0

    def loss(self, x):
        mu, logvar = self.encode(x)
        q = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
        z = q.rsample()
        prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
        return self.beta * (q.log_prob(z) - prior.log_prob(z)) - self.log_likelihood(x, z)


def tempered(loss, draw=from_q):
    """A class whose loss is `loss(reconstruction, kl, beta)`."""

    class Tempered(VAE):
        beta = 1.0

        def loss(self, x):
            mu, logvar = self.encode(x)
            return loss(self.log_likelihood(x, draw(mu, logvar)), kl_term(mu, logvar), self.beta)

    return Tempered


def drawing(draw):
    """A class whose loss is right, but for codes that come from `draw(mu, logvar)`."""
    return tempered(lambda reconstruction, kl, beta: beta * kl - reconstruction, draw)


class WithAntitheticPairs(VAE):
    beta = 1.0

    def loss(self, x):
        mu, logvar = self.encode(x)
        away = torch.exp(0.5 * logvar) * torch.randn_like(mu)
        both = self.log_likelihood(x, mu + away) + self.log_likelihood(x, mu - away)
        return self.beta * kl_term(mu, logvar) - both / 2


class WithPairsOfImages(VAE):
    beta = 1.0

    def loss(self, x):
        mu, logvar = self.encode(x)
        eps = torch.cat(2 * [from_half(mu)]) * signs(mu)
        return self.beta * kl_term(mu, logvar) - self.log_likelihood(x, mu + torch.exp(0.5 * logvar) * eps)


class WithAnInitOfItsOwn(ByParts):
    def __init__(self, image_shape, latent_dim, beta=1.0, **rest):
        super().__init__(image_shape, latent_dim, beta=beta, **rest)


class BetaIsAParameter(ByParts):
    def __init__(self, *args, **rest):
        super().__init__(*args, **rest)
        del self.beta
        self.beta = torch.nn.Parameter(torch.tensor(1.0))


class BetaIsABuffer(ByParts):
    def __init__(self, *args, **rest):
        super().__init__(*args, **rest)
        del self.beta
        self.register_buffer("beta", torch.tensor(1.0))


class MeanKl(VAE):
    beta = 1.0

    def loss(self, x):
        terms = elbo(self, x)
        return self.beta * terms.kl.mean() - terms.reconstruction


class MeanOverDimensions(VAE):
    beta = 1.0

    def loss(self, x):
        terms = elbo(self, x)
        return self.beta * terms.kl / self.encode(x)[0].shape[1] - terms.reconstruction


class MeanOverPixels(VAE):
    beta = 1.0

    def loss(self, x):
        terms = elbo(self, x)
        return self.beta * terms.kl - terms.reconstruction / x[0].numel()


class ForTwoDimensions(VAE):
    """The latent dimensions, as in the task's example, are written into the code."""

    beta = 1.0

    def loss(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(len(x), 2)
        return self.beta * kl_term(mu, logvar) - self.log_likelihood(x, z)


def returning(combine):
    """A class that returns what `combine` makes of the right loss and the images."""

    class Returning(ByParts):
        def loss(self, x):
            return combine(super().loss(x), x)

    return Returning


def shuffled(mu, logvar):
    return from_q(mu, logvar)[torch.randperm(len(mu))]


def always_the_same(mu, logvar):
    torch.manual_seed(0)
    return from_q(mu, logvar)


def one_eps(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])


class Frozen(VAE):
    beta = 1.0

    @torch.no_grad()
    def loss(self, x):
        terms = elbo(self, x)
        return self.beta * terms.kl - terms.reconstruction


RIGHT = {
    "which-gap": ["c", "(C)"],
    "approximation-gap": [gap_by_divergence, gap_by_correlation, gap_by_numpy, gap_by_search, gap_by_solving],
    "importance-bound": [bound_by_largest, bound_by_loop, bound_by_numpy, bound_in_place],
    "elbo-by-sampling": [
        elbo_by_loop,
        elbo_by_copies,
        elbo_one_image_at_a_time,
        elbo_all_sampled,
        elbo_by_package,
        elbo_of_antithetic_pairs,
        elbo_of_stratified_draws,
        elbo_with_pairs_of_images,
        elbo_with_two_sets_of_draws,
    ],
    "midpoint": [10, torch.tensor(10.07), 9.93],
    "beta-vae": [ByParts, ByDifference, BySampledRate, WithAnInitOfItsOwn, WithAntitheticPairs, WithPairsOfImages],
}

WRONG = {
    "which-gap": [("a", "No encoder occurs"), ("b", "looked for without the encoder"), ("d", "however it is found")],
    "approximation-gap": [
        (lambda precision: 2 * gap_by_numpy(precision), "twice too large"),
        (lambda precision: -gap_by_numpy(precision), "sign is flipped"),
        (gap_of_marginals, "posterior's own variances"),
        (gap_of_other_direction, "read as the covariance"),
        (gap_from_posterior, "then this is KL(p || q*)"),
        (lambda precision: precision.diagonal().log().sum() / 2, "determinant of the posterior is missing"),
        (lambda precision: -torch.logdet(precision) / 2, "that of q* is missing"),
        (lambda precision: gap_by_divergence(precision) + len(precision) / 2, "-K of the KL"),
        (
            lambda precision: (precision.diagonal().log().sum() + torch.logdet(precision)) / 2,
            "determinant has the wrong sign",
        ),
        (lambda precision: precision.square().sum() - precision.diagonal().square().sum(), "Try both"),
    ],
    "importance-bound": [
        (
            lambda log_joint, log_q: ((log_q - log_joint).softmax(0) * (log_joint - log_q)).sum(0),
            "still over minus the log-weights",
        ),
        (
            lambda log_joint, log_q: ((log_joint - log_q).softmax(0) * (log_joint - log_q)).sum(0),
            "weighted average of log-weights",
        ),
        (lambda log_joint, log_q: (log_joint - log_q).mean(0), "mean of the logarithms"),
        (lambda log_joint, log_q: (log_joint - log_q).logsumexp(0), "logarithm of a sum"),
        (lambda log_joint, log_q: bound_by_largest(log_q, log_joint), "q stands over p"),
        (lambda log_joint, log_q: -bound_by_largest(log_q, log_joint), "harmonic mean"),
        (lambda log_joint, log_q: bound_by_largest(log_joint, log_q).exp(), "mean of the weights"),
        (lambda log_joint, log_q: -bound_by_largest(log_joint, log_q), "sign is flipped"),
        (lambda log_joint, log_q: bound_by_largest(log_joint, 0 * log_q), "q plays no part"),
        (lambda log_joint, log_q: (log_joint - log_q).max(0).values, "Only the best code"),
        (lambda log_joint, log_q: bound_by_largest(log_joint.T, log_q.T), "over the images"),
        (lambda log_joint, log_q: bound_by_largest(log_joint, log_q).mean(), "averaged over the batch"),
        (
            lambda log_joint, log_q: bound_of_all(log_joint, log_q).expand(log_q.shape[1]),
            "averaged together before the logarithm",
        ),
        (lambda log_joint, log_q: bound_of_all(log_joint, log_q), "This is one number, from the weights"),
        (lambda log_joint, log_q: bound_by_largest(log_joint, log_q) + 1, "The number 1 is added"),
        (lambda log_joint, log_q: (log_joint - log_q).logsumexp(0) - math.log(7), "is a size written into the code"),
        (lambda log_joint, log_q: (log_joint - log_q)[:3].logsumexp(0) - math.log(3), "must be that one log-weight"),
        (bound_naive, "the largest be taken out first"),
        (bound_clamped, "something clamped"),
    ],
    "elbo-by-sampling": [
        (elbo_with(lambda mu, logvar: mu), "Only the mean of q is decoded"),
        (closed_form, "no noise at all"),
        (elbo_with(lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])), "have the same ε"),
        (elbo_with(from_q, lambda log_likelihoods: log_likelihoods.mean()), "goes over the batch too"),
        (lambda vae, x, n_samples: elbo_by_loop(vae, x, n_samples).mean(), "one value for each"),
        (lambda vae, x, n_samples: -elbo_by_loop(vae, x, n_samples), "sign is flipped"),
        (elbo_with(from_q, weight=1), "The KL term is added"),
        (elbo_with(from_q, weight=0), "The KL term is missing"),
        (elbo_with(lambda mu, logvar: torch.randn_like(mu)), "drawn from the prior"),
        (elbo_with(lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu)), "too narrow"),
        (elbo_with(lambda mu, logvar: mu + logvar * torch.randn_like(mu)), "too wide"),
        (elbo_with(lambda mu, logvar: mu + torch.randn_like(mu)), "width 1 of the prior"),
        (elbo_with(lambda mu, logvar: from_q(mu, logvar) + 30), "What must be the mean of the noise"),
        (elbo_with(from_q, lambda log_likelihoods: log_likelihoods.sum(0)), "added up, and not averaged"),
        (elbo_with(from_q, lambda log_likelihoods: log_likelihoods[0]), "spread as much as one"),
        (
            elbo_with(from_q, lambda log_likelihoods: log_likelihoods.logsumexp(0) - math.log(len(log_likelihoods))),
            "importance-weighted",
        ),
        (
            elbo_with(from_q, lambda log_likelihoods: log_likelihoods.max(0).values),
            "What is done with the samples of one image",
        ),
        (elbo_of_mixed_copies, "not in a batch of different ones"),
        (elbo_with_the_mean_kl, "The KL term is averaged over the batch"),
        (elbo_of_the_first_code, "mixed with those of others"),
        (seeded, "is there a seed"),
        (lambda *args: (elbo_by_loop(*args), 1.0), "asks for one result; yours has 2"),
        (elbo_less(lambda *q: 0.95 * kl_term(*q)), "multiplied by 0.95"),
        (elbo_less(lambda *q: 0.99 * kl_term(*q)), "multiplied by 0.99"),
        (elbo_less(lambda *q: kl_term(*q) / 2), "multiplied by 0.5"),
        (elbo_less(lambda *q: kl_term(*q) / q[0].shape[1]), "mean over the latent dimensions"),
        (elbo_less(lambda *q: 2 * kl_term(*q)), "Where is the half"),
        (elbo_less(lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar).sum(1)), "its -1 for each"),
        (elbo_less(lambda mu, logvar: 0.5 * (mu**2).sum(1)), "only its part with μ"),
        (elbo_less(lambda mu, logvar: kl_term(0 * mu, logvar)), "only its part with σ"),
        (elbo_less(lambda mu, logvar: kl_term(mu, 2 * logvar)), "read as log σ"),
        (elbo_less(lambda mu, logvar: kl_term(mu.half(), logvar.half()).float() + 1), "where q is the prior"),
        (lambda vae, x, n: elbo_by_loop(vae, x, n + 1), "one code more"),
        (lambda vae, x, n: elbo_by_loop(vae, x, 7), "whether `n_samples` is 1 or 4"),
        (elbo_with_noise(lambda mu: torch.randn_like(mu).clamp(-3, 3)), "ever beyond 3"),
        (elbo_with_noise(lambda mu: torch.randn_like(mu[:, :1]).expand_as(mu)), "share their noise"),
        (elbo_with_noise(two_alike), "Dimensions of a code share"),
        (elbo_with_noise(lambda mu: torch.randn(len(mu), 2)), "Your function raised"),
        (elbo_with_noise(lambda mu: math.sqrt(12) * (torch.rand_like(mu) - 0.5)), "not Gaussian"),
        (elbo_with(lambda mu, logvar: from_q(mu, logvar.mean(0))), "average over the batch"),
        (elbo_with(lambda mu, logvar: from_q(0 * mu, logvar)), "lie about 0"),
        (elbo_with(lambda mu, logvar: from_q(mu, -logvar)), "1/σ"),
        (elbo_with(lambda mu, logvar: from_q(mu, logvar + 1)), "width is not σ"),
        (mean_of_codes, "averaged before they are decoded"),
    ],
    "midpoint": [
        (20, "at the two ends"),
        (math.sqrt(10), "That is the length"),
        (14.14, "shrinks by that factor"),
        (5.0, "one of the two codes contributes"),
        (0, "origin on average"),
        (40, "a half as well"),
        (0.5, "one coordinate's share"),
        (7.0, "ten thousand pairs"),
        ("ten", "must be one number"),
    ],
    "beta-vae": [
        (tempered(lambda reconstruction, kl, beta: reconstruction - beta * kl), "both signs are flipped"),
        (tempered(lambda reconstruction, kl, beta: kl - reconstruction), "`beta` has no part in it"),
        (
            tempered(lambda reconstruction, kl, beta: kl - beta * reconstruction),
            "the reconstruction term that β weighs",
        ),
        (tempered(lambda reconstruction, kl, beta: beta * (kl - reconstruction)), "β weighs both terms"),
        (tempered(lambda reconstruction, kl, beta: kl / beta - reconstruction), "divided by β"),
        (tempered(lambda reconstruction, kl, beta: -reconstruction - beta * kl), "costs less here"),
        (tempered(lambda reconstruction, kl, beta: kl - reconstruction + beta * kl), "counted twice"),
        (MeanOverPixels, "mean over the pixels"),
        (tempered(lambda reconstruction, kl, beta: beta * kl / 2 - reconstruction), "multiplied by 0.5"),
        (ForTwoDimensions, "Your function raised"),
        (MeanOverDimensions, "mean over the latent dimensions"),
        (tempered(lambda reconstruction, kl, beta: beta * beta * kl - reconstruction), "by β twice"),
        (tempered(lambda reconstruction, kl, beta: (beta * kl - reconstruction).mean()), "one value for each"),
        (tempered(lambda reconstruction, kl, beta: 0.95 * beta * kl - reconstruction), "multiplied by 0.95"),
        (tempered(lambda reconstruction, kl, beta: 0.99 * beta * kl - reconstruction), "multiplied by 0.99"),
        (drawing(lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu)), "too narrow"),
        (drawing(lambda mu, logvar: mu + torch.randn_like(mu)), "width 1 of the prior"),
        (drawing(lambda mu, logvar: torch.randn_like(mu)), "drawn from the prior"),
        (drawing(lambda mu, logvar: from_q(0 * mu, logvar)), "lie about 0"),
        (drawing(lambda mu, logvar: from_q(mu, logvar.mean(0))), "through each `repeat`"),
        (drawing(lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), 1)), "share their noise"),
        (
            drawing(lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).clamp(-3, 3)),
            "ever beyond 3",
        ),
        (
            tempered(lambda reconstruction, kl, beta: beta * kl - reconstruction, lambda mu, logvar: mu),
            "loss has no noise",
        ),
        (tempered(lambda reconstruction, kl, beta: beta * kl - 2 * reconstruction), "Get that right first"),
        (
            tempered(lambda reconstruction, kl, beta: (1 + 0.5 * (beta - 1)) * kl - reconstruction),
            "three times the KL term",
        ),
        (tempered(lambda reconstruction, kl, beta: beta * kl - reconstruction, one_eps), "all have the same ε"),
        (
            tempered(lambda reconstruction, kl, beta: beta * kl - reconstruction, shuffled),
            "not in a batch of different ones",
        ),
        (tempered(lambda reconstruction, kl, beta: beta * kl - reconstruction, always_the_same), "is there a seed"),
        (MeanKl, "Follow one image"),
        (BetaIsAParameter, "must be a plain attribute"),
        (BetaIsABuffer, "not a parameter or a buffer"),
        (returning(lambda loss, x: (loss, x)), "asks for one result; yours has 2"),
        (returning(lambda loss, x: (loss, x, x)), "yours has 3"),
        (returning(lambda loss, x: (loss,)), "a comma after the result"),
        (returning(lambda loss, x: list(loss)), "`torch.stack` makes one"),
        (Frozen, "decoder gets no gradient"),
        (
            tempered(
                lambda reconstruction, kl, beta: beta * kl - reconstruction,
                lambda mu, logvar: from_q(mu, logvar).detach(),
            ),
            "the posterior collapses",
        ),
        (tempered(lambda reconstruction, kl, beta: beta * kl.detach() - reconstruction), "Is it detached"),
        (lambda x: x, "needs your class itself"),
    ],
}
