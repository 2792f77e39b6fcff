"""Answers to the exercises on latent-variable models, as students write them."""

import math

import numpy as np
import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

TWO_PI = 2 * math.pi


def evidence_low_rank(x, weight, bias, sigma):
    noise = torch.full((len(bias),), sigma**2)
    return LowRankMultivariateNormal(bias, weight, noise).log_prob(x)


def evidence_by_hand(x, weight, bias, sigma):
    cov = weight @ weight.T
    cov += sigma**2 * torch.eye(cov.shape[0])
    values = []
    for image in x:
        away = image - bias
        values.append(-0.5 * (away @ torch.linalg.inv(cov) @ away + torch.logdet(TWO_PI * cov)))
    return torch.stack(values)


def evidence_in_numpy(x, weight, bias, sigma):
    weight, away = weight.double().numpy(), (x - bias).double().numpy()
    cov = weight @ weight.T + sigma**2 * np.eye(weight.shape[0])
    distance = np.einsum("bi,ij,bj->b", away, np.linalg.inv(cov), away)
    return -0.5 * (distance + np.linalg.slogdet(cov)[1] + len(cov) * np.log(2 * np.pi))


def evidence_with(x, mean, cov):
    return MultivariateNormal(mean, cov).log_prob(x)


def evidence_by_sampling(x, weight, bias, sigma):
    z = torch.randn(1000, weight.shape[1])
    mean = z @ weight.T + bias
    log_p = Normal(mean[:, None], sigma).log_prob(x).sum(2)
    return log_p.logsumexp(0) - math.log(1000)


def evidence_without_root(x, weight, bias, sigma):
    cov = weight @ weight.T + sigma**2 * torch.eye(len(bias))
    away = x - bias
    distance = (away @ torch.linalg.inv(cov) * away).sum(1)
    return -0.5 * distance - torch.logdet(cov) - 0.5 * len(bias) * math.log(TWO_PI)


def evidence_without_half(x, weight, bias, sigma):
    cov = weight @ weight.T + sigma**2 * torch.eye(len(bias))
    away = x - bias
    distance = (away @ torch.linalg.inv(cov) * away).sum(1)
    return -distance - 0.5 * torch.logdet(TWO_PI * cov)


def evidence_with_other_constant(constant):
    def evidence(x, weight, bias, sigma):
        cov = weight @ weight.T + sigma**2 * torch.eye(len(bias))
        away = x - bias
        distance = (away @ torch.linalg.inv(cov) * away).sum(1)
        return -0.5 * (distance + torch.logdet(cov) + constant(weight))

    return evidence


def average_by_hand():
    return -0.5 * math.log(TWO_PI) - 0.5 * (1**2 - 2 * 2 * 1 * 0 + 2**2 * 1)


def average_by_sampling(n):
    z = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return (-0.5 * math.log(TWO_PI) - 0.5 * (1 - 2 * z) ** 2).mean()


def posterior_by_softmax(log_likelihood, log_prior, cell):
    return torch.softmax(log_likelihood + log_prior.unsqueeze(1), dim=0) / cell


def posterior_by_loop(log_likelihood, log_prior, cell):
    density = torch.zeros_like(log_likelihood)
    for i in range(log_likelihood.shape[1]):
        log_joint = log_likelihood[:, i] + log_prior
        joint = torch.exp(log_joint - log_joint.max())
        density[:, i] = joint / (joint.sum() * cell)
    return density


def posterior_in_numpy(log_likelihood, log_prior, cell):
    log_joint = log_likelihood.numpy().astype(float) + log_prior.numpy()[:, None]
    log_evidence = np.logaddexp.reduce(log_joint, axis=0) + np.log(cell)
    return np.exp(log_joint - log_evidence)


def wrong_posterior(log_likelihood, log_prior, cell):
    joint = log_likelihood.exp() * log_prior.exp()[:, None]
    return joint / joint.sum()


