"""Answers to the exercises on the assumptions, as students write them."""

import math

import numpy as np
import scipy.stats
import torch
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

# The rate under a mixture


def normal(z, mu, logvar):
    return -0.5 * ((z - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).sum(-1)


def rate_by_package(z, mu, logvar, shares, means, logvars):
    q = Independent(Normal(mu, torch.exp(logvar / 2)), 1)
    parts = Independent(Normal(means, torch.exp(logvars / 2)), 1)
    return q.log_prob(z) - MixtureSameFamily(Categorical(probs=shares), parts).log_prob(z)


def rate_by_loop(z, mu, logvar, shares, means, logvars):
    rates = []
    for b in range(len(z)):
        terms = [math.log(s) + float(normal(z[b], m, v)) for s, m, v in zip(shares, means, logvars, strict=True)]
        top = max(terms)
        log_p = top + math.log(sum(math.exp(t - top) for t in terms))
        rates.append(float(normal(z[b], mu[b], logvar[b])) - log_p)
    return torch.tensor(rates)


def rate_by_numpy(z, mu, logvar, shares, means, logvars):
    z, mu, logvar, shares, means, logvars = (a.numpy() for a in (z, mu, logvar, shares, means, logvars))
    log_q = scipy.stats.norm(mu, np.exp(logvar / 2)).logpdf(z).sum(1)
    parts = scipy.stats.norm(means, np.exp(logvars / 2)).logpdf(z[:, None]).sum(2)
    return log_q - logsumexp(parts, axis=1, b=shares)


def rate_naive(z, mu, logvar, shares, means, logvars):
    p = (shares * normal(z[:, None], means, logvars).exp()).sum(1)
    return normal(z, mu, logvar) - p.log()


def rate_of_summed_logs(z, mu, logvar, shares, means, logvars):
    return normal(z, mu, logvar) - (shares * normal(z[:, None], means, logvars)).sum(1)


def rate_without_shares(z, mu, logvar, shares, means, logvars):
    return normal(z, mu, logvar) - normal(z[:, None], means, logvars).logsumexp(1)


def rate_in_closed_form(z, mu, logvar, shares, means, logvars):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


# The aggregate posterior


def density_by_package(z, mu, logvar):
    parts = Independent(Normal(mu, torch.exp(logvar / 2)), 1)
    return MixtureSameFamily(Categorical(logits=torch.zeros(len(mu))), parts).log_prob(z)


def density_by_loop(z, mu, logvar):
    return torch.stack([normal(code, mu, logvar).logsumexp(0) - math.log(len(mu)) for code in z])


def density_by_numpy(z, mu, logvar):
    parts = scipy.stats.norm(mu.numpy(), np.exp(logvar.numpy() / 2)).logpdf(z.numpy()[:, None]).sum(2)
    return logsumexp(parts, axis=1) - np.log(len(mu))


def density_naive(z, mu, logvar):
    return normal(z[:, None], mu, logvar).exp().mean(1).log()


# Neighbours


def neighbours_by_loop(residuals):
    _, height, width = residuals.shape
    r = residuals.numpy()
    rows = [[np.corrcoef(r[:, i, j], r[:, i, j + 1])[0, 1] for j in range(width - 1)] for i in range(height)]
    return torch.tensor(np.array(rows))


def neighbours_by_matrix(residuals):
    _, height, width = residuals.shape
    matrix = torch.corrcoef(residuals.flatten(1).T).view(height, width, height, width)
    i, j = torch.arange(height)[:, None], torch.arange(width - 1)
    return matrix[i, j, i, j + 1]


def standardised(residuals):
    return (residuals - residuals.mean(0)) / residuals.std(0, correction=0)


# Strange images


def higher_by_loop(test, strange):
    won = sum(1.0 if t > s else 0.5 if t == s else 0.0 for t in test for s in strange)
    return won / (len(test) * len(strange))


def higher_by_package(test, strange):
    scores = torch.cat([test, strange])
    return torch.tensor(roc_auc_score([1] * len(test) + [0] * len(strange), scores))


def higher_by_ranks(test, strange):
    return torch.tensor(scipy.stats.mannwhitneyu(test, strange).statistic / (len(test) * len(strange)))


RIGHT = {
    "rate-under-a-mixture": [rate_by_package, rate_by_loop, rate_by_numpy],
    "aggregate-density": [density_by_package, density_by_loop, density_by_numpy],
    "neighbours": [neighbours_by_loop, neighbours_by_matrix],
    "strange-images": [higher_by_loop, higher_by_package, higher_by_ranks],
    "rare-good-draws": [math.log(1000), 6.91, torch.tensor(6.908)],
    "which-one-failed": ["c", "(C)"],
}

WRONG = {
    "rate-under-a-mixture": [
        (rate_naive, "too small for a floating-point number"),
        (rate_of_summed_logs, "average the logarithms"),
        (rate_without_shares, "without their shares"),
        (rate_in_closed_form, "the KL from N(0, I)"),
        (lambda *args: -rate_by_package(*args), "sign is flipped"),
        (lambda *args: rate_by_package(*args) + 1, "whose mean and variance are those of q"),
        (lambda *args: rate_by_package(*args).mean(), "where the task asks for"),
    ],
    "aggregate-density": [
        (density_naive, "Stay in logarithms"),
        (lambda z, mu, logvar: normal(z[:, None], mu, logvar).logsumexp(1), "number of images, not to 1"),
        (lambda z, mu, logvar: normal(z[:, None], mu, logvar).mean(1), "average of the logarithms"),
        (lambda z, mu, logvar: normal(z, mu.mean(0), logvar.mean(0)), "parameters of the posteriors are averaged"),
        (lambda z, mu, logvar: normal(z[:, None], mu, logvar).logsumexp(0), "run over the images"),
        (lambda z, mu, logvar: normal(z[:, None], mu, logvar).max(1).values - math.log(len(mu)), "Only the nearest"),
    ],
    "neighbours": [
        (lambda r: (standardised(r)[:, 1:] * standardised(r)[:, :-1]).mean(0), "above and below"),
        (lambda r: (standardised(r)[:, :, 1:] * standardised(r)[:, :, :-1]).mean(), "one number for the whole image"),
        (
            lambda r: ((r - r.mean(0))[:, :, 1:] * (r - r.mean(0))[:, :, :-1]).mean(0),
            "This is a covariance",
        ),
        (lambda r: (standardised(r) * standardised(r).roll(-1, 2)).mean(0), "goes round the edge"),
        (lambda r: neighbours_by_matrix(r).abs(), "signs are lost"),
    ],
    "strange-images": [
        (lambda test, strange: (strange[None] > test[:, None]).float().mean(), "If every test image"),
        (lambda test, strange: (test[:, None] > strange).float().mean(), "A tie counts as lost"),
        (lambda test, strange: (test[:, None] >= strange).float().mean(), "A tie counts as won"),
        (lambda test, strange: higher_by_package(strange, test), "the other way round"),
        (lambda test, strange: (test > strange.mean()).float().mean(), "average of the strange ones"),
    ],
    "rare-good-draws": [
        (math.log2(1000), "These are bits"),
        (999, "So many draws are bad"),
        (-6.91, "a positive number"),
        (3, "base 10"),
    ],
    "which-one-failed": [
        ("a", "second row"),
        ("b", "*better*"),
        ("d", "Noise averages out"),
        ("e", "one of a, b, c, d"),
    ],
}
