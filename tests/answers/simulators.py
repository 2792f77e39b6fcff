"""Answers to the exercises on simulators, as students write them."""

import math

import numpy as np
import torch
from scipy import stats
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

# A posterior to test with


def posterior_by_shares(x, prior_variance, noise_variance):
    of_mean = noise_variance / x.shape[1]
    share = prior_variance / (prior_variance + of_mean)
    return share * x.mean(1), share * of_mean


def posterior_one_by_one(x, prior_variance, noise_variance):
    """Each posterior is the prior of the next measurement."""
    mean, variance = torch.zeros(len(x)), prior_variance
    for column in x.T:
        gain = variance / (variance + noise_variance)
        mean, variance = mean + gain * (column - mean), variance * (1 - gain)
    return mean, variance


def posterior_numpy(x, prior_variance, noise_variance):
    precision = 1 / float(prior_variance) + x.shape[1] / float(noise_variance)
    return x.numpy().sum(1) / float(noise_variance) / precision, 1 / precision


# Leave one out


def loo_by_mean(f, score):
    scale = len(f) / (len(f) - 1)
    return (scale * (f - f.mean(0))[..., None] * score).mean(0)


def loo_by_pairs(f, score):
    """Over all pairs of draws."""
    differences, scores = f[:, None] - f[None], score[:, None] - score[None]
    n = len(f)
    return (differences[..., None] * scores).sum((0, 1)) / (2 * n * (n - 1))


def loo_by_loop(f, score):
    total = 0
    for i in range(len(f)):
        others = torch.cat([f[:i], f[i + 1 :]])
        total = total + (f[i] - others.mean(0))[:, None] * score[i]
    return total / len(f)


def weighted(weights, score):
    return torch.einsum("lb,lbp->bp", weights, score) / len(weights)


# The mixture


def mixture_by_torch(logits, mu, logvar, theta):
    components = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    return MixtureSameFamily(Categorical(logits=logits), components).log_prob(theta)


def mixture_by_scipy(logits, mu, logvar, theta):
    log_parts = stats.norm(mu.numpy(), np.exp(0.5 * logvar.numpy())).logpdf(theta.numpy()[:, None]).sum(2)
    shares = logits.double().softmax(1).log().numpy()
    return np.logaddexp.reduce(shares + log_parts, axis=1)


def log_parts(mu, logvar, theta):
    return Normal(mu, torch.exp(0.5 * logvar)).log_prob(theta[:, None]).sum(2)


def mixture_naive(logits, mu, logvar, theta):
    return (logits.softmax(1) * log_parts(mu, logvar, theta).exp()).sum(1).log()


# The best classifier


def best_by_minimum(log_p, log_q):
    """1 - overlap / 2."""
    return 1 - 0.5 * torch.exp(torch.minimum(log_q - log_p, torch.zeros(()))).mean()


def best_by_loop(log_p, log_q):
    total = sum(max(0.0, 1 - math.exp(q - p)) for p, q in zip(log_p.tolist(), log_q.tolist(), strict=True))
    return 0.5 + total / len(log_p) / 2


def best_naive(log_p, log_q):
    return 0.5 + 0.5 * (1 - log_q.double().exp() / log_p.double().exp()).clamp(min=0).mean()


def area(log_p, log_q):
    return (1 - (log_q - log_p).exp()).clamp(min=0).mean()


RIGHT = {
    "flat-ranks": ["c", "C"],
    "linear-posterior": [posterior_by_shares, posterior_one_by_one, posterior_numpy],
    "leave-one-out": [loo_by_mean, loo_by_pairs, loo_by_loop],
    "mixture-log-density": [mixture_by_torch, mixture_by_scipy],
    "best-classifier": [best_by_minimum, best_by_loop],
}

