"""Answers to the exercises on rate and distortion, as students write them."""

import math

import numpy as np
import torch


def split_by_loops(log_q, log_p):
    n = len(log_p)
    information = leftover = 0.0
    for i in range(n):
        row = log_q[i]
        marginal = float(row.max()) + math.log(float((row - row.max()).exp().mean()))
        information += (float(row[i]) - marginal) / n
        leftover += (marginal - float(log_p[i])) / n
    return information, leftover


def split_by_difference(log_q, log_p):
    own = torch.diagonal(log_q)
    information = -(log_q - own[:, None]).logsumexp(1).mean() + math.log(len(log_q))
    return information, (own - log_p).mean() - information


def split_in_numpy(log_q, log_p):
    log_q, log_p = log_q.numpy(), log_p.numpy()
    marginal = np.logaddexp.reduce(log_q, axis=1) - np.log(len(log_q))
    return np.mean(np.diag(log_q) - marginal), np.mean(marginal - log_p)


def split_with(marginal_of):
    """The two parts, with a log q(z) of another kind."""

    def of(log_q, log_p):
        marginal = marginal_of(log_q)
        return (log_q.diagonal() - marginal).mean(), (marginal - log_p).mean()

    return of


def split_naively(log_q, log_p):
    marginal = log_q.exp().mean(1).log()
    return (log_q.diagonal() - marginal).mean(), (marginal - log_p).mean()


def without_own(log_q):
    n = len(log_q)
    return torch.stack([log_q[i][torch.arange(n) != i].logsumexp(0) for i in range(n)]) - math.log(n - 1)


def free_bits_by_maximum(reconstruction, kl, free_bits):
    of_units = torch.maximum(kl.mean(0), torch.tensor(free_bits))
    return of_units.sum() - reconstruction.mean()


def free_bits_by_loop(reconstruction, kl, free_bits):
    total = -reconstruction.mean()
    for unit in kl.T:
        mean = unit.mean()
        total = total + (mean if mean > free_bits else free_bits)
    return total


def free_bits_with(kl_term):
    return lambda reconstruction, kl, free_bits: kl_term(kl, free_bits) - reconstruction.mean()


def right_term(kl, free_bits):
    return kl.mean(0).clamp(min=free_bits).sum()


def warm_up_by_minimum(step, n_steps, beta):
    return beta * min(1.0, step / n_steps) if n_steps else beta


def warm_up_by_tensor(step, n_steps, beta):
    share = torch.tensor(step / max(n_steps, 1)) if n_steps else torch.tensor(1.0)
    return beta * share.clamp(max=1)


def warm_up_by_interpolation(step, n_steps, beta):
    return np.interp(step, [0, n_steps], [0, beta]) if n_steps else beta


def gap_by_loops(information, factors):
    gaps = []
    for f in range(factors.shape[1]):
        best, second, *_ = sorted(information[:, f].tolist(), reverse=True)
        counts = {}
        for value in factors[:, f].tolist():
            counts[value] = counts.get(value, 0) + 1
        entropy = -sum(n / len(factors) * math.log(n / len(factors)) for n in counts.values())
        gaps.append((best - second) / entropy)
    return gaps


def gap_by_topk(information, factors):
    two = information.topk(2, dim=0).values
    shares = torch.nn.functional.one_hot(factors, int(factors.max()) + 1).float().mean(dim=0)
    return (two[0] - two[1]) / torch.special.entr(shares).sum(dim=1)


def gap_in_numpy(information, factors):
    ranked = np.sort(information.numpy(), axis=0)
    entropies = []
    for column in factors.numpy().T:
        _, counts = np.unique(column, return_counts=True)
        entropies.append(np.log(counts.sum()) - (counts * np.log(counts)).sum() / counts.sum())
    return (ranked[-1] - ranked[-2]) / np.array(entropies)


def gap_with(lead=lambda ranked: ranked[-1] - ranked[-2], scale=1.0):
    """The gap with another lead, from the units sorted upwards, or divided by another number besides."""

    def of(information, factors):
        right = gap_by_topk(information, factors)
        ranked = information.sort(dim=0).values
        return right * lead(ranked) / (ranked[-1] - ranked[-2]) / scale

    return of


RIGHT = {
    "rd-slope": ["B", "(b)"],
    "kl-split": [split_by_loops, split_by_difference, split_in_numpy],
    "least-leftover": [18.09, 25 - math.log(1000), torch.tensor(18.1)],
    "free-bits": [free_bits_by_maximum, free_bits_by_loop],
    "warm-up": [warm_up_by_minimum, warm_up_by_tensor, warm_up_by_interpolation],
    "mi-gap": [gap_by_loops, gap_by_topk, gap_in_numpy],
}

