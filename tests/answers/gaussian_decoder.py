"""Answers to the exercises on the Gaussian decoder, as students write them."""

import math

import numpy as np
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import gaussian_nll_loss, mse_loss

from vae_lessons.probability.gaussian import kl_to_standard_normal
from vae_lessons.probability.likelihoods import Gaussian


def log_likelihood_by_nll(x, mean, sigma):
    variance = torch.full_like(mean, sigma**2)
    return -gaussian_nll_loss(mean, x, variance, full=True, reduction="none").flatten(1).sum(1)


def log_likelihood_by_full_covariance(x, mean, sigma):
    x, mean = x.double().flatten(1), mean.double().flatten(1)
    return MultivariateNormal(mean, sigma**2 * torch.eye(x.shape[1]).double()).log_prob(x)


def log_likelihood_by_loops(x, mean, sigma):
    total = np.zeros(len(x))
    for i, (image, drawn) in enumerate(zip(x.numpy(), mean.numpy(), strict=True)):
        for a, b in zip(image.ravel(), drawn.ravel(), strict=True):
            total[i] += -math.log(sigma * math.sqrt(2 * math.pi)) - 0.5 * ((a - b) / sigma) ** 2
    return total


def log_likelihood(error_factor, constant_factor, error=None):
    """a(σ) times the squared error, and b(σ, D), both subtracted."""

    def of(x, mean, sigma):
        e = ((x - mean) ** 2).sum((1, 2)) if error is None else error(x - mean)
        return -error_factor(sigma) * e - constant_factor(sigma, x[0].numel())

    return of


def half_precision(sigma):
    return 1 / (2 * sigma**2)


def right_constant(sigma, n_pixels):
    return n_pixels / 2 * math.log(2 * math.pi * sigma**2)


def variances_from_ratios(n_pixels, latent_dim, batch_size, n_data, beta):
    ratios = [(1, beta), (1 / n_pixels, 1 / latent_dim), (0.5, batch_size / n_data), (1, 1 / batch_size)]
    return [0.5 * of_kl / of_error for of_error, of_kl in ratios]


def variances_as_tensors(n_pixels, latent_dim, batch_size, n_data, beta):
    a, b, c, d = 0.5 * beta, 0.5 * n_pixels / latent_dim, batch_size / n_data, 0.5 / batch_size
    return torch.tensor(a), torch.tensor(b), torch.tensor(c), torch.tensor(d)


def variances(a=None, b=None, c=None, d=None):
    """The right ones, but for those that are given."""

    def of(*sizes):
        right = variances_from_ratios(*sizes)
        given = [f(*sizes) if f else None for f in (a, b, c, d)]
        return tuple(r if g is None else g for r, g in zip(right, given, strict=True))

    return of


def loss_from_the_package(x, x_hat, mu, logvar, sigma, n_data):
    return (kl_to_standard_normal(mu, logvar) - Gaussian(sigma).log_prob(x, x_hat)).mean()


def loss_by_torch(x, x_hat, mu, logvar, sigma, n_data):
    q = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    return torch.mean(kl_divergence(q, p) - Independent(Normal(x_hat, sigma), 2).log_prob(x))


def loss_by_sums(x, x_hat, mu, logvar, sigma, n_data):
    error = mse_loss(x_hat, x, reduction="sum") / (2 * sigma**2)
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
    return (error + kl) / len(x) + x[0].numel() * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def kl_of(mu, logvar, sigma, n_data):
    return kl_to_standard_normal(mu, logvar).mean()


def loss(error=lambda e: e.sum((1, 2)).mean(), kl=lambda parts: parts.sum(1).mean(), constant=1.0, weight=False):
    """Minus the ELBO from its parts, with a mistake in some of them; "batch" and "pixel" are weights too."""

    def constants(x, right):
        return right * {"batch": len(x), "pixel": 1 / x[0].numel()}.get(constant, constant)

    def of(x, x_hat, mu, logvar, sigma, n_data):
        parts = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
        share = len(x) / n_data if weight else 1
        return (
            error((x - x_hat) ** 2 / (2 * sigma**2))
            + share * kl(parts)
            + constants(x, right_constant(sigma, x[0].numel()))
        )

    return of


