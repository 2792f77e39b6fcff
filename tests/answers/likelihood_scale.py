"""Answers to the exercises on likelihood and scale, as students write them."""

import math

import numpy as np
import torch
from scipy import optimize, stats
from torch.distributions import Normal
from torch.nn.functional import logsigmoid, softplus

from vae_lessons.probability.likelihoods import DiscretisedLogistic, Gaussian


def betas_from_factors(sigma, n_pixels, own_sigma):
    precision = 1 / (2 * sigma**2)
    return [factor / precision for factor in (0.5, 1, 1 / n_pixels, 1 / (2 * own_sigma**2))]


def betas_as_tensors(sigma, n_pixels, own_sigma):
    a = torch.tensor(sigma).double() ** 2
    return a, a + a, (a + a) / n_pixels, a / own_sigma**2


def betas(**wrong):
    """The right ones, but for those that are given."""

    def of(*sizes):
        return tuple(wrong.get(name, lambda right, *_: right)(right, *sizes) for name, right in named(*sizes))

    def named(*sizes):
        return zip("abcd", betas_from_factors(*sizes), strict=True)

    return of


def free_loss_from_the_package(x, x_hat, kl):
    sigma = (x - x_hat).detach().square().mean().sqrt().item()
    return (kl - Gaussian(sigma).log_prob(x, x_hat)).mean()


def free_loss_through_a_distribution(x, x_hat, kl):
    sigma = torch.sqrt(torch.mean((x - x_hat) ** 2))
    return (kl - Normal(x_hat, sigma).log_prob(x).sum(dim=(1, 2))).mean()


def free_loss(error, factor=1.0, inside=2 * math.pi * math.e, kl=torch.mean):
    def of(x, x_hat, k):
        return factor * x[0].numel() / 2 * torch.log(inside * error((x - x_hat) ** 2)) + kl(k)

    return of


def sigma_by_root_finding(eigenvalues, rate):
    values = eigenvalues.double().numpy()

    def missing(log_sigma):
        return np.maximum(0.5 * np.log(values) - log_sigma, 0).sum() - rate

    return math.exp(optimize.brentq(missing, -50, 50))


def sigma_by_filling_up(eigenvalues, rate):
    """One unit after the other, largest first."""
    logs = sorted(torch.log(eigenvalues.double()).tolist(), reverse=True)
    for n in range(1, len(logs) + 1):
        level = (sum(logs[:n]) - 2 * rate) / n
        if n == len(logs) or level >= logs[n]:
            return torch.tensor(math.exp(level / 2))
    return None


def pixel_sigmas_in_numpy(x, x_hat, floor):
    return np.maximum(floor, np.sqrt(((x.numpy() - x_hat.numpy()) ** 2).mean(axis=0)))


def pixel_sigmas_by_variances(x, x_hat, floor):
    difference = x - x_hat
    variance = difference.var(dim=0, correction=0) + difference.mean(dim=0) ** 2
    return torch.clamp(variance, min=floor**2) ** 0.5


def errors(x, x_hat):
    return ((x - x_hat) ** 2).mean(0)


def log_probability_from_the_package(x, location, scale, levels):
    return DiscretisedLogistic(levels, scale).double().log_prob(x.double(), location.double())


def log_probability_by_scipy(x, location, scale, levels):
    """The cells of bright pixels from the other side, where nothing is rounded to 1."""
    x, location, half = x.double().numpy(), location.double().numpy(), 0.5 / (levels - 1)
    upper, lower = np.where(x > 1 - half, np.inf, x + half), np.where(x < half, -np.inf, x - half)
    logistic = stats.logistic(location, scale)
    a, b = logistic.logcdf(upper), logistic.logcdf(lower)
    c, d = logistic.logsf(lower), logistic.logsf(upper)
    with np.errstate(all="ignore"):
        left, right = a + np.log1p(-np.exp(b - a)), c + np.log1p(-np.exp(d - c))
    return np.where(x < location, left, right).sum(axis=(1, 2))


def log_probability_by_softplus(x, location, scale, levels):
    half, x = 0.5 / (levels - 1), x.double()
    b, a = (x + half - location) / scale, (x - half - location) / scale
    inside = b - softplus(b) - softplus(a) + math.log1p(-math.exp(-2 * half / scale))
    result = torch.where(x == 0, logsigmoid(b), inside)
    return torch.where(x == 1, logsigmoid(-a), result).flatten(1).sum(1)


def naive(x, location, scale, levels, half=None, ends=True):
    half, x = half or 0.5 / (levels - 1), x.double()
    b, a = torch.sigmoid((x + half - location) / scale), torch.sigmoid((x - half - location) / scale)
    if ends:
        b, a = torch.where(x > 0.99, 1.0, b), torch.where(x < 0.01, 0.0, a)
    return b - a