WRONG = {
    "rd-slope": [
        ("a", "does not stand still"),
        ("c", "At which β does training stop"),
        ("d", "falls by about that much"),
        ("e", "must be one of a, b, c, d"),
    ],
    "kl-split": [
        (split_with(lambda log_q: log_q.mean(1)), "mean of logarithms"),
        (split_with(lambda log_q: log_q.logsumexp(0) - math.log(len(log_q))), "sum runs over codes"),
        (split_with(lambda log_q: log_q.logsumexp(1)), "can never be positive"),
        (split_with(without_own), "is left out"),
        (lambda *args: split_by_loops(*args)[::-1], "in the other order"),
        (lambda *args: tuple(-part for part in split_by_loops(*args)), "Both signs are flipped"),
        (
            lambda log_q, log_p: (split_by_loops(log_q, log_p)[0], (log_q.diagonal() - log_p).mean()),
            "whole KL term, not",
        ),
        (
            lambda log_q, log_p: ((log_q.diag() - log_p).mean(), split_by_loops(log_q, log_p)[1]),
            "of which the information",
        ),
        (
            lambda log_q, log_p: (
                log_q.mean() - (log_q.logsumexp(1) - math.log(len(log_q))).mean(),
                split_by_loops(log_q, log_p)[1],
            ),
            "over all pairs",
        ),
        (lambda *args: tuple(part / math.log(2) for part in split_by_loops(*args)), "These are bits"),
        (split_naively, "whose exponential is 0"),
        (lambda *args: split_by_loops(*args)[0], "asks for 2 results, separated by commas; yours has 1"),
        (lambda log_q, log_p: (log_q.diag().mean(), log_p.mean()), "Try three matrices by hand"),
    ],
    "least-leftover": [
        (6.9, "the most that can be information"),
        (25 - math.log2(1000), "bits are subtracted from nats"),
        (22, "base 10"),
        (0, "Among how many images"),
        (25.0, "the most that the leftover can be"),
        (12.5, "The two parts add up"),
    ],
    "free-bits": [
        (free_bits_with(lambda kl, free_bits: kl.clamp(min=free_bits).sum(1).mean()), "every image must spend"),
        (
            free_bits_with(lambda kl, free_bits: kl.sum(1).mean().clamp(min=free_bits * kl.shape[1])),
            "one allowance of K λ together",
        ),
        (
            free_bits_with(lambda kl, free_bits: kl.sum(1).clamp(min=free_bits * kl.shape[1]).mean()),
            "each image has an allowance",
        ),
        (free_bits_with(lambda kl, free_bits: kl.mean(0).clamp(max=free_bits).sum()), "The smaller of the two"),
        (free_bits_with(lambda kl, free_bits: (kl.mean(0) - free_bits).relu().sum()), "gradient of this is right"),
        (free_bits_with(lambda kl, free_bits: right_term(kl, free_bits) / kl.shape[1]), "The units are averaged"),
        (free_bits_with(lambda kl, free_bits: kl.mean(0).sum()), "this is minus the ELBO"),
        (lambda r, kl, free_bits: right_term(kl, free_bits) + r.mean(), "The reconstruction term has the wrong sign"),
        (lambda r, kl, free_bits: r.mean() - right_term(kl, free_bits), "Both signs are flipped"),
        (lambda r, kl, free_bits: right_term(kl, free_bits) - r, "one value for each image"),
        (lambda r, kl, free_bits: kl.mean(0).clamp(min=free_bits) - r.mean(), "one value for each unit"),
        (lambda r, kl, free_bits: right_term(kl, free_bits) - r.mean().detach(), "gradient"),
        (lambda r, kl, free_bits: right_term(kl.detach(), free_bits) - r.mean(), "gradient passes from them to `kl`"),
        (free_bits_with(lambda kl, free_bits: 0 * kl.sum()), "Take two images and two units"),
    ],
    "warm-up": [
        (lambda step, n_steps, beta: beta * step / n_steps, "climbs for ever"),
        (lambda step, n_steps, beta: min(step / n_steps, beta), "climbs to 1 in"),
        (lambda step, n_steps, beta: min(1, beta * step / n_steps), "is cut off at 1"),
        (lambda step, n_steps, beta: min(1, step / n_steps), "this ends at 1"),
        (lambda step, n_steps, beta: beta * max(0, 1 - step / n_steps), "falls from β to 0"),
        (lambda step, n_steps, beta: beta, "there is no warm-up"),
        (lambda step, n_steps, beta: beta * (step >= n_steps), "jumps from 0 to β"),
        (lambda step, n_steps, beta: beta * min(1, (step + 1) / n_steps), "number 0, has a weight"),
        (lambda step, n_steps, beta: beta * min(1, step / n_steps), "there is no warm-up: the weight is β from"),
        (lambda step, n_steps, beta: beta * min(1, step / n_steps) ** 2, "half way through"),
    ],
    "mi-gap": [
        (lambda information, factors: information.topk(2, dim=0).values.diff(dim=0)[0].neg(), "differences in nats"),
        (lambda i, f: -i.topk(2, dim=0).values.diff(dim=0)[0] / (f.amax(0) + 1).log(), "number of values"),
        (gap_with(scale=1 / math.log(2)), "entropy in bits"),
        (lambda i, f: -i.topk(2, dim=0).values.diff(dim=0)[0] / i.amax(0), "what the best unit knows"),
        (lambda *args: gap_by_topk(*args).mean(), "the MIG itself"),
        (gap_with(lambda ranked: ranked[-1]), "how much the best unit knows"),
        (gap_with(lambda ranked: ranked[-2] - ranked[-1]), "sign is flipped"),
        (gap_with(lambda ranked: ranked[-1] - ranked[0]), "with the worst one"),
        (gap_with(lambda ranked: ranked[-1] - ranked.mean(0)), "average of all"),
        (gap_with(lambda ranked: ranked[1] - ranked[0]), "know least"),
        (lambda i, f: i.T.topk(2, dim=0).values.diff(dim=0)[0].neg(), "among factors, for each unit"),
        (lambda i, f: 2 * gap_by_topk(i, f), "2 times what it should be"),
        (lambda i, f: gap_by_topk(i, f) + 0.1, "all others are noise, your result must be 1"),
    ],
}