def best_sigma_in_numpy(x, x_hat):
    return np.sqrt(np.mean((x_hat.numpy() - x.numpy()[None]) ** 2))


def best_sigma_by_draws(x, x_hat):
    return (sum(mse_loss(draw, x) for draw in x_hat) / len(x_hat)) ** 0.5


def best_sigma_by_search(x, x_hat):
    tried = torch.linspace(0.1, 1.0, 9001).double()
    error = (x - x_hat).square().double().mean()
    return tried[(error / (2 * tried**2) + tried.log()).argmin()]


def squares(x, x_hat):
    return (x - x_hat) ** 2


def weights_by_eigvalsh(x, sigma, latent_dim):
    covariance = torch.cov(x.flatten(1).T)  # divided by M - 1
    return (torch.linalg.eigvalsh(covariance).flip(0)[:latent_dim] - sigma**2).relu()


def weights_in_numpy(x, sigma, latent_dim):
    flat = x.flatten(1).numpy()
    found = np.linalg.eigvals(np.cov(flat, rowvar=False, bias=True)).real
    return [max(value - sigma**2, 0) for value in sorted(found, reverse=True)[:latent_dim]]


def weights_by_pca(x, sigma, latent_dim):
    flat = x.flatten(1)
    _, singular, _ = torch.pca_lowrank(flat, q=flat.shape[1], niter=10)
    return torch.clamp(singular[:latent_dim] ** 2 / len(flat) - sigma**2, min=0)


def weights_backwards(x, sigma, latent_dim):
    found = np.linalg.eigvalsh(np.cov(x.flatten(1).numpy(), rowvar=False, bias=True))
    return np.clip(found - sigma**2, 0, None)[::-1][:latent_dim]


def singular_values(x):
    flat = x.flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(0))


def eigenvalues(x):
    return torch.linalg.eigvalsh(torch.cov(x.flatten(1).T)).flip(0)


def active_in_numpy(mu, logvar):
    return mu.numpy().var(axis=0) > 0.01


def active_by_loop(mu, logvar):
    return [bool(((column - column.mean()) ** 2).sum() / (len(column) - 1) > 0.01) for column in mu.T]


RIGHT = {
    "gaussian-log-likelihood": [
        log_likelihood_by_nll,
        log_likelihood_by_full_covariance,
        log_likelihood_by_loops,
        log_likelihood(half_precision, right_constant),
    ],
    "noise-of-a-loss": [variances_from_ratios, variances_as_tensors],
    "scaling-mistakes": [loss_from_the_package, loss_by_torch, loss_by_sums],
    "best-sigma": [best_sigma_in_numpy, best_sigma_by_draws, best_sigma_by_search],
    "directions-used": [weights_by_eigvalsh, weights_in_numpy, weights_by_pca, weights_backwards],
    "active-units": [active_in_numpy, active_by_loop],
}

