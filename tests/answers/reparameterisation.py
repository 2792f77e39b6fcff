"""Answers to the exercises on the reparameterisation trick, as students write them."""

import math

import numpy as np
import torch
from torch.distributions import Exponential, Gamma, Gumbel, Independent, Laplace, MultivariateNormal, Normal, Weibull


def draw_by_torch(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).rsample()


def draw_in_double(mu, logvar):
    eps = torch.from_numpy(np.random.default_rng().standard_normal(mu.shape))
    return mu.double() + (logvar.double() / 2).exp() * eps


def draw_in_place(mu, logvar):
    return torch.randn_like(mu).mul_(logvar.mul_(0.5).exp_()).add_(mu)


def draw_by_images(mu, logvar):
    chunks = zip(mu.chunk(10), logvar.chunk(10), strict=True)
    return torch.cat([m + torch.sqrt(torch.exp(v)) * torch.randn(m.shape) for m, v in chunks])


def draw_antithetic_pairs(mu, logvar):
    eps = torch.randn(len(mu) // 2, mu.shape[1])
    return mu + torch.exp(0.5 * logvar) * torch.cat([eps, -eps])


def draw_scrambled(mu, logvar):
    """From a Sobol sequence over the images."""
    uniform = torch.quasirandom.SobolEngine(mu.shape[1], scramble=True).draw(len(mu), dtype=torch.float64)
    eps = torch.special.ndtri(uniform[torch.randperm(len(mu))].clamp(1e-9, 1 - 1e-9))
    return mu + torch.exp(0.5 * logvar) * eps.to(mu)


def drawing(width=lambda logvar: torch.exp(0.5 * logvar), noise=torch.randn_like):
    """A draw with another width or noise."""
    return lambda mu, logvar: mu + width(logvar) * noise(mu)


def alike(eps, first, second):
    """Noise of which two dimensions are the same."""
    eps[:, second] = eps[:, first]
    return eps


def correlated(mu):
    mixing = torch.eye(mu.shape[1])
    mixing[:2, 1] = torch.tensor([0.6, 0.8])
    return torch.randn_like(mu) @ mixing


def seeded(mu, logvar):
    torch.manual_seed(0)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def without_gradient(mu, logvar):
    with torch.no_grad():
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def gradients_by_hand(mu, logvar, target):
    sigma = (logvar / 2).exp()
    return -(mu - target), -(sigma**2) / 2


def gradients_in_numpy(mu, logvar, target):
    return target.numpy() - mu.numpy(), -0.5 * np.exp(logvar.numpy())


def gradients_by_autograd(mu, logvar, target):
    mu, logvar = mu.requires_grad_(), logvar.requires_grad_()
    reconstruction = -0.5 * ((mu - target) ** 2 + logvar.exp()).sum()
    reconstruction.backward()
    return mu.grad, logvar.grad


def surrogate_without_grad(f, mu, logvar, n_samples):
    sigma = torch.exp(0.5 * logvar)
    with torch.no_grad():
        z = mu + sigma * torch.randn(n_samples, len(mu))
        values = f(z)
    log_q = -0.5 * (math.log(2 * math.pi) + logvar + ((z - mu) / sigma) ** 2).sum(1)
    return values @ log_q / n_samples


def surrogate_with_baseline(f, mu, logvar, n_samples):
    q = Independent(Normal(mu, torch.exp(logvar / 2)), 1)
    z = q.rsample((n_samples,)).detach()
    values = f(z)
    others = (values.sum() - values) / (n_samples - 1)
    return ((values - others) * q.log_prob(z)).mean()


def surrogate_by_loop(f, mu, logvar, n_samples):
    q, total = Normal(mu, torch.exp(0.5 * logvar)), 0.0
    for z in q.sample((n_samples,)):
        total = total + f(z) * q.log_prob(z).sum() / n_samples
    return total


def surrogate_of_scores(f, mu, logvar, n_samples):
    """A linear function with the right gradients."""
    z = Normal(mu, torch.exp(0.5 * logvar)).sample((n_samples,))
    eps = ((z - mu) / torch.exp(0.5 * logvar)).detach()
    in_mu = (f(z)[:, None] * eps / torch.exp(0.5 * logvar).detach()).mean(0)
    in_logvar = (f(z)[:, None] * (eps**2 - 1) / 2).mean(0)
    return (in_mu * mu + in_logvar * logvar).sum()


def surrogate_with_average_baseline(f, mu, logvar, n_samples):
    q = Normal(mu, torch.exp(0.5 * logvar))
    z, others = q.sample((n_samples,)), q.sample((n_samples,))
    return ((f(z) - f(others).mean()) * q.log_prob(z).sum(1)).mean()


def surrogate_of_ratios(f, mu, logvar, n_samples):
    """Importance weights that are 1, with the gradient of log q."""
    q = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    z = q.sample((n_samples,))
    log_q = q.log_prob(z)
    return (f(z) * torch.exp(log_q - log_q.detach())).mean()


def surrogate_by_multivariate(f, mu, logvar, n_samples):
    q = MultivariateNormal(mu, torch.diag(logvar.exp()))
    z = q.sample((n_samples,))
    return torch.dot(f(z), q.log_prob(z)) / n_samples


def surrogate_in_pairs(f, mu, logvar, n_samples):
    eps = torch.randn(n_samples // 2, len(mu))
    z = (mu + torch.exp(0.5 * logvar) * torch.cat([eps, -eps])).detach()
    return (f(z) * Normal(mu, torch.exp(0.5 * logvar)).log_prob(z).sum(1)).mean()


def surrogate_without_constants(f, mu, logvar, n_samples):
    z = mu.detach() + torch.exp(0.5 * logvar.detach()) * torch.randn(n_samples, len(mu))
    return torch.einsum("l,lk->", f(z), -0.5 * (z - mu) ** 2 / logvar.exp() - 0.5 * logvar) / n_samples


def surrogate_without_normaliser(f, mu, logvar, n_samples):
    z = Normal(mu, torch.exp(0.5 * logvar)).sample((n_samples,))
    return (f(z) * (-0.5 * (z - mu) ** 2 / logvar.exp()).sum(1)).mean()


def surrogate_in_batches(f, mu, logvar, n_samples):
    q = Normal(mu, torch.exp(0.5 * logvar))
    return torch.cat([f(z) * q.log_prob(z).sum(1) for z in q.sample((n_samples,)).split(500)]).mean()


def surrogate_in_double(f, mu, logvar, n_samples):
    return surrogate()(lambda z: f(z.float()).double(), mu.double(), logvar.double(), n_samples)


def surrogate_of(terms, noise=lambda q, n: q.sample((n,)), width=lambda logvar: torch.exp(0.5 * logvar)):
    """The mean of `terms(f(z), log q(z) of each dimension)`."""

    def of(f, mu, logvar, n_samples):
        q = Normal(mu, width(logvar))
        z = noise(q, n_samples)
        return terms(f(z), q.log_prob(z)).mean()

    return of


def surrogate(draw="sample", keep_f=True, reduce=lambda log_q: log_q.sum(dim=1), scale=0.5):
    """The exercise's surrogate, with a mistake in one of its parts."""

    def of(f, mu, logvar, n_samples):
        q = Normal(mu, torch.exp(scale * logvar))
        z = getattr(q, draw)((n_samples,))
        values = f(z) if keep_f else f(z).detach()
        return (values * reduce(q.log_prob(z))).mean()

    return of


def surrogate_of_two_means(f, mu, logvar, n_samples):
    q = Normal(mu, torch.exp(0.5 * logvar))
    z = q.sample((n_samples,))
    return f(z).mean() * q.log_prob(z).sum(dim=1).mean()


def seeded_surrogate(*args):
    torch.manual_seed(0)
    return surrogate()(*args)


def pathwise_surrogate(f, mu, logvar, n_samples):
    return f(Normal(mu, torch.exp(0.5 * logvar)).rsample((n_samples,))).mean()


def baseline_by_covariance(values, scores):
    weighted = torch.stack([values * scores, scores])
    cov = torch.cov(weighted)
    return cov[0, 1] / cov[1, 1]


def baseline_by_regression(values, scores):
    """Weighted least squares of f on a constant."""
    weights = scores.numpy().astype(float) ** 2
    return float(np.average(values.numpy(), weights=weights))


def baseline_by_search(values, scores):
    tried = torch.linspace(0, 6, 301)
    noise = torch.stack([((values - b) * scores).var() for b in tried])
    return tried[noise.argmin()]


def baseline_by_loop(values, scores):
    above, below = 0.0, 0.0
    for value, score in zip(values, scores, strict=True):
        above += value * score**2
        below += score**2
    return above / below


def exponential_by_torch(rate):
    return Exponential(rate).rsample()


def exponential_by_inversion(rate):
    return -torch.log1p(-torch.rand_like(rate)) / rate


def exponential_in_double(rate):
    u = 1 - torch.rand(rate.shape, dtype=torch.float64)
    return (1 / rate) * u.log().neg()


def exponential_scaled(rate):
    return torch.empty_like(rate).exponential_() / rate


def exponential_by_a_chain(rate):
    return torch.exp(-Gumbel(torch.zeros_like(rate), 1.0).sample() - rate.log())


def exponential_by_chi_square(rate):
    """Half the sum of two squares."""
    return (torch.randn_like(rate) ** 2 + torch.randn_like(rate) ** 2) / (2 * rate)


def exponential_by_numpy(rate):
    return torch.from_numpy(np.random.default_rng().exponential(size=tuple(rate.shape))).float() / rate


def exponential_by_icdf(rate):
    return Exponential(rate).icdf(torch.rand_like(rate))


def exponential_in_pairs(rate):
    u = torch.rand(len(rate) // 2)
    return -torch.log(torch.cat([u, 1 - u])) / rate


def exponential_stratified(rate):
    u = (torch.randperm(len(rate)) + torch.rand(len(rate))) / len(rate)
    return -torch.log1p(-u.clamp(max=1 - 1e-7)) / rate


def exponential_with_a_guard(rate):
    return -torch.log(torch.rand_like(rate) + 1e-10) / rate


def standard(rate):
    return -torch.log(1 - torch.rand_like(rate))


RIGHT = {
    "draw-a-code": [
        draw_by_torch,
        draw_in_double,
        draw_in_place,
        draw_by_images,
        draw_antithetic_pairs,
        draw_scrambled,
    ],
    "expected-reconstruction-gradients": [
        gradients_by_hand,
        gradients_in_numpy,
        gradients_by_autograd,
        lambda mu, logvar, c: [c - mu, -0.5 * logvar.exp()],
    ],
    "score-surrogate": [
        surrogate_without_grad,
        surrogate_with_baseline,
        surrogate_by_loop,
        surrogate_of_scores,
        surrogate_with_average_baseline,
        surrogate_of_ratios,
        surrogate_by_multivariate,
        surrogate_in_pairs,
        surrogate_without_constants,
        surrogate_in_batches,
        surrogate_in_double,
        surrogate(),
    ],
    "best-baseline": [baseline_by_covariance, baseline_by_regression, baseline_by_search, baseline_by_loop],
    "draw-exponential": [
        exponential_by_torch,
        exponential_by_inversion,
        exponential_in_double,
        exponential_scaled,
        exponential_by_a_chain,
        exponential_by_chi_square,
        exponential_by_numpy,
        exponential_by_icdf,
        exponential_in_pairs,
        exponential_stratified,
        exponential_with_a_guard,
        lambda rate: Gamma(torch.ones_like(rate), rate).rsample(),
        lambda rate: Weibull(1 / rate, torch.ones_like(rate)).rsample(),
        lambda rate: rate.reciprocal() * torch.empty(rate.shape).exponential_(),
    ],
    "switch-gradient": ["b", "(B)"],
}

WRONG = {
    "draw-a-code": [
        (drawing(torch.exp), "The width of the draws is σ²"),
        (drawing(lambda logvar: logvar), "the number in `logvar` itself"),
        (drawing(lambda logvar: 0.5 * logvar), "half of `logvar`"),
        (drawing(torch.ones_like), "1 whatever `logvar` says"),
        (drawing(lambda logvar: torch.exp(-0.5 * logvar)), "The width is 1/σ"),
        (drawing(lambda logvar: torch.exp(0.25 * logvar)), "one root too many"),
        (drawing(torch.nn.functional.softplus), "softplus"),
        (drawing(lambda logvar: 2 * torch.exp(0.5 * logvar)), "σ must be 1 and 2"),
        (drawing(torch.sqrt), "There is a NaN in your draw"),
        (drawing(noise=lambda mu: torch.randn(mu.shape[1])), "All images share the same ε"),
        (drawing(noise=lambda mu: torch.randn(1, mu.shape[1])[[0] * len(mu)]), "errors no longer average"),
        (drawing(noise=lambda mu: torch.randn(len(mu), 1)), "codes lie on a line"),
        (drawing(noise=torch.rand_like), "never negative, and half on average"),
        (drawing(noise=lambda mu: math.sqrt(12) * (torch.rand_like(mu) - 0.5)), "are not Gaussian"),
        (drawing(noise=lambda mu: alike(torch.randn_like(mu), 1, 2)), "Dimensions of a code share one"),
        (lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), 2), "Your function raised"),
        (drawing(noise=lambda mu: alike(torch.randn_like(mu), 0, 2)), "in a plane"),
        (
            drawing(noise=correlated),
            "share their",
        ),
        (drawing(noise=lambda mu: torch.randn_like(mu).clamp(-3, 3)), "ever beyond 3"),
        (drawing(lambda logvar: torch.exp(0.5 * logvar).mean(0)), "average over the batch"),
        (drawing(lambda logvar: torch.exp(0.5 * logvar.mean(0))), "Each image has its own σ"),
        (lambda mu, logvar: torch.exp(0.5 * logvar) + mu * torch.randn_like(mu), "is not mu"),
        (lambda mu, logvar: mu, "nothing has been drawn"),
        (seeded, "Two calls give the same codes"),
        (lambda mu, logvar: drawing()(mu.mean(0).expand_as(mu), logvar), "which has its own `mu`"),
        (lambda mu, logvar: (drawing()(mu, logvar),), "a comma after the result"),
        (lambda mu, logvar: list(drawing()(mu, logvar)), "makes a tensor of it"),
        (lambda mu, logvar: (drawing()(mu, logvar), mu), "asks for one result"),
        (without_gradient, "no gradient passes through them"),
        (lambda mu, logvar: Normal(mu, torch.exp(0.5 * logvar)).sample(), "Look for `sample`, `detach`"),
        (lambda mu, logvar: drawing()(mu, logvar).detach().numpy(), "learn nothing from the reconstruction term"),
        (lambda mu, logvar: drawing()(mu, logvar.detach()), "none of it arrives at `logvar`"),
        (lambda mu, logvar: drawing()(mu.detach(), logvar), "none of it arrives at `mu`"),
        (lambda mu, logvar: drawing()(2 * mu - mu.detach(), logvar), "counted twice"),
        (lambda mu, logvar: drawing()(mu, logvar).sum(1), "has shape (20000,)"),
    ],
    "expected-reconstruction-gradients": [
        (lambda mu, logvar, c: (mu - c, 0.5 * logvar.exp()), "Both signs are flipped"),
        (lambda mu, logvar, c: (c - mu, 0 * logvar), "only the mean were decoded"),
        (lambda mu, logvar, c: (2 * (c - mu), -logvar.exp()), "f has a half in front"),
        (lambda mu, logvar, c: (c - mu, -logvar.exp()), "log σ² is twice too large"),
        (lambda mu, logvar, c: (c - mu, -(logvar / 2).exp()), "the gradient in σ. The task asks"),
        (lambda mu, logvar, c: (c - mu, -0.5 * torch.ones_like(mu)), "the gradient in σ² itself"),
        (lambda mu, logvar, c: (c - mu, -0.5 * (logvar / 2).exp()), "has σ where it should have σ²"),
        (lambda mu, logvar, c: (c - mu, 0.5 * logvar.exp()), "The second has the wrong sign"),
        (lambda mu, logvar, c: (mu - c, -0.5 * logvar.exp()), "The first has the wrong sign"),
        (lambda mu, logvar, c: (c - mu - mu, 0.5 - logvar.exp()), "gradients of reconstruction minus KL"),
        (
            lambda mu, logvar, c: ((c - mu) / mu.shape[1], -logvar.exp() / 2 / mu.shape[1]),
            "divided by the number of dimensions",
        ),
        (lambda mu, logvar, c: (c, logvar), "Do one dimension first"),
        (lambda mu, logvar, c: c - mu, "asks for 2 results"),
        (lambda mu, logvar, c: (c - mu, None), "Result 2 of yours is still missing"),
    ],
    "score-surrogate": [
        (surrogate("rsample", reduce=lambda log_q: log_q.mean(dim=1)), "what the wrong version computes"),
        (surrogate(reduce=lambda log_q: log_q.mean(dim=1)), "too small by the number of dimensions"),
        (surrogate("rsample"), "takes the path through z as well"),
        (lambda f, mu, logvar, n: surrogate()(f, mu, logvar, n + 1), "`f` is asked about"),
        (lambda f, mu, logvar, n: surrogate()(f, mu, logvar, n // 2), "codes, where `n_samples`"),
        (surrogate("rsample", keep_f=False), "so its gradient in mu is 0"),
        (lambda *args: -surrogate()(*args), "The sign is flipped"),
        (lambda f, mu, logvar, n: n * surrogate()(f, mu, logvar, n), "added up, and not averaged"),
        (surrogate(reduce=lambda log_q: log_q.sum(dim=1).exp()), "where its logarithm belongs"),
        (surrogate(scale=1.0), "too narrow: σ² has been used"),
        (pathwise_surrogate, "This is the pathwise estimator"),
        (lambda *args: surrogate()(*args) + pathwise_surrogate(*args), "Each of them is the whole gradient"),
        (lambda *args: surrogate()(*args).detach(), "as far as PyTorch can see"),
        (surrogate(reduce=lambda log_q: log_q.sum(dim=1).detach()), "is it detached too"),
        (lambda f, mu, logvar, n: f(Normal(mu, logvar.exp().sqrt()).sample((n,))).mean(), "what is it, then"),
        (lambda f, mu, logvar, n: pathwise_surrogate(f, mu, logvar, n) + 90 * mu.sum(), "nor one that I know"),
        (lambda *args: surrogate()(*args) / args[3], "is the average taken once"),
        (surrogate_of_two_means, "gradient is nearly 0"),
        (surrogate_of(lambda f, log_q: f * log_q[:, 0]), "Only the first dimension of each code"),
        (surrogate_of(lambda f, log_q: 2 * f * log_q.mean(1)), "times what it should be"),
        (surrogate_of(lambda f, log_q: f[:, None] * log_q), "logarithms of the densities of the single dimensions"),
        (surrogate_of(lambda f, log_q: 0.5 * f * log_q.sum(1)), "Which factor stands before the average"),
        (surrogate_of(lambda f, log_q: (f - f.mean()) / f.std() * log_q.sum(1)), "f is divided by its spread"),
        (surrogate_of(lambda f, log_q: f + log_q.sum(1)), "multiplied by the logarithm of the density"),
        (surrogate_of(lambda f, log_q: f * log_q.sum(1)[:, None]), "for each sample by its own"),
        (surrogate_of(lambda f, log_q: f * log_q.sum(1), width=torch.square), "their width is not σ"),
        (
            surrogate_of(lambda f, log_q: f * log_q.sum(1), lambda q, n: torch.randn(n, len(q.loc))),
            "drawn from the prior",
        ),
        (
            surrogate_of(lambda f, log_q: f * log_q.sum(1), lambda q, n: q.sample((1,)).expand(n, -1)),
            "Each sample needs its own draw",
        ),
        (lambda f, mu, logvar, n: surrogate()(f, mu, logvar.detach(), n), "No gradient arrives at `logvar`"),
        (lambda f, mu, logvar, n: surrogate()(f, mu.detach(), logvar, n), "No gradient arrives at `mu`"),
        (surrogate_without_normaliser, "the density lacks its normaliser"),
        (seeded_surrogate, "is there a seed"),
        (lambda *args: (surrogate()(*args),), "a comma after the result"),
        (lambda f, mu, logvar, n: torch.ones(n) * mu.sum(), "It must be one number"),
    ],
    "best-baseline": [
        (lambda values, scores: values.mean(), "the lesson's baseline"),
        (lambda values, scores: values.median(), "median of f"),
        (lambda values, scores: (values * scores).mean() / (scores**2).mean(), "One factor of the score is lost"),
        (lambda values, scores: (values * scores).mean() / scores.mean(), "which is 0 but for noise"),
        (lambda values, scores: (values * scores.abs()).sum() / scores.abs().sum(), "sizes of the scores"),
        (lambda values, scores: 2 * (values * scores**2).mean() / (scores**2).mean(), "Twice too large"),
        (lambda values, scores: -(values * scores**2).mean() / (scores**2).mean(), "baseline is subtracted"),
        (lambda values, scores: (values * scores**2).mean(), "The numerator is right"),
        (lambda values, scores: values.max(), "largest value of f"),
        (lambda values, scores: 0.0, "is not the smallest"),
    ],
    "draw-exponential": [
        (lambda rate: torch.log(torch.rand_like(rate)) / rate, "All draws are negative"),
        (lambda rate: standard(rate) * rate, "where it should be its inverse"),
        (standard, "do not depend on the rate"),
        (lambda rate: standard(rate) / rate.mean(), "averaged over the batch"),
        (lambda rate: standard(rate) / rate[0], "or that of one draw"),
        (lambda rate: (standard(rate) / rate,), "a comma after the result"),
        (lambda rate: list(standard(rate) / rate), "`torch.stack` makes one"),
        (lambda rate: rate * torch.exp(-rate * torch.rand_like(rate)), "put into the density"),
        (lambda rate: 1 - torch.exp(-rate * torch.rand_like(rate)), "solve u = F(z)"),
        (lambda rate: torch.exp(-rate * torch.rand_like(rate)), "one minus the distribution function"),
        (lambda rate: torch.randn_like(rate) / rate, "The noise is Gaussian"),
        (lambda rate: torch.randn_like(rate).abs() / rate, "noise is Gaussian. Which noise does"),
        (lambda rate: torch.randn_like(rate) ** 2 / rate, "Which noise does the inverse"),
        (lambda rate: standard(rate) / rate**2, "Is the rate squared"),
        (lambda rate: standard(rate) / rate.sqrt(), "is a root taken"),
        (lambda rate: standard(rate) / math.log(2) / rate, "or a logarithm of another base"),
        (lambda rate: standard(rate) / (2 * rate), "is there a factor"),
        (lambda rate: -torch.log(torch.rand_like(rate) + 1e-2) / rate, "the smallest draws are negative"),
        (lambda rate: -torch.log(torch.rand_like(rate).clamp(min=2e-3)) / rate, "draws is longer than 6.2 / rate"),
        (lambda rate: Laplace(torch.zeros_like(rate), 1 / rate).rsample(), "are not exponential with this rate"),
        (lambda rate: standard(rate) / rate + 0.1, "Their mean must be 1/rate"),
        (lambda rate: np.random.default_rng().exponential(1 / rate.detach().numpy()), "NumPy or `.data`"),
        (lambda rate: standard(rate) / rate[torch.randperm(len(rate))], "not where each draw has its own"),
        (lambda rate: standard(rate) / (2 * rate - rate.detach()), "or counted twice"),
        (lambda rate: -torch.log(torch.randn_like(rate)) / rate, "noise that may be negative"),
        (lambda rate: -torch.log(torch.rand(1)) / rate, "one noise for all of them"),
        (lambda rate: torch.rand_like(rate) / rate, "a share of exp(-1)"),
        (lambda rate: 1 / rate, "Two calls give the same numbers"),
        (lambda rate: Exponential(rate).sample(), "Look for `sample`"),
        (lambda rate: standard(rate) / rate.detach() + 0 * rate, "arrives at `rate`"),
        (lambda rate: standard(rate) / rate**2 * rate.detach(), "gradient in `rate` is not"),
        (lambda rate: standard(rate)[0], "has shape ()"),
    ],
    "switch-gradient": [
        ("a", "stays 0 if π changes"),
        ("c", "Noise is not the problem"),
        ("d", "von Mises family"),
        ("e", "must be one of a, b, c, d"),
    ],
}