def bits_by_scipy(x, noise, mean, sigma, levels):
    pixels = (x.numpy() * (levels - 1) + noise.numpy()) / levels
    log_density = stats.norm(mean.numpy(), sigma).logpdf(pixels)
    return np.log2(levels) - log_density.mean(axis=(0, 2, 3)) / np.log(2)


def bits_by_the_package(x, noise, mean, sigma, levels):
    return sum(
        -Gaussian(sigma).log_prob((x * (levels - 1) + one) / levels, mean) / math.log(2) / mean[0].numel()
        for one in noise
    ) / len(noise) + math.log2(levels)


def bits(pixels=lambda x, noise, levels: (x * (levels - 1) + noise) / levels, reduce=lambda p: p.mean(0), of_levels=1):
    def of(x, noise, mean, sigma, levels):
        log_density = Normal(mean.double(), sigma).log_prob(pixels(x.double(), noise, levels)).sum((-1, -2))
        return of_levels * math.log2(levels) - reduce(log_density) / math.log(2) / mean[0].numel()

    return of


RIGHT = {
    "betas-of-sigma": [betas_from_factors, betas_as_tensors],
    "sigma-free-loss": [free_loss_from_the_package, free_loss_through_a_distribution, free_loss(torch.mean)],
    "sigma-of-a-rate": [sigma_by_root_finding, sigma_by_filling_up],
    "pixel-sigmas": [pixel_sigmas_in_numpy, pixel_sigmas_by_variances],
    "level-probability": [
        log_probability_from_the_package,
        log_probability_by_scipy,
        log_probability_by_softplus,
    ],
    "dequantised-bits": [bits_by_scipy, bits_by_the_package, bits()],
}