WRONG = {
    "flat-ranks": [("a", "but not it alone"), ("b", "an average over all data"), ("d", "speaks against it")],
    "linear-posterior": [
        (lambda x, p, n: posterior_by_shares(x.mean(1, keepdim=True), p, n), "right for a single measurement"),
        (lambda x, p, n: (x.mean(1), n / x.shape[1]), "The prior has no effect"),
        (lambda x, p, n: (x.mean(1), posterior_by_shares(x, p, n)[1]), "plain average of the measurements"),
        (lambda x, p, n: (posterior_by_shares(x, p, n)[0], posterior_by_shares(x, p, n)[1].sqrt()), "deviation"),
        (lambda x, p, n: (posterior_by_shares(x, p, n)[0], 1 / posterior_by_shares(x, p, n)[1]), "is the precision"),
        (lambda x, p, n: posterior_by_shares(x, n, p), "changed places"),
        (lambda x, p, n: posterior_by_shares(x, p**2, n**2), "variances already"),
        (lambda x, p, n: posterior_by_shares(x, p, n)[::-1], "in the wrong order"),
        (lambda x, p, n: (posterior_by_shares(x, p, n)[0], p + n / x.shape[1]), "a sum of variances"),
        (lambda x, p, n: (posterior_by_shares(x, p, n)[0].mean(), posterior_by_shares(x, p, n)[1]), "averaged over"),
        (lambda x, p, n: (x.sum(1), p), "both are quadratic"),
    ],
    "leave-one-out": [
        (lambda f, score: weighted(f, score), "without any baseline"),
        (lambda f, score: weighted(f - f.mean(0), score), "the draw's own among them"),
        (lambda f, score: weighted(f - (f.sum(0) - f) / len(f), score), "How many others"),
        (lambda f, score: loo_by_mean(f, score) * len(f), "added up over the draws"),
        (lambda f, score: -loo_by_mean(f, score), "The sign is flipped"),
        (lambda f, score: weighted((f.sum(0) - f) / (len(f) - 1), score), "lost the draw's own value"),
        (lambda f, score: weighted(f - f.mean(), score), "a mean over the rows"),
        (lambda f, score: weighted((f - f.mean(0)) / f.std(0), score), "standardised"),
        (lambda f, score: loo_by_mean(f, score).mean(0), "averaged over the rows"),
        (lambda f, score: score.mean(0), "Try both"),
    ],
    "mixture-log-density": [
        (lambda a, m, v, t: (a + log_parts(m, v, t)).logsumexp(1), "not normalised"),
        (lambda a, m, v, t: (a.softmax(1) * log_parts(m, v, t)).sum(1), "log-densities are averaged"),
        (lambda a, m, v, t: (a.softmax(1) + log_parts(m, v, t)).logsumexp(1), "Both must be logarithms"),
        (lambda a, m, v, t: log_parts(m, v, t).logsumexp(1), "without their shares"),
        (lambda a, m, v, t: log_parts(m, v, t).logsumexp(1) - math.log(a.shape[1]), "have the same share"),
        (lambda a, m, v, t: mixture_by_torch(a, m, 2 * v, t), "taken for log σ"),
        (lambda a, m, v, t: mixture_by_torch(a, m, v / 2, t), "σ stands where σ² belongs"),
        (lambda a, m, v, t: mixture_by_torch(a, m, v, t) + math.log(2 * math.pi) * t.shape[1] / 2, "constant with 2π"),
        (lambda a, m, v, t: mixture_by_torch(a, m, v, t).exp(), "This is the density"),
        (lambda a, m, v, t: -mixture_by_torch(a, m, v, t), "this is the loss"),
        (lambda a, m, v, t: (a.log_softmax(1) + log_parts(m, v, t)).amax(1), "Only the largest"),
        (lambda a, m, v, t: mixture_by_torch(a, m, v, t).mean(), "averaged over the data"),
        (lambda a, m, v, t: t.sum(1), "Try both"),
        (mixture_naive, "without leaving the logarithms"),
    ],
    "best-classifier": [
        (lambda p, q: 0.5 + 0.5 * (1 - (q - p).exp()).mean(), "cancel the others"),
        (lambda p, q: 0.5 + 0.5 * (1 - (q - p).exp()).abs().mean(), "two areas are equal"),
        (area, "total variation distance, from 0 to 1"),
        (lambda p, q: 0.5 + area(p, q), "counts twice"),
        (lambda p, q: (p > q).float().mean(), "recognises a draw from p"),
        (lambda p, q: torch.sigmoid(p - q).mean(), "counts its decisions"),
        (lambda p, q: (p - q).mean(), "estimates KL"),
        (lambda p, q: 0.5 + 0.5 * ((q - p).exp() - 1).clamp(min=0).mean(), "dominated by the few draws"),
        (lambda p, q: 0.5 - 0.5 * area(p, q), "best classifier's error"),
        (lambda p, q: torch.tensor(0.9), "never below 1/2"),
        (best_naive, "before you leave the logarithms"),
    ],
}
