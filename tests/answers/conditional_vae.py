"""Answers to the exercises on the conditional VAE, as students write them."""

import math

import numpy as np
import torch
from scipy.special import logsumexp
from torch.nn.functional import cross_entropy

from vae_lessons.probability.gaussian import kl_diagonal, kl_to_standard_normal, log_prob

# The ELBO with a learned prior


def elbo_by_formula(reconstruction, mu_q, logvar_q, mu_p, logvar_p):
    ratio = torch.exp(logvar_q - logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return reconstruction - 0.5 * (ratio + distance - 1 - logvar_q + logvar_p).sum(1)


def elbo_by_package(reconstruction, mu_q, logvar_q, mu_p, logvar_p):
    return reconstruction - kl_diagonal(mu_q, logvar_q, mu_p, logvar_p)


def elbo_by_whitening(reconstruction, mu_q, logvar_q, mu_p, logvar_p):
    mu = (mu_q - mu_p) / torch.exp(0.5 * logvar_p)
    return reconstruction - kl_to_standard_normal(mu, logvar_q - logvar_p)


def elbo_with(kl):
    return lambda reconstruction, *q_and_p: reconstruction - kl(*q_and_p)


def kl_of_sigma(mu_q, logvar_q, mu_p, logvar_p):
    return kl_diagonal(mu_q, 2 * logvar_q, mu_p, 2 * logvar_p)


# What a label saves


def saving_by_loss(scores, labels):
    return math.log(scores.shape[1]) - cross_entropy(scores, labels, reduction="none")


def saving_by_loop(scores, labels):
    rows = zip(scores, labels, strict=True)
    return torch.stack([row[c] - torch.logsumexp(row, 0) + math.log(len(row)) for row, c in rows])


def saving_by_numpy(scores, labels):
    own = np.take_along_axis(scores.numpy(), labels.numpy()[:, None], axis=1)[:, 0]
    return own - logsumexp(scores.numpy(), axis=1) + np.log(scores.shape[1])


def own_score(scores, labels):
    return scores.gather(1, labels[:, None])[:, 0]


def saving_naive(scores, labels):
    return torch.log(own_score(scores, labels).exp() / scores.exp().mean(1))


# Completions


def completion_by_einsum(log_seen, hidden):
    return torch.einsum("sb,sd->bd", torch.softmax(log_seen, 0), hidden)


def completion_by_loop(log_seen, hidden):
    rows = []
    for column in log_seen.T:
        weights = torch.exp(column - column.max())
        rows.append((weights[:, None] * hidden).sum(0) / weights.sum())
    return torch.stack(rows)


def completion_by_numpy(log_seen, hidden):
    weights = np.exp(log_seen.numpy() - logsumexp(log_seen.numpy(), axis=0))
    return weights.T @ hidden.numpy()


def completion_naive(log_seen, hidden):
    weights = log_seen.exp()
    return (weights / weights.sum(0)).T @ hidden


RIGHT = {
    "where-the-label": ["b", "(B)"],
    "conditional-elbo": [elbo_by_formula, elbo_by_package, elbo_by_whitening],
    "most-nats": [1.213, 1.75 * math.log(2), torch.tensor(1.2130)],
    "label-saving": [saving_by_loss, saving_by_loop, saving_by_numpy],
    "completion-mean": [completion_by_einsum, completion_by_loop, completion_by_numpy],
}

WRONG = {
    "where-the-label": [("a", "holds for every q"), ("c", "it is the decoder that draws"), ("d", "a second time")],
    "conditional-elbo": [
        (elbo_with(lambda mu, logvar, *p: kl_to_standard_normal(mu, logvar)), "from N(0, I)"),
        (
            elbo_with(lambda mu_q, logvar_q, mu_p, logvar_p: kl_diagonal(mu_p, logvar_p, mu_q, logvar_q)),
            "have changed",
        ),
        (
            elbo_with(lambda mu_q, logvar_q, mu_p, logvar_p: kl_to_standard_normal(mu_q - mu_p, logvar_q - logvar_p)),
            "in standard deviations of the prior",
        ),
        (elbo_with(kl_of_sigma), "taken for log σ"),
        (lambda reconstruction, *parameters: reconstruction + kl_diagonal(*parameters), "its sign is not"),
        (lambda *args: -elbo_by_formula(*args), "This is the loss"),
        (elbo_with(lambda *parameters: 2 * kl_diagonal(*parameters)), "twice what it should be"),
        (elbo_with(lambda mu, *rest: kl_diagonal(mu, *rest) / mu.shape[1]), "over the latent dimensions"),
        (elbo_with(lambda mu, *rest: kl_diagonal(mu, *rest) + mu.shape[1] / 2), "constant is missing"),
        (lambda *args: elbo_by_formula(*args).mean(), "averaged over the images"),
        (lambda reconstruction, *parameters: kl_diagonal(*parameters), "KL term alone"),
        (
            elbo_with(lambda mu_q, logvar_q, mu_p, logvar_p: -log_prob(mu_q, mu_p, logvar_p)),
            "Try both",
        ),
        (lambda *args: elbo_by_formula(*args).detach(), "a network is to be"),
    ],
    "most-nats": [
        (math.log(4), "equally frequent"),
        (1.75, "number of bits"),
        (3.364, "effective number of classes"),
        (math.log(2), "most frequent class"),
        (math.log(8), "rarest class"),
        (1.5596, "Each class counts alike"),
        (0.5, "Average this"),
    ],
    "label-saving": [
        (lambda scores, labels: -cross_entropy(scores, labels, reduction="none"), "at most 0"),
        (lambda scores, labels: own_score(scores, labels) - scores.mean(1), "Logarithms are averaged"),
        (lambda scores, labels: -saving_by_loss(scores, labels), "sign is flipped"),
        (
            lambda scores, labels: scores.max(1).values - scores.logsumexp(1) + math.log(scores.shape[1]),
            "with the highest bound",
        ),
        (lambda scores, labels: own_score(scores, labels) - scores.max(1).values, "with the best class"),
        (
            lambda scores, labels: own_score(scores, labels) - scores.exp().mean(0).log()[labels],
            "runs over the images",
        ),
        (lambda scores, labels: saving_by_loss(scores, labels) / math.log(2), "in bits"),
        (lambda scores, labels: saving_by_loss(scores, labels).exp(), "ratio of the two"),
        (lambda scores, labels: saving_by_loss(scores, labels).mean(), "averaged over the images"),
        (lambda scores, labels: torch.full((len(scores),), 0.7), "Try both"),
        (saving_naive, "are 0 or infinite"),
    ],
    "completion-mean": [
        (lambda log_seen, hidden: hidden.mean(0).repeat(log_seen.shape[1], 1), "All codes count alike"),
        (lambda log_seen, hidden: log_seen.softmax(1).T @ hidden, "over the images. Those of"),
        (lambda log_seen, hidden: log_seen.exp().T @ hidden, "are not normalised"),
        (lambda log_seen, hidden: log_seen.exp().T @ hidden / len(hidden), "divided by their number"),
        (lambda log_seen, hidden: hidden[log_seen.argmax(0)], "Only the best code"),
        (lambda log_seen, hidden: (-log_seen).softmax(0).T @ hidden, "upside down"),
        (lambda log_seen, hidden: (log_seen / log_seen.sum(0)).T @ hidden, "in the place of the weights"),
        (lambda log_seen, hidden: completion_by_einsum(log_seen, hidden).mean(0), "averaged over the images"),
        (lambda log_seen, hidden: torch.full((log_seen.shape[1], hidden.shape[1]), 0.5), "Try both"),
        (completion_naive, "are 0 or infinite"),
    ],
}