def posterior_by_global_maximum(log_likelihood, log_prior, cell):
    log_joint = log_likelihood + log_prior[:, None]
    joint = (log_joint - log_joint.max()).exp()
    return joint / joint.sum(0) / cell


def estimate_by_shift(log_likelihood, log_prior, log_q):
    log_w = log_likelihood + log_prior - log_q
    top = log_w.max(dim=0).values
    return top + (log_w - top).exp().mean(0).log()


def estimate_in_numpy(log_likelihood, log_prior, log_q):
    log_w = (log_likelihood + log_prior - log_q).numpy()
    return np.logaddexp.reduce(log_w, axis=0) - np.log(log_w.shape[0])


def estimate_by_loop(log_likelihood, log_prior, log_q):
    log_w = (log_likelihood.sub_(log_q).add_(log_prior)).float()
    total = torch.full_like(log_w[0], -math.inf)
    for row in log_w:
        total = torch.logaddexp(total, row)
    return total - math.log(log_w.size(0))


def estimate_with_one_maximum(log_likelihood, log_prior, log_q):
    log_w = log_likelihood + log_prior - log_q
    return log_w.max() + (log_w - log_w.max()).exp().mean(0).log()


def log_mean(log_w):
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


def several_by_stacking(x, weight, bias, sigma):
    """n images of D pixels are one image of n D pixels."""
    n, _ = x.shape
    tall = torch.cat([weight] * n)
    cov = (torch.eye(weight.shape[1]) + tall.T @ tall / sigma**2).inverse()
    return cov @ tall.T @ (x - bias).reshape(-1) / sigma**2, cov


def several_one_after_the_other(x, weight, bias, sigma):
    """Today's posterior is tomorrow's prior."""
    mean, cov = torch.zeros(weight.shape[1]), torch.eye(weight.shape[1])
    for image in x:
        gain = cov @ weight.T @ torch.linalg.inv(weight @ cov @ weight.T + sigma**2 * torch.eye(len(bias)))
        mean = mean + gain @ (image - bias - weight @ mean)
        cov = cov - gain @ weight @ cov
    return mean, cov


def several_of_the_average(x, weight, bias, sigma):
    """The average of n images has noise of variance σ² / n."""
    weight, variance = weight.double(), sigma**2 / len(x)
    away = x.double().mean(0) - bias
    cov = torch.linalg.inv(torch.eye(weight.shape[1], dtype=weight.dtype) + weight.T @ weight / variance)
    return cov @ (weight.T @ away) / variance, cov


def single(x, weight, bias, sigma):
    eye = torch.eye(weight.shape[1])
    cov = torch.linalg.inv(eye + weight.T @ weight / sigma**2)
    return cov @ weight.T @ (x - bias) / sigma**2, cov


def several_averaged(x, weight, bias, sigma):
    means = [single(image, weight, bias, sigma)[0] for image in x]
    return torch.stack(means).mean(0), single(x[0], weight, bias, sigma)[1]


def several_multiplied(x, weight, bias, sigma):
    means, covs = zip(*[single(image, weight, bias, sigma) for image in x], strict=True)
    precision = sum(torch.linalg.inv(cov) for cov in covs)
    cov = torch.linalg.inv(precision)
    return cov @ sum(torch.linalg.inv(c) @ m for m, c in zip(means, covs, strict=True)), cov


def several_with(precision, pull):
    def posterior(x, weight, bias, sigma):
        cov = torch.linalg.inv(precision(len(x), torch.eye(weight.shape[1]), weight.T @ weight, sigma))
        return cov @ weight.T @ pull(x, bias, sigma), cov

    return posterior


def right_precision(n, eye, square, sigma):
    return eye + n * square / sigma**2


def right_pull(x, bias, sigma):
    return (x - bias).sum(0) / sigma**2


