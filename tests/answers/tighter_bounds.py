"""Answers to the exercises on tighter bounds, as students write them."""

import math

import numpy as np
import torch
from scipy.special import logsumexp

from vae_lessons.inference import effective_sample_size

# The effective sample size


def effective_by_logarithms(log_weights):
    return torch.exp(2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0))


def effective_by_largest(log_weights):
    weights = torch.exp(log_weights - log_weights.max(dim=0).values)
    return weights.sum(0) ** 2 / (weights**2).sum(0)


def effective_by_numpy(log_weights):
    weights = np.exp(log_weights.numpy() - log_weights.numpy().max(axis=0))
    return weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)


def effective_naive(log_weights):
    weights = log_weights.exp()
    return weights.sum(0) ** 2 / (weights**2).sum(0)


# The doubly reparameterised gradient


def dreg_by_einsum(log_weights, pathwise):
    return torch.einsum("lb,lbk->bk", log_weights.softmax(0) ** 2, pathwise)


def dreg_by_loop(log_weights, pathwise):
    total = torch.zeros_like(pathwise[0])
    for log_weight, gradient in zip(log_weights, pathwise, strict=True):
        total += torch.exp(2 * (log_weight - log_weights.logsumexp(0)))[:, None] * gradient
    return total


def dreg_by_effective_size(log_weights, pathwise):
    squares = (2 * log_weights).softmax(0) / effective_sample_size(log_weights)
    return (squares[:, :, None] * pathwise).sum(0)


def weighted(weights, pathwise):
    return (weights[:, :, None] * pathwise).sum(0)


def dreg_naive(log_weights, pathwise):
    weights = log_weights.exp()
    return weighted((weights / weights.sum(0)) ** 2, pathwise)


# Annealed importance sampling


def log_mean(log_weights):
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def ais_by_loop(log_ratios, taus):
    total = torch.zeros_like(log_ratios[0])
    for t in range(len(log_ratios)):
        total = total + (taus[t + 1] - taus[t]) * log_ratios[t]
    return log_mean(total)


def ais_by_einsum(log_ratios, taus):
    return log_mean(torch.einsum("tcb,t->cb", log_ratios, taus.diff()))


def ais_by_numpy(log_ratios, taus):
    total = np.tensordot(np.diff(taus.numpy()), log_ratios.numpy(), axes=1)
    return logsumexp(total, axis=0) - np.log(len(total))


def ais_with(steps, combine=log_mean):
    """An estimate with other steps, or with chains combined in another way."""
    return lambda log_ratios, taus: combine(torch.tensordot(steps(taus), log_ratios, dims=1))


def steps_of(taus):
    return taus.diff()


def ais_averaged_at_each_temperature(log_ratios, taus):
    means = log_ratios.logsumexp(1) - math.log(log_ratios.shape[1])
    return taus.diff() @ means


def ais_naive(log_ratios, taus):
    return torch.tensordot(taus.diff(), log_ratios, dims=1).exp().mean(0).log()


# A bound from either side


def sides_in_place(log_weights, of_posterior):
    lower = log_mean(log_weights)
    log_weights[0] = of_posterior
    return lower, log_mean(log_weights)


def sides_by_numpy(log_weights, of_posterior):
    swapped = np.concatenate([of_posterior.numpy()[None], log_weights.numpy()[1:]])
    return tuple(logsumexp(values, axis=0) - np.log(len(values)) for values in (log_weights.numpy(), swapped))


def sides_by_where(log_weights, of_posterior):
    first = (torch.arange(len(log_weights)) == 0)[:, None]
    return log_mean(log_weights), log_mean(torch.where(first, of_posterior, log_weights))


def sides_with(upper, lower=log_mean):
    return lambda log_weights, of_posterior: (lower(log_weights), upper(log_weights, of_posterior))


def swapped_upper(log_weights, of_posterior):
    return log_mean(torch.cat([of_posterior[None], log_weights[1:]]))


def sum_not_mean(log_weights):
    return log_weights.logsumexp(0)


RIGHT = {
    "best-of-ten": ["c", "(C)"],
    "effective-samples": [effective_by_logarithms, effective_by_largest, effective_by_numpy, effective_sample_size],
    "samples-needed": [25_850, torch.tensor(25_900.0), 25_800],
    "dreg-gradient": [dreg_by_einsum, dreg_by_loop, dreg_by_effective_size],
    "ais-weight": [ais_by_loop, ais_by_einsum, ais_by_numpy],
    "swap-one": [sides_in_place, sides_by_numpy, sides_by_where],
}

