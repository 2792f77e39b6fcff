"""Answers to the exercises on the Bernoulli decoder, as students write them."""

import math

import numpy as np
import torch
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as nnf

# The log-likelihood, from logits


def by_distribution(x, logits):
    return Independent(Bernoulli(logits=logits), 2).log_prob(x)


def by_softplus(x, logits):
    return (x * logits - nnf.softplus(logits)).flatten(1).sum(-1)


def by_numpy(x, logits):
    x, logits = x.double().numpy(), logits.double().numpy()
    return (x * logits - np.logaddexp(0, logits)).sum(axis=(1, 2))


def in_place(x, logits):
    sign = x.mul_(2).sub_(1)
    return nnf.logsigmoid(logits.mul_(sign)).sum((1, 2))


def by_loop(x, logits):
    return torch.stack(
        [-nnf.binary_cross_entropy_with_logits(a, image, reduction="sum") for image, a in zip(x, logits, strict=True)]
    )


def sigmoid_then_log(x, logits):
    pi = torch.sigmoid(logits)
    return (x * torch.log(pi) + (1 - x) * torch.log(1 - pi)).sum((1, 2))


def clamped_at_100(x, logits):
    return -nnf.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none").sum((1, 2))


def tiny_added(x, logits):
    pi = torch.sigmoid(logits.double())
    return (x * torch.log(pi + 1e-12) + (1 - x) * torch.log(1 - pi + 1e-12)).sum((1, 2))


def where_of_two_forms(x, logits):
    naive = x * logits - torch.log(1 + torch.exp(logits))
    return torch.where(logits > 30, (x - 1) * logits, naive).sum((1, 2))


def by_log1p(x, logits):
    return (x * logits - torch.log1p(logits.exp())).sum((1, 2))


def with_detached_logits(x, logits):
    return (x * logits - nnf.softplus(logits.detach())).sum((1, 2))


def bce(x, logits):
    return nnf.binary_cross_entropy_with_logits(logits, x, reduction="none")


# The loss


def kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def loss_by_distributions(mu, logvar, logits, x):
    q, p = Normal(mu, (logvar / 2).exp()), Normal(torch.zeros_like(mu), 1.0)
    reconstruction = Independent(Bernoulli(logits=logits), 2).log_prob(x)
    return torch.mean(kl_divergence(q, p).sum(-1) - reconstruction)


def loss_by_sums(mu, logvar, logits, x):
    cross_entropy = nnf.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl_term = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (cross_entropy + kl_term) / len(x)


def loss_with_probabilities(mu, logvar, logits, x):
    pi = torch.sigmoid(logits.double())
    return nnf.binary_cross_entropy(pi, x.double(), reduction="sum").item() / x.shape[0] + kl(mu, logvar).mean().item()


def loss_by_logsigmoid(mu, logvar, logits, x):
    reconstruction = torch.where(x > 0.5, nnf.logsigmoid(logits), nnf.logsigmoid(-logits))
    return kl(mu, logvar).mean() - reconstruction.flatten(1).sum(1).mean()


def loss_by_sigmoid_and_bce(mu, logvar, logits, x):
    cross_entropy = nnf.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none")
    return (cross_entropy.sum((1, 2)) + kl(mu, logvar)).mean()


def loss_by_logarithms(mu, logvar, logits, x):
    return (kl(mu, logvar) - sigmoid_then_log(x, logits)).mean()


def loss_by_where(mu, logvar, logits, x):
    return (kl(mu, logvar) - where_of_two_forms(x, logits)).mean()


# Grey pixels


def excess_by_difference(x, logits):
    floor = torch.special.entr(x) + torch.special.entr(1 - x)
    return (bce(x, logits) - floor).sum((1, 2))


def excess_by_logsigmoid(x, logits):
    x, logits = x.double(), logits.double()
    ink = x * (torch.log(x.clamp(min=1e-12)) - nnf.logsigmoid(logits))
    paper = (1 - x) * (torch.log((1 - x).clamp(min=1e-12)) - nnf.logsigmoid(-logits))
    return (ink + paper).sum((1, 2))


def excess_of_logarithms(x, logits):
    pi = torch.sigmoid(logits)
    floor = torch.special.entr(x) + torch.special.entr(1 - x)
    return (-x * pi.log() - (1 - x) * (1 - pi).log() - floor).sum((1, 2))


def excess_by_sigmoid_and_bce(x, logits):
    floor = torch.special.entr(x) + torch.special.entr(1 - x)
    return (nnf.binary_cross_entropy(torch.sigmoid(logits), x, reduction="none") - floor).sum((1, 2))