WRONG = {
    "betas-of-sigma": [
        (lambda *sizes: [1 / beta for beta in betas_from_factors(*sizes)], "All four are upside down"),
        (lambda *sizes: [beta**0.5 for beta in betas_from_factors(*sizes)], "These are roots"),
        (betas(a=lambda right, *_: 2 * right), "Loss a: the squared error has its half"),
        (betas(b=lambda right, *_: right / 2), "goes with half the squared error"),
        (betas(b=lambda right, *_: right / 4), "the 2 is on the wrong side"),
        (betas(c=lambda right, s, d, own: right * d), "the mean over the pixels is left out"),
        (betas(c=lambda right, *_: right / 2), "Loss c: there is no half"),
        (betas(c=lambda right, s, d, own: right * d**2), "on the wrong side. A mean is less"),
        (betas(d=lambda right, s, d, own: s**2), "has a noise of its own"),
        (betas(d=lambda right, s, d, own: s**2 * own**2), "the product of β"),
        (betas(d=lambda right, s, d, own: s / own), "the ratio of σ and not"),
        (betas(d=lambda right, s, d, own: own**2 / s**2), "Loss d: this is upside down"),
        (lambda s, d, own: (s**2, 2 * s**2), "yours has 2"),
    ],
    "sigma-free-loss": [
        (free_loss(torch.mean, inside=2 * math.pi), "The squared error itself has gone"),
        (free_loss(torch.mean, inside=1), "the number is not −ELBO"),
        (lambda *args: -free_loss(torch.mean)(*args), "This is the ELBO"),
        (
            lambda x, x_hat, k: free_loss(lambda e: e.mean((1, 2)), kl=lambda k: k)(x, x_hat, k).mean(),
            "Each image has a σ of its own",
        ),
        (
            lambda x, x_hat, k: 0.5 * (1 + (2 * math.pi * errors(x, x_hat)).log()).sum() + k.mean(),
            "Each pixel has a σ of its own",
        ),
        (free_loss(lambda e: e.sum((1, 2)).mean()), "that of a whole image"),
        (
            lambda x, x_hat, k: (
                (free_loss(torch.mean, kl=torch.zeros_like)(x, x_hat, k) / x[0].numel()).mean() + k.mean()
            ),
            "that of one pixel",
        ),
        (free_loss(torch.mean, factor=2), "twice what it should be"),
        (free_loss(torch.mean, kl=torch.sum), "The KL term is summed over the batch"),
        (free_loss(torch.mean, kl=lambda k: k), "still one for each image"),
        (lambda x, x_hat, k: free_loss(torch.mean)(x, x_hat.detach(), k), "no gradient passes from them to `x_hat`"),
        (lambda *args: free_loss(torch.mean)(*args).item(), "no gradient passes"),
    ],
    "sigma-of-a-rate": [
        (lambda e, rate: sigma_by_root_finding(e, rate) ** 2, "This is σ², the variance"),
        (lambda e, rate: math.exp(0.5 * float(e.double().log().mean()) - rate / len(e)), "All units are used in yours"),
        (lambda e, rate: sigma_by_root_finding(e, rate / 2), "has a half before its logarithm"),
        (lambda e, rate: sigma_by_root_finding(e, 2 * rate), "one half too many"),
        (lambda e, rate: sigma_by_root_finding(e, rate * math.log(2)), "taken here for bits"),
        (lambda e, rate: sigma_by_root_finding(e**2, rate), "They are squared here"),
        (lambda e, rate: float(e.max()) ** 0.5 * math.exp(-rate), "Only the largest eigenvalue"),
        (lambda e, rate: float(e.mean()) ** 0.5 + 0.1, "Try two eigenvalues"),
    ],
    "pixel-sigmas": [
        (lambda x, x_hat, floor: errors(x, x_hat).sqrt(), "The floor is not used"),
        (lambda x, x_hat, floor: errors(x, x_hat).clamp(min=floor).sqrt(), "it has been applied to σ²"),
        (lambda x, x_hat, floor: errors(x, x_hat).clamp(min=floor**2), "These are variances"),
        (lambda x, x_hat, floor: errors(x, x_hat).sqrt() + floor, "The floor is added"),
        (lambda x, x_hat, floor: (errors(x, x_hat) + floor**2).sqrt(), "are changed too"),
        (lambda x, x_hat, floor: (x - x_hat).std(0).clamp(min=floor), "always too bright"),
        (lambda x, x_hat, floor: (x - x_hat).abs().mean(0).clamp(min=floor), "mean absolute error"),
        (lambda x, x_hat, floor: x.std(0).clamp(min=floor), "whatever the decoder does"),
        (lambda x, x_hat, floor: errors(x, x_hat).mean().sqrt().clamp(min=floor), "one σ for all pixels"),
        (lambda x, x_hat, floor: ((x - x_hat) ** 2).mean((1, 2)).sqrt().clamp(min=floor), "a σ for each image"),
        (lambda x, x_hat, floor: errors(x, x_hat).sqrt().clamp(max=floor), "it is an upper one"),
        (
            lambda x, x_hat, floor: torch.exp(errors(x, x_hat).log().sum() * 0 + errors(x, x_hat).log() / 2).clamp(
                min=floor
            ),
            "except for pixels that are reconstructed exactly",
        ),
    ],
    "level-probability": [
        (lambda *args: naive(*args, ends=False).log().sum((1, 2)), "Right, except at paper and ink"),
        (
            lambda x, m, s, levels: (logsigmoid((x - m) / s) + logsigmoid((m - x) / s) - math.log(s)).sum((1, 2)),
            "This is the log-density",
        ),
        (
            lambda x, m, s, levels: (
                logsigmoid((x - m) / s) + logsigmoid((m - x) / s) - math.log(s * (levels - 1))
            ).sum((1, 2)),
            "in the middle of the cell",
        ),
        (lambda x, m, s, levels: naive(x, m, s, levels, 0.5 / levels).log().sum((1, 2)), "leave gaps"),
        (lambda x, m, s, levels: naive(x, m, s, levels, 1 / (levels - 1)).log().sum((1, 2)), "twice too wide"),
        (lambda *args: -log_probability_by_softplus(*args), "The sign is flipped"),
        (lambda *args: naive(*args).sum((1, 2)), "These are probabilities, added up"),
        (lambda *args: naive(*args).sum((1, 2)).log(), "Which comes first"),
        (lambda *args: naive(*args).log(), "logarithms for single pixels"),
        (lambda *args: naive(*args).log().mean((1, 2)), "a mean over the pixels"),
        (lambda *args: naive(*args).log2().sum((1, 2)), "These are bits"),
        (lambda *args: naive(*args).log().sum((1, 2)), "rounded to 0. Find a form"),
        (lambda *args: naive(*args).clamp(min=1e-12).log().sum((1, 2)), "two numbers that are almost 1 are subtracted"),
    ],
    "dequantised-bits": [
        (bits(lambda x, noise, levels: x, lambda p: p), "The noise is not used"),
        (bits(lambda x, noise, levels: x + noise), "the whole range from paper to ink"),
        (bits(lambda x, noise, levels: x + noise / levels), "so ink ends above 1"),
        (bits(lambda x, noise, levels: x + (noise - 0.5) / (levels - 1)), "centred on each level"),
        (bits(of_levels=0), "not bits of grey levels yet"),
        (bits(reduce=lambda p: -p.mean(0)), "The log-density has the wrong sign"),
        (bits(of_levels=-1), "The number of levels has the wrong sign"),
        (lambda *args: bits()(*args) * math.log(2), "These are nats per dimension"),
        (lambda x, *rest: bits()(x, *rest) * x[0].numel(), "for the whole image"),
        (bits(reduce=lambda p: p.logsumexp(0) - math.log(len(p))), "That estimates the probability itself"),
        (lambda x, noise, *rest: bits()(x, noise.mean(0, keepdim=True), *rest), "leaves almost none of it"),
        (bits(reduce=lambda p: p[0]), "Only the first draw"),
        (bits(reduce=lambda p: p), "one number for each draw"),
    ],
}