WRONG = {
    "best-of-ten": [("a", "chosen for its luck"), ("b", "have not made it tighter"), ("d", "no law of this kind")],
    "effective-samples": [
        (lambda log_weights: log_weights.softmax(0).square().sum(0), "upside down: a share"),
        (lambda log_weights: effective_by_largest(log_weights) / len(log_weights), "effective share"),
        (lambda log_weights: log_weights.sum(0) ** 2 / (log_weights**2).sum(0), "in the place of the weights"),
        (lambda log_weights: effective_by_largest(-log_weights), "explain the image badly"),
        (lambda log_weights: log_weights.exp().sum(0) / log_weights.exp().square().sum(0), "has lost its square"),
        (lambda log_weights: log_weights.exp().sum(0) ** 2 / log_weights.exp().square().mean(0), "is one of the two"),
        (lambda log_weights: log_weights.softmax(0).sum(0), "add up to 1, always"),
        (lambda log_weights: 1 / log_weights.softmax(0).max(0).values, "only about the largest"),
        (lambda log_weights: torch.special.entr(log_weights.softmax(0)).sum(0).exp(), "by the entropy"),
        (lambda log_weights: effective_by_largest(log_weights.T), "over the images"),
        (lambda log_weights: effective_by_largest(log_weights).mean(), "averaged over the images"),
        (lambda log_weights: torch.full((log_weights.shape[1],), 1.5), "Try the three"),
        (effective_naive, "are 0 or infinite for"),
        (lambda log_weights: effective_naive(log_weights.clamp(-40, 40)), "Is something clamped"),
    ],
    "samples-needed": [
        (312.5, "variance of log w"),
        (51_700, "Twice too many"),
        (97_656, "as a standard error does"),
        (559, "s² in its exponent"),
        (1138, "half of what it should be"),
        (517, "compared with the shortfall"),
        (1000, "Two steps"),
    ],
    "dreg-gradient": [
        (lambda log_weights, pathwise: weighted(log_weights.softmax(0), pathwise), "but not squared"),
        (lambda log_weights, pathwise: pathwise.mean(0), "gradient of the ELBO"),
        (lambda log_weights, pathwise: weighted((2 * log_weights).softmax(0), pathwise), "normalised again"),
        (lambda log_weights, pathwise: weighted(log_weights.exp() ** 2, pathwise), "the weights as they are"),
        (lambda log_weights, pathwise: dreg_naive(log_weights, pathwise) / len(pathwise), "L times too small"),
        (
            lambda log_weights, pathwise: weighted(log_weights.softmax(0) * (1 - log_weights.softmax(0)), pathwise),
            "This is v - v²",
        ),
        (lambda log_weights, pathwise: -dreg_naive(log_weights, pathwise), "sign is flipped"),
        (lambda log_weights, pathwise: weighted((-log_weights).softmax(0) ** 2, pathwise), "explain the image badly"),
        (lambda log_weights, pathwise: weighted(log_weights.softmax(1) ** 2, pathwise), "over the images"),
        (lambda log_weights, pathwise: dreg_naive(log_weights, pathwise).mean(0), "averaged over the images"),
        (lambda log_weights, pathwise: pathwise.sum(0) * 0.3, "Try both"),
        (dreg_naive, "are 0 or infinite for"),
    ],
    "ais-weight": [
        (ais_with(steps_of, lambda log_weights: log_weights.mean(0)), "log-weights are averaged here"),
        (ais_with(steps_of, sum_not_mean), "weights are added up"),
        (lambda log_ratios, taus: log_mean(log_ratios.mean(0)), "counts 1/T here"),
        (lambda log_ratios, taus: log_mean(log_ratios.sum(0)), "counts as one here"),
        (ais_with(lambda taus: taus[1:]), "the temperatures themselves. It"),
        (ais_with(lambda taus: taus[:-1]), "and the first not at all"),
        (ais_with(lambda taus: taus.diff().flip(0)), "in the wrong order"),
        (ais_with(lambda taus: -taus.diff()), "sign inside is flipped"),
        (ais_averaged_at_each_temperature, "averaged at each temperature"),
        (lambda log_ratios, taus: log_mean(log_ratios[-1]), "Only the last code"),
        (lambda log_ratios, taus: log_mean(log_ratios[0]), "Only the first code"),
        (lambda log_ratios, taus: ais_by_loop(log_ratios, taus).exp(), "asks for its logarithm"),
        (lambda log_ratios, taus: ais_by_loop(log_ratios, taus).mean(), "averaged over the images"),
        (lambda log_ratios, taus: log_ratios.amax((0, 1)), "Try both"),
        (ais_naive, "are 0 or infinite for"),
    ],
    "swap-one": [
        (
            lambda log_weights, of_posterior: (swapped_upper(log_weights, of_posterior), log_mean(log_weights)),
            "in the wrong order",
        ),
        (sides_with(lambda log_weights, of_posterior: of_posterior), "that of a single sample"),
        (
            sides_with(lambda log_weights, of_posterior: log_mean(torch.cat([log_weights, of_posterior[None]]))),
            "L + 1 weights are averaged",
        ),
        (
            sides_with(
                lambda log_weights, of_posterior: (
                    torch.cat([log_weights, of_posterior[None]]).logsumexp(0) - math.log(len(log_weights))
                )
            ),
            "added up and divided by L",
        ),
        (
            sides_with(lambda log_weights, of_posterior: -swapped_upper(-log_weights, -of_posterior)),
            "the inverse weights are averaged",
        ),
        (
            sides_with(
                lambda log_weights, of_posterior: torch.cat([of_posterior[None], log_weights[1:]]).mean(0),
                lambda log_weights: log_weights.mean(0),
            ),
            "Logarithms are averaged here",
        ),
        (
            sides_with(
                lambda log_weights, of_posterior: torch.cat([of_posterior[None], log_weights[1:]]).logsumexp(0),
                sum_not_mean,
            ),
            "logarithms of a sum",
        ),
        (
            sides_with(
                lambda log_weights, of_posterior: of_posterior, lambda log_weights: log_weights.max(dim=0).values
            ),
            "only the best draw",
        ),
        (sides_with(lambda log_weights, of_posterior: of_posterior + 1), "Try both"),
        (
            lambda log_weights, of_posterior: (
                log_weights.exp().mean(0).log(),
                torch.cat([of_posterior[None], log_weights[1:]]).exp().mean(0).log(),
            ),
            "takes the largest out first",
        ),
    ],
}