def entropies(x):
    return (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2))


def excess_by_xlogy(x, logits):
    pi = torch.sigmoid(logits)
    ink = torch.xlogy(x, x) - torch.xlogy(x, pi)
    paper = torch.xlogy(1 - x, 1 - x) - torch.xlogy(1 - x, 1 - pi)
    return (ink + paper).flatten(1).sum(1)


def excess_by_distributions(x, logits):
    return kl_divergence(Independent(Bernoulli(x), 2), Independent(Bernoulli(logits=logits), 2))


def excess_clamped(x, logits):
    x = x.double().clamp(1e-9, 1 - 1e-9)
    return (bce(x, logits.double()) + x * x.log() + (1 - x) * (1 - x).log()).sum((1, 2))


def excess_by_formula(x, logits):
    pi = torch.sigmoid(logits)
    return (x * torch.log(x / pi) + (1 - x) * torch.log((1 - x) / (1 - pi))).sum((1, 2))


def reversed_excess(x, logits):
    pi = torch.sigmoid(logits)
    return (pi * torch.log(pi / x) + (1 - pi) * torch.log((1 - pi) / (1 - x))).sum((1, 2))


# The normaliser


def normaliser_by_where(a):
    near = a.abs() < 0.02
    safe = torch.where(near, torch.ones_like(a), a)
    return torch.where(near, math.log(2) + a**2 / 12, torch.log(safe / torch.tanh(safe / 2)))


def normaliser_by_mask(a):
    result = math.log(2) + a**2 / 12
    far = a.abs() > 0.03
    result[far] = (a[far] / torch.tanh(a[far] / 2)).log()
    return result


def normaliser_by_size(a):
    size = a.double().abs()
    near = size < 1e-3
    safe = size.masked_fill(near, 1.0)
    log_c = safe.log() + torch.log1p(torch.exp(-safe)) - torch.log(-torch.expm1(-safe))
    return torch.where(near, math.log(2) + size.square() / 12, log_c)


def normaliser_naive(a):
    return torch.log(a / torch.tanh(a / 2))


def normaliser_where_after(a):
    return torch.where(a == 0, torch.full_like(a, math.log(2)), normaliser_naive(a))


def normaliser_of_logs(a):
    return torch.log(a) - torch.log(torch.tanh(a / 2))


def normaliser_of_exponentials(a):
    return torch.where(a == 0, math.log(2), torch.log(a * (torch.exp(a) + 1) / (torch.exp(a) - 1)))


def normaliser_overflowing(a):
    near = a.abs() < 0.1
    safe = torch.where(near, torch.ones_like(a), a)
    far = torch.log(safe * (torch.exp(safe) + 1) / (torch.exp(safe) - 1))
    return torch.where(near, math.log(2) + a**2 / 12, far)


def normaliser_of_torch(a):
    return ContinuousBernoulli(logits=a)._cont_bern_log_norm()


def normaliser_series_too_far(a):
    near = a.abs() < 0.4
    safe = torch.where(near, torch.ones_like(a), a)
    return torch.where(near, math.log(2), torch.log(safe / torch.tanh(safe / 2)))


def normaliser_with_series(series, cut=0.1):
    def normaliser(a):
        near = a.abs() < cut
        safe = torch.where(near, torch.ones_like(a), a)
        return torch.where(near, series(a), torch.log(safe / torch.tanh(safe / 2)))

    return normaliser


def normaliser_with_cut(cut):
    return normaliser_with_series(lambda a: math.log(2) + a**2 / 12, cut)


def normaliser_one_sided(a):
    near = a < 0.1
    safe = torch.where(near, torch.ones_like(a), a)
    return torch.where(near, math.log(2) + a**2 / 12, torch.log(safe / torch.tanh(safe / 2)))


def normaliser_detached(a):
    return normaliser_by_where(a.detach())


def normaliser_half_detached(a):
    return normaliser_by_where(a).detach() + 0 * a


# Bits


def bits_by_cell(log_density, n_pixels, levels):
    log_probability = log_density - n_pixels * math.log(levels)
    return [-float(value) / n_pixels / math.log(2) for value in log_probability]


def bits_by_numpy(log_density, n_pixels, levels):
    return np.log2(levels) - log_density.numpy() / n_pixels * np.log2(np.e)


RIGHT = {
    "bernoulli-logits": [by_distribution, by_softplus, in_place, by_loop],
    "bce-loss": [loss_by_distributions, loss_by_sums, loss_by_logsigmoid],
    "bce-excess": [excess_by_difference, excess_by_logsigmoid, excess_clamped],
    "bce-compare": ["c", "(C)"],
    "cb-normaliser": [normaliser_by_where, normaliser_by_mask, normaliser_by_size, normaliser_with_cut(0.5)],
    "bits-per-pixel": [bits_by_cell, bits_by_numpy],
}