RIGHT = {
    "evidence": [evidence_low_rank, evidence_by_hand, evidence_in_numpy],
    "evidence-one-sample": [average_by_hand(), average_by_sampling(200_000), torch.tensor([-3.42])],
    "evidence-posterior": [posterior_by_softmax, posterior_by_loop, posterior_in_numpy],
    "evidence-importance": [estimate_by_shift, estimate_in_numpy, estimate_by_loop],
    "evidence-assumption": ["b", "(B)"],
    "evidence-several": [
        several_by_stacking,
        several_one_after_the_other,
        several_of_the_average,
        lambda *args: list(several_by_stacking(*args)),
    ],
}

WRONG = {
    "evidence": [
        (lambda x, w, b, s: evidence_with(x, b, w @ w.T + s * torch.eye(len(b))), "σ stands where σ² belongs"),
        (lambda x, w, b, s: evidence_with(x, b, w @ w.T), "pixel noise is missing"),
        (lambda x, w, b, s: Independent(Normal(b, s), 1).log_prob(x), "at z = 0, the prior's mean"),
        (
            lambda x, w, b, s: Independent(Normal(b, ((w**2).sum(1) + s**2).sqrt()), 1).log_prob(x),
            "treated as independent",
        ),
        (lambda x, w, b, s: evidence_with(x, 0 * b, w @ w.T + s**2 * torch.eye(len(b))), "b has been forgotten"),
        (lambda x, w, b, s: evidence_by_hand(x, w, b, s) / x.shape[1], "mean over pixels"),
        (evidence_with_other_constant(lambda w: 0), "constant is missing"),
        (evidence_with_other_constant(lambda w: w.shape[1] * math.log(TWO_PI)), "dimensions of the code"),
        (evidence_without_root, "log-determinant is counted twice"),
        (evidence_without_half, "half before the quadratic form"),
        (lambda *args: evidence_by_hand(*args).exp(), "density itself"),
        (lambda *args: -evidence_by_hand(*args), "sign is flipped"),
        (lambda *args: evidence_by_hand(*args).sum(), "one number for the whole batch"),
        (lambda *args: evidence_by_hand(*args).mean(), "averaged over the batch"),
        (evidence_by_sampling, "Three things settle it"),
        (lambda x, w, b, s: evidence_with(x, b, w.T @ w + s**2 * torch.eye(w.shape[1])), "Your function raised"),
    ],
    "evidence-one-sample": [
        (Normal(0.0, math.sqrt(5)).log_prob(torch.tensor(1.0)), "the logarithm of that average"),
        (0.161, "That is p(x)"),
        (-1.42, "at z = 0, the average code"),
        (-2.419, "which variance has 2z"),
        (-2.5, "part with 2π"),
        (-5.92, "half in the exponent"),
        (3.42, "sign is flipped"),
        (-1.595, "how much the average estimate is off"),
        (-7.0, "Open the square"),
        ("low", "must be one number"),
    ],
    "evidence-posterior": [
        (lambda ll, lp, cell: (ll + lp[:, None]).softmax(0), "probabilities of the cells"),
        (lambda ll, lp, cell: (ll + lp[:, None]).softmax(0) * cell, "wrong side of the fraction"),
        (lambda ll, lp, cell: ll.softmax(0) / cell, "Far from the origin"),
        (lambda ll, lp, cell: ll.softmax(0), "and so has the size of a cell"),
        (
            lambda ll, lp, cell: (ll + lp[:, None] - (ll + lp[:, None]).logsumexp((0, 1))).exp() / cell,
            "all images together. Each image has its own evidence.",
        ),
        (lambda ll, lp, cell: (ll + lp[:, None] - (ll + lp[:, None]).logsumexp((0, 1))).exp(), "still nowhere"),
        (lambda ll, lp, cell: (ll + lp[:, None]).softmax(1) / cell, "which axis is that"),
        (lambda ll, lp, cell: (ll + lp[:, None]).log_softmax(0) - math.log(cell), "logarithms of the right values"),
        (
            lambda ll, lp, cell: (ll + lp[:, None] - (ll + lp[:, None]).max(0).values).exp(),
            "Divided by the largest value",
        ),
        (lambda ll, lp, cell: (ll + lp[:, None]).exp(), "joint density p(x, z)"),
        (wrong_posterior, "0 / 0 is not a density"),
        (lambda ll, lp, cell: (ll - lp[:, None]).softmax(0) / cell, "Which of the two fails"),
        (lambda ll, lp, cell: posterior_by_softmax(ll, lp, cell).sum(0), "where the task asks for"),
    ],
    "evidence-importance": [
        (lambda ll, lp, lq: (ll + lp - lq).mean(0), "mean of the logarithms"),
        (lambda ll, lp, lq: (ll + lp - lq).logsumexp(0), "grows with the number of samples"),
        (lambda ll, lp, lq: (ll + lp - lq).logsumexp(0) + math.log(len(ll)), "has the wrong sign"),
        (lambda ll, lp, lq: (ll + lp - lq).logsumexp(0) / len(ll), "divided by L, and not the sum"),
        (lambda ll, lp, lq: log_mean(lq - (ll + lp)), "upside down"),
        (lambda ll, lp, lq: -log_mean(lq - (ll + lp)), "inverse of the average inverse weight"),
        (lambda ll, lp, lq: log_mean(ll + lp), "without the correction"),
        (lambda ll, lp, lq: log_mean(ll), "drawn from the prior"),
        (lambda ll, lp, lq: log_mean(ll - lq), "prior is missing"),
        (lambda ll, lp, lq: log_mean(ll + lq - lp), "changed places"),
        (lambda ll, lp, lq: log_mean(ll + lp + lq), "Multiplied by q"),
        (lambda ll, lp, lq: (ll + lp - lq).max(0).values, "largest weight alone"),
        (lambda ll, lp, lq: (ll.exp() * lp.exp() / lq.exp()).mean(0).log(), "density your result is infinite"),
        (estimate_with_one_maximum, "each image's own"),
        (lambda ll, lp, lq: ((ll + lp - lq).clamp(-80, 80).exp().mean(0) + 1e-9).log(), "must rise by 1000"),
        (lambda ll, lp, lq: log_mean(ll + lp - lq).mean(), "has shape ()"),
    ],
    "evidence-assumption": [
        ("a", "shows in draws from it"),
        ("c", "at home and elsewhere alike"),
        ("d", "does not depend on q"),
        ("2", "must be one of a, b, c, d"),
    ],
    "evidence-several": [
        (several_averaged, "as unsure of z as a single one"),
        (several_multiplied, "How often was z drawn"),
        (several_with(lambda n, eye, square, s: eye + square / s**2, right_pull), "precision is that of a single"),
        (several_with(right_precision, lambda x, b, s: (x - b).mean(0) / s**2), "images are averaged where"),
        (several_with(lambda n, eye, square, s: n * square / s**2, right_pull), "least-squares fit"),
        (
            several_with(lambda n, eye, square, s: eye + n * square / s, lambda x, b, s: (x - b).sum(0) / s),
            "σ stands where σ² belongs",
        ),
        (several_with(right_precision, lambda x, b, s: x.sum(0) / s**2), "is not subtracted"),
        (several_with(right_precision, lambda x, b, s: (x.sum(0) - b) / s**2), "subtracted once"),
        (several_with(right_precision, lambda x, b, s: (x - b).sum(0)), "noise is missing"),
        (lambda *args: (several_by_stacking(*args)[0], several_by_stacking(*args)[1].inverse()), "inverse of what"),
        (lambda *args: several_by_stacking(*args)[::-1], "Result 1 of yours has shape"),
        (lambda *args: several_by_stacking(*args)[0], "asks for 2 results"),
        (lambda x, w, b, s: single(x[0], w, b, s), "complete the square"),
    ],
}