WRONG = {
    "gaussian-log-likelihood": [
        (lambda *args: -log_likelihood_by_nll(*args), "The sign is flipped"),
        (log_likelihood(half_precision, lambda s, n: 0), "the constant is missing"),
        (lambda x, mean, sigma: -((x - mean) ** 2).sum((1, 2)), "σ plays no part in it"),
        (log_likelihood(lambda s: 1, right_constant), "not divided by anything"),
        (log_likelihood(half_precision, lambda s, n: -right_constant(s, n)), "constant has the wrong sign"),
        (lambda x, mean, sigma: Normal(mean, sigma**2).log_prob(x).sum((1, 2)), "Gaussian is σ² in yours"),
        (lambda x, mean, sigma: Normal(mean, sigma**0.5).log_prob(x).sum((1, 2)), "σ is taken for the variance"),
        (lambda x, mean, sigma: Normal(mean, math.exp(sigma / 2)).log_prob(x).sum((1, 2)), "σ is taken for a log-var"),
        (log_likelihood(lambda s: 1 / (2 * s), right_constant), "The error is divided by 2σ"),
        (
            log_likelihood(half_precision, lambda s, n: n / 2 * math.log(2 * math.pi * s)),
            "log σ where it should have log σ²",
        ),
        (log_likelihood(half_precision, lambda s, n: n / 2 * math.log(2 * math.pi)), "that of σ = 1"),
        (log_likelihood(half_precision, lambda s, n: n * math.log(s)), "lost its 2π"),
        (log_likelihood(half_precision, lambda s, n: right_constant(s, 1)), "that of a single pixel"),
        (log_likelihood(half_precision, lambda s, n: 2 * right_constant(s, n)), "constant is twice too large"),
        (log_likelihood(lambda s: 1 / s**2, right_constant), "error's part is twice too large"),
        (
            log_likelihood(half_precision, right_constant, lambda d: torch.linalg.norm(d.flatten(1), dim=1)),
            "the distance of the two images",
        ),
        (lambda x, mean, sigma: Normal(mean, sigma).log_prob(x).mean((1, 2)), "This is a mean over the pixels"),
        (
            log_likelihood(half_precision, right_constant, lambda d: (d**2).mean((1, 2))),
            "a mean over pixels, the constant a sum",
        ),
        (lambda x, mean, sigma: Normal(mean, sigma).log_prob(x), "logarithms for single pixels"),
        (lambda x, mean, sigma: Normal(mean, sigma).log_prob(x).sum(), "one number for the whole batch"),
        (lambda *args: log_likelihood_by_nll(*args).mean(), "averaged over the batch"),
        (lambda *args: log_likelihood_by_nll(*args).exp(), "the density itself"),
        (lambda x, mean, sigma: (x - mean).sum((1, 2)), "by hand"),
    ],
    "noise-of-a-loss": [
        (variances(a=lambda d, k, b, n, beta: 0.5), "β is left out"),
        (variances(a=lambda d, k, b, n, beta: 0.5 / beta), "β is on the wrong side"),
        (variances(a=lambda d, k, b, n, beta: beta), "Loss a: a half is lost"),
        (variances(a=lambda d, k, b, n, beta: (beta / 2) ** 0.5), "this is σ, and"),
        (variances(b=lambda d, k, b, n, beta: 0.5), "only if D = K"),
        (variances(b=lambda d, k, b, n, beta: d / 2), "has been overlooked"),
        (variances(b=lambda d, k, b, n, beta: d * k / 2), "yours says more"),
        (variances(b=lambda d, k, b, n, beta: 2 * k / d), "Loss b: this is its inverse"),
        (variances(b=lambda d, k, b, n, beta: k / d), "the factor before the error itself"),
        (variances(c=lambda d, k, b, n, beta: 1.0), "The weight on the KL is left out"),
        (variances(c=lambda d, k, b, n, beta: b / n / 2), "A half too many"),
        (variances(c=lambda d, k, b, n, beta: n / b), "Loss c: this is its inverse"),
        (variances(d=lambda d, k, b, n, beta: 0.5), "summed over the batch, and the KL averaged"),
        (variances(d=lambda d, k, b, n, beta: b / 2), "The batch is on the wrong side"),
        (variances(d=lambda d, k, b, n, beta: d / (2 * b)), "Is there a mean over pixels"),
        (variances(d=lambda d, k, b, n, beta: 17.0), "divide by b"),
        (lambda d, k, b, n, beta: (beta / 2, 0.5), "asks for four numbers"),
    ],
    "scaling-mistakes": [
        (loss(torch.mean, constant=0, weight=True), "what the wrong version computes"),
        (loss(torch.mean, constant=0), "The weight is gone, and rightly"),
        (loss(constant=0, weight=True), "summed over pixels, and rightly"),
        (loss(constant=0), "because it moves no weight"),
        (loss(torch.mean), "the squared error is still a mean"),
        (loss(torch.mean, constant="pixel"), "constant and all, is still a mean"),
        (loss(weight=True), "what would the weight correct"),
        (lambda *args: loss_by_torch(*args) / args[0][0].numel(), "That trains just as well"),
        (
            lambda x, *rest: loss(constant=0)(x, *rest) / x[0].numel(),
            "and has no constant",
        ),
        (loss(torch.mean, torch.mean, 0), "over different numbers of things"),
        (loss(kl=torch.mean), "The KL is a mean over the latent dimensions"),
        (loss(torch.sum, constant=0), "adds up over the batch too"),
        (loss(torch.sum), "The error is summed over the batch, the other parts"),
        (loss(torch.sum, torch.sum, "batch"), "This is a sum over the batch"),
        (lambda *args: -loss_by_torch(*args), "This is the ELBO itself"),
        (loss(kl=lambda parts: -parts.sum(1).mean()), "rewards codes"),
        (loss(constant="pixel"), "that of one pixel"),
        (loss(constant=-1), "belongs to minus the log-density"),
        (loss(lambda e: 2 * e.sum((1, 2)).mean()), "lost its half"),
        (loss(lambda e: -e.sum((1, 2)).mean()), "The squared error has the wrong sign"),
        (loss(kl=lambda parts: 0.5 * parts.sum(1).mean()), "The KL term counts 0.5 times"),
        (loss(kl=lambda parts: 0.99 * parts.sum(1).mean()), "The KL term counts 0.99 times"),
        (loss(kl=lambda parts: 2 * parts.mean()), "summed over its latent dimensions. Add them"),
        (lambda x, x_hat, *rest: ((x - x_hat) ** 2).sum((1, 2)).mean() + kl_of(*rest), "as if σ² were ½, and without"),
        (lambda x, x_hat, *rest: kl_of(*rest) - ((x - x_hat) ** 2).sum((1, 2)).mean(), "Three things"),
        (lambda *args: loss_by_torch(*args).item(), "no gradient passes from them to `x_hat`"),
        (
            lambda x, x_hat, mu, *rest: loss_by_torch(x, x_hat, mu.detach(), *rest),
            "no gradient passes from them to `mu`",
        ),
        (
            lambda x, x_hat, mu, logvar, *rest: loss_by_torch(x, x_hat, mu, logvar.detach(), *rest),
            "no gradient passes from them to `logvar`",
        ),
        (loss(lambda e: e.sum((1, 2)).sqrt().mean()), "only then average over the batch"),
        (loss(lambda e: e.sum((1, 2)), lambda parts: parts.sum(1)), "where the task asks for ()"),
    ],
    "best-sigma": [
        (lambda x, x_hat: squares(x, x_hat).mean(), "This is σ², the variance"),
        (lambda x, x_hat: squares(x, x_hat).sum((2, 3)).mean(), "the squared error of an image"),
        (lambda x, x_hat: squares(x, x_hat).sum((2, 3)).mean().sqrt(), "what does D do"),
        (lambda x, x_hat: (squares(x, x_hat).mean() / 2).sqrt(), "Too small by the root of 2"),
        (lambda x, x_hat: (squares(x, x_hat).mean() * 2).sqrt(), "Too large by the root of 2"),
        (lambda x, x_hat: mse_loss(x_hat.mean(0), x).sqrt(), "the spread of q adds to the error"),
        (lambda x, x_hat: mse_loss(x_hat[0], x).sqrt(), "Only the first draw"),
        (lambda x, x_hat: squares(x, x_hat).mean((2, 3)).sqrt().mean(), "average of roots"),
        (lambda x, x_hat: squares(x, x_hat).mean((0, 2, 3)).sqrt().mean(), "Each image gets its own σ"),
        (lambda x, x_hat: (x - x_hat).std(), "too bright"),
        (lambda x, x_hat: (x - x_hat).abs().mean(), "mean absolute error"),
        (lambda x, x_hat: x.std(), "what is left over".capitalize()),
        (lambda x, x_hat: squares(x, x_hat).mean().log() / 2, "This is log σ."),
        (lambda x, x_hat: 0.5, "Where is its derivative 0"),
    ],
    "directions-used": [
        (lambda x, sigma, k: eigenvalues(x)[:k] - sigma**2, "A squared weight is negative"),
        (lambda x, sigma, k: (eigenvalues(x)[:k] - sigma).relu(), "The border is σ in yours"),
        (lambda x, sigma, k: (eigenvalues(x)[:k].sqrt() - sigma).relu(), "Deviations are subtracted"),
        (lambda x, sigma, k: (eigenvalues(x)[:k] - sigma**2).relu().sqrt(), "the task asks for their squares"),
        (lambda x, sigma, k: eigenvalues(x)[:k] * (eigenvalues(x)[:k] > sigma**2), "only the rest to make"),
        (lambda x, sigma, k: eigenvalues(x)[:k] > sigma**2, "The task asks how much"),
        (lambda x, sigma, k: (eigenvalues(x)[:k] - sigma**2).relu().flip(0), "the smallest comes first"),
        (lambda x, sigma, k: (eigenvalues(x).flip(0)[:k] - sigma**2).relu(), "In which order does `eigvalsh`"),
        (
            lambda x, sigma, k: (
                torch.linalg.eigvalsh(x.flatten(1).T @ x.flatten(1) / len(x)).flip(0)[:k] - sigma**2
            ).relu(),
            "The mean image has not been subtracted",
        ),
        (lambda x, sigma, k: (len(x) * eigenvalues(x)[:k] - sigma**2).relu(), "a sum over images"),
        (
            lambda x, sigma, k: (x.flatten(1).var(0).sort().values.flip(0)[:k] - sigma**2).relu(),
            "variances of single pixels",
        ),
        (lambda x, sigma, k: (eigenvalues(x) - sigma**2).relu(), "only `latent_dim` coordinates"),
        (lambda x, sigma, k: torch.ones(k), "look at the border"),
        (lambda x, sigma, k: (eigenvalues(x)[:k] / len(x) - sigma**2).relu(), "All weights are 0"),
        (lambda x, sigma, k: (singular_values(x)[:k] / len(x) - sigma**2).relu(), "where variances belong"),
        (lambda x, sigma, k: (singular_values(x)[:k] - sigma**2).relu(), "How are the singular values"),
    ],
    "active-units": [
        (
            lambda mu, logvar: (mu + (logvar / 2).exp() * torch.randn_like(mu)).var(0) > 0.01,
            "the variance of drawn codes",
        ),
        (lambda mu, logvar: mu.std(0) > 0.01, "is a deviation or a range"),
        (lambda mu, logvar: mu.var(0) > 0.001, "Is the limit lower than 0.01"),
        (lambda mu, logvar: mu.var(0) > 0.005, "whose means hardly vary"),
        (lambda mu, logvar: mu.amax(0) - mu.amin(0) > 0.01, "where the definition has the variance"),
        (lambda mu, logvar: mu.var(0) > 0.02, "Is the limit higher"),
        (lambda mu, logvar: mu.var(0) > 0.1, "variance of 0.013 is called inactive"),
        (lambda mu, logvar: mu.var(0) / logvar.exp().mean(0) > 0.01, "divided by that of q"),
        (lambda mu, logvar: mu.mean(0).abs() > 0.01, "The average of the means"),
        (lambda mu, logvar: (mu**2).mean(0) > 0.01, "the mean square"),
        (
            lambda mu, logvar: (0.5 * (mu**2 + logvar.exp() - 1 - logvar)).mean(0) > 0.01,
            "the KL of a dimension",
        ),
        (lambda mu, logvar: logvar.exp().mean(0) < 0.9, "narrower than the prior"),
        (lambda mu, logvar: mu.var(0) <= 0.01, "named the inactive ones"),
        (lambda mu, logvar: int((mu.var(0) > 0.01).sum()), "how many there are"),
        (lambda mu, logvar: mu.var(0), "the variances themselves"),
        (lambda mu, logvar: mu.var(1) > 0.01, "over the dimensions of each image"),
        (lambda mu, logvar: torch.ones(9) * 0.5, "one dimension at a time"),
    ],
}