WRONG = {
    "bernoulli-logits": [
        (lambda x, a: bce(x, a).sum((1, 2)), "sign is flipped"),
        (lambda x, a: -bce(x, a).mean((1, 2)), "mean over the pixels"),
        (lambda x, a: -bce(x, a).sum(), "one number for the whole batch"),
        (lambda x, a: -bce(x, a).sum((1, 2)).mean(), "averaged over the batch"),
        (lambda x, a: -bce(x, a), "values of the single pixels"),
        (lambda x, a: Bernoulli(logits=torch.sigmoid(a)).log_prob(x).sum((1, 2)), "sigmoid is taken twice"),
        (lambda x, a: (x * nnf.logsigmoid(a)).sum((1, 2)), "Only the pixels that are ink count"),
        (lambda x, a: ((1 - x) * nnf.logsigmoid(-a)).sum((1, 2)), "Only the pixels that are paper count"),
        (lambda x, a: (nnf.logsigmoid(a) - x * a).sum((1, 2)), "changed places"),
        (lambda x, a: (x * a + nnf.logsigmoid(a)).sum((1, 2)), "in the last term has the wrong sign"),
        (lambda x, a: (x * a).sum((1, 2)), "does not depend on x is missing"),
        (lambda x, a: -bce(x, a).sum(1), "where the task asks for"),
        (lambda x, a: -((x - torch.sigmoid(a)) ** 2).sum((1, 2)), "minus the squared error"),
        (lambda x, a: -((x - torch.sigmoid(a)).abs()).sum((1, 2)), "one pixel by hand"),
        (lambda x, a: -bce(x, a).sum((1, 2)) / math.log(2), "These are bits"),
        (lambda x, a: (-bce(x, a).sum((1, 2))).exp(), "the likelihood itself"),
        (lambda x, a: 0.9 * (x * a).sum((1, 2)) - nnf.softplus(a).sum((1, 2)), "x · a counts 0.9 times"),
        (lambda x, a: -nnf.binary_cross_entropy_with_logits(a, x), "mean over everything"),
        (lambda x, a: nnf.binary_cross_entropy_with_logits(a, x), '`reduction="none"` leave you'),
        (lambda x, a: -bce(a, x).sum((1, 2)), "the function takes the logits first"),
        (lambda x, a: nnf.binary_cross_entropy_with_logits(x, a), "The images and the logits"),
        (sigmoid_then_log, "With logits of ±200 there is a NaN"),
        (lambda x, a: (x * a - torch.log(1 + a.exp())).sum((1, 2)), "an exponential overflows"),
        (by_log1p, "without the large exponential"),
        (clamped_at_100, "not bad enough"),
        (tiny_added, "a clamp or a small number"),
        (where_of_two_forms, "gradient there is NaN"),
        (by_numpy, "no gradient passes through them"),
        (lambda x, a: by_softplus(x, a).detach(), "network is to be trained"),
        (lambda x, a: (by_softplus(x, a),), "a comma after the result"),
        (with_detached_logits, "clamped or detached on the way"),
    ],
    "bce-loss": [
        (
            lambda mu, logvar, a, x: nnf.binary_cross_entropy_with_logits(torch.sigmoid(a), x) + kl(mu, logvar).mean(),
            "Both mistakes are still there",
        ),
        (
            lambda mu, logvar, a, x: bce(x, torch.sigmoid(a)).sum((1, 2)).mean() + kl(mu, logvar).mean(),
            "sigmoid is still taken twice",
        ),
        (
            lambda mu, logvar, a, x: nnf.binary_cross_entropy(torch.sigmoid(a), x) + kl(mu, logvar).mean(),
            "still averaged over the pixels",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum() + kl(mu, logvar).mean(),
            "The cross-entropy is now summed over the batch",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + kl(mu, logvar).sum(),
            "The KL term is summed over the batch",
        ),
        (lambda mu, logvar, a, x: bce(x, a).sum() + kl(mu, logvar).sum(), "both are summed over the batch"),
        (lambda mu, logvar, a, x: bce(x, a).sum((1, 2)) + kl(mu, logvar), "one number"),
        (lambda mu, logvar, a, x: -(bce(x, a).sum((1, 2)) + kl(mu, logvar)).mean(), "This is the ELBO"),
        (lambda mu, logvar, a, x: (bce(x, a).sum((1, 2)) - kl(mu, logvar)).mean(), "KL term is subtracted"),
        (
            lambda mu, logvar, a, x: (bce(x, a).sum((1, 2)) + kl(mu, logvar) / mu.shape[1]).mean(),
            "mean over the latent dimensions",
        ),
        (lambda mu, logvar, a, x: (bce(x, a).mean((1, 2)) + kl(mu, logvar) / x[0].numel()).mean(), "nats per pixel"),
        (
            lambda mu, logvar, a, x: bce(x, a).mean() + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(),
            "averaged over its own numbers",
        ),
        (lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean(), "KL term is missing"),
        (lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + 2 * kl(mu, logvar).mean(), "KL term counts 2 times"),
        (lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + 0.5 * kl(mu, logvar).mean(), "KL term counts 0.5"),
        (lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + 0.99 * kl(mu, logvar).mean(), "counts 0.99 times"),
        (lambda mu, logvar, a, x: (kl(mu, logvar) - bce(x, a).sum((1, 2))).mean(), "cross-entropy has the wrong sign"),
        (lambda mu, logvar, a, x: kl(mu, logvar).mean(), "cross-entropy is missing altogether"),
        (
            lambda mu, logvar, a, x: (kl(mu, logvar) + (x - torch.sigmoid(a)).square().sum((1, 2))).mean(),
            "The squared error stands where the cross-entropy",
        ),
        (
            lambda mu, logvar, a, x: (kl(mu, logvar) - (x - torch.sigmoid(a)).square().sum((1, 2))).mean(),
            "and it has the wrong sign",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + bce(x, a).sqrt().mean(),
            "one image of one pixel",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + kl(mu, logvar).mean().detach(),
            "no gradient passes from them to `mu`",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + kl(mu, logvar).mean().item(),
            "to `mu`, and a network is to be trained",
        ),
        (
            lambda mu, logvar, a, x: bce(x, a).sum((1, 2)).mean() + kl(mu, logvar.detach()).mean(),
            "no gradient passes from them to `logvar`",
        ),
        (loss_by_logarithms, "With logits of ±200 it is a NaN"),
        (loss_by_sigmoid_and_bce, "`binary_cross_entropy` does at -100"),
        (loss_with_probabilities, "The values are right. But no gradient"),
        (lambda *batch: loss_by_sums(*batch).item(), "no gradient passes from them"),
        (loss_by_where, "the gradients in the logits there are not"),
    ],
    "bce-excess": [
        (lambda x, a: bce(x, a).sum((1, 2)), "the cross-entropy itself"),
        (lambda x, a: (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2)), "the floor itself"),
        (lambda x, a: -excess_by_xlogy(x, a), "sign is flipped"),
        (lambda x, a: 2 * bce(x, a).sum((1, 2)) - excess_by_xlogy(x, a), "The floor is added"),
        (reversed_excess, "changed places"),
        (lambda x, a: excess_by_xlogy(x, a) / x[0].numel(), "mean over the pixels"),
        (lambda x, a: excess_by_xlogy(x, a).sum(), "one number for the whole batch"),
        (lambda x, a: excess_by_xlogy(x, a).mean(), "averaged over the batch"),
        (lambda x, a: excess_by_xlogy(x, torch.sigmoid(a)), "sigmoid is taken twice"),
        (lambda x, a: (x * torch.log(x / torch.sigmoid(a))).sum((1, 2)), "Only half of each pixel"),
        (lambda x, a: ((x - torch.sigmoid(a)) ** 2).sum((1, 2)), "squared error"),
        (lambda x, a: kl_divergence(Bernoulli(x), Bernoulli(logits=a)), "values of the single pixels"),
        (lambda x, a: bce(x, a).sum((1, 2)) - entropies(x).mean(), "Each image has its own floor"),
        (lambda x, a: bce(x, a).sum((1, 2)) - entropies(x).sum(), "that of the whole batch"),
        (lambda x, a: bce(x, a).sum((1, 2)) - entropies(torch.sigmoid(a)), "the entropy of x, not of π"),
        (lambda x, a: excess_by_difference(x, a) / math.log(2), "These are bits"),
        (lambda x, a: 3 * excess_by_xlogy(x, a), "Each term counts 3 times"),
        (lambda x, a: bce(x, a).sum((1, 2)) - 0.5 * entropies(x), "The floor counts 0.5 times"),
        (lambda x, a: excess_by_xlogy(x, a).sqrt(), "Try both"),
        (excess_of_logarithms, "a probability has been rounded"),
        (excess_by_xlogy, "With logits of ±200 there is a NaN"),
        (excess_by_distributions, "PyTorch's `kl_divergence`"),
        (excess_by_sigmoid_and_bce, "cuts your values off"),
        (excess_by_formula, "limit of x log x"),
        (lambda x, a: excess_by_formula(torch.where(x == 0, 0.01, torch.where(x == 1, 0.99, x)), a), "by too much"),
    ],
    "bce-compare": [("a", "of different images"), ("b", "not a log-density"), ("d", "cut at a threshold")],
    "cb-normaliser": [
        (lambda a: -normaliser_by_where(a), "sign is flipped"),
        (lambda a: normaliser_by_where(a).exp(), "This is C itself"),
        (lambda a: torch.tanh(a / 2) / a, "the integral itself"),
        (lambda a: torch.log(a / torch.tanh(a)), "twice too large"),
        (lambda a: torch.log((a / 2) / torch.tanh(a / 2)), "factor of 2 has been lost"),
        (lambda a: torch.log(a * torch.tanh(a / 2)), "wrong side of the fraction"),
        (lambda a: torch.log(a), "Take a large logit"),
        (normaliser_of_logs, "given a negative number"),
        (normaliser_one_sided, "far below 0 taken for one near 0"),
        (normaliser_with_cut(0.6), "the series is used farther out"),
        (normaliser_with_cut(1.0), "off for logits around 1"),
        (normaliser_with_cut(1.2), "Right for large logits and near 0"),
        (normaliser_with_cut(2.0), "Below about 0.1 is enough"),
        (normaliser_naive, "0 / 0"),
        (normaliser_with_series(lambda a: math.log(2) - a**2 / 12), "Right away from 0 and at 0"),
        (normaliser_with_series(lambda a: math.log(2) + a**2 / 24), "is not the one in the task"),
        (normaliser_with_series(lambda a: math.log(2) + 0 * a), "where logits are small"),
        (normaliser_with_series(lambda a: math.log(2) + a**2 / 6, cut=0.03), "Near 0 they must be near 0 too"),
        (lambda a: list(normaliser_by_where(a)), "`torch.stack` makes one"),
        (lambda a: (normaliser_by_where(a),), "a comma after the result"),
        (normaliser_of_exponentials, "two nearly equal numbers"),
        (normaliser_series_too_far, "farther out than it is good"),
        (normaliser_overflowing, "exponential that overflows"),
        (normaliser_of_torch, "rounded to 0 or 1"),
        (normaliser_detached, "no gradient passes"),
        (normaliser_where_after, "chooses among values"),
        (normaliser_half_detached, "not the gradients"),
    ],
    "bits-per-pixel": [
        (lambda ld, n, levels: -ld / n / math.log(2), "levels play no part"),
        (lambda ld, n, levels: ld / n / math.log(2) - math.log2(levels), "The sign is flipped"),
        (lambda ld, n, levels: ld / n / math.log(2) + math.log2(levels), "log-density has the wrong sign"),
        (lambda ld, n, levels: -ld / n / math.log(2) - math.log2(levels), "levels have the wrong sign"),
        (lambda ld, n, levels: -ld / n / math.log(2) + math.log2(levels - 1), "slightly too wide"),
        (lambda ld, n, levels: -ld / n + math.log(levels), "nats per pixel"),
        (lambda ld, n, levels: (-ld / n + math.log(levels)) * math.log(2), "should be divided"),
        (lambda ld, n, levels: -ld / math.log(2) + n * math.log2(levels), "for the whole image"),
        (lambda ld, n, levels: (-ld + math.log(levels)) / n / math.log(2), "counted once for each image"),
        (lambda ld, n, levels: -ld / n + math.log2(levels), "log-density is still in nats"),
        (lambda ld, n, levels: -ld / n / math.log(2) + math.log(levels), "levels are still in nats"),
        (lambda ld, n, levels: -ld / n * math.log(2) + math.log2(levels), "on its way to bits"),
        (lambda ld, n, levels: -ld / math.log(2) + math.log2(levels), "its share per pixel"),
        (lambda ld, n, levels: 2 * bits_by_numpy(ld, n, levels), "Each term counts 2 times"),
        (lambda ld, n, levels: -ld / n / math.log(2) + 8, "is a size written into the code"),
        (lambda ld, n, levels: bits_by_numpy(ld, n, levels) ** 2, "exactly one bit per pixel less"),
        (lambda ld, n, levels: (-ld / n / math.log(2) + math.log2(levels)).mean(), "averaged over the batch"),
        (lambda ld, n, levels: torch.full_like(ld, 8.0), "The number 8 is added"),
    ],
}
