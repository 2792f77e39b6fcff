"""Answers to the exercises on what came after VAEs, as students write them."""

import math

import numpy as np
import torch

from vae_lessons.models import CodePrior
from vae_lessons.models.ladder_vae import product
from vae_lessons.probability.distributions import Categorical, DiagonalGaussian
from vae_lessons.probability.gaussian import kl_diagonal

# A gradient through rounding


def nearest(vectors, codebook):
    return codebook[torch.cdist(vectors, codebook.expand(len(vectors), -1, -1)).argmin(dim=2)]


def straight_by_two_terms(vectors, codebook):
    return nearest(vectors, codebook).detach() + vectors - vectors.detach()


def straight_by_loop(vectors, codebook):
    images = []
    for image in vectors:
        rows = [codebook[int(((v - codebook) ** 2).sum(1).argmin())] for v in image]
        images.append(image + torch.stack([row - v for row, v in zip(rows, image, strict=True)]).detach())
    return torch.stack(images)


def straight_by_function(vectors, codebook):
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(context, vectors, codebook):
            return nearest(vectors, codebook)

        @staticmethod
        def backward(context, gradient):
            return gradient, None

    return Round.apply(vectors, codebook)


def straight_by_inner_products(vectors, codebook):
    scores = vectors @ codebook.T - codebook.square().sum(1) / 2
    return vectors + (codebook[scores.argmax(2)] - vectors).detach()


def softly(vectors, codebook):
    return (-(vectors.unsqueeze(2) - codebook).square().sum(3)).softmax(2) @ codebook


# The bound of a VQ-VAE


def price_by_gather(log_likelihood, codes, shares):
    return log_likelihood + shares.log().T.gather(0, codes).sum(1)


def price_by_loop(log_likelihood, codes, shares):
    bounds = []
    for value, image in zip(log_likelihood, codes, strict=True):
        bounds.append(value + sum(math.log(shares[m, c]) for m, c in enumerate(image)))
    return torch.stack(bounds)


def price_by_package(log_likelihood, codes, shares):
    return log_likelihood + Categorical(shares.log()[None]).log_prob(codes)


def price_by_prior(log_likelihood, codes, shares):
    prior = CodePrior(*shares.shape)
    prior.bias.data.copy_(shares.log())
    return log_likelihood - prior.loss(codes)


def price_by_numpy(log_likelihood, codes, shares):
    places = np.arange(codes.shape[1])
    return log_likelihood.numpy() + np.log(shares.numpy()[places, codes.numpy()]).sum(axis=1)


def picked(codes, shares):
    return torch.stack([shares[m, codes[:, m]] for m in range(codes.shape[1])], dim=1)


# Two sources for one code


def product_by_precisions(mu_q, logvar_q, mu_p, logvar_p):
    of_q, of_p = torch.exp(-logvar_q), torch.exp(-logvar_p)
    return (mu_q * of_q + mu_p * of_p) / (of_q + of_p), -torch.log(of_q + of_p)


def product_by_gain(mu_q, logvar_q, mu_p, logvar_p):
    gain = logvar_p.exp() / (logvar_p.exp() + logvar_q.exp())
    return mu_p + gain * (mu_q - mu_p), torch.log((1 - gain) * logvar_p.exp())


def product_by_package(mu_q, logvar_q, mu_p, logvar_p):
    both = product(DiagonalGaussian(mu_q, logvar_q), DiagonalGaussian(mu_p, logvar_p))
    return both.mu, both.logvar


def product_with(mean=None, logvar=None):
    def answer(mu_q, logvar_q, mu_p, logvar_p):
        right = product_by_precisions(mu_q, logvar_q, mu_p, logvar_p)
        args = mu_q, logvar_q.exp(), mu_p, logvar_p.exp()
        return mean(*args) if mean else right[0], logvar(*args) if logvar else right[1]

    return answer


def weighted(mu_q, mu_p, of_q, of_p):
    return (mu_q * of_q + mu_p * of_p) / (of_q + of_p), -torch.log(of_q + of_p)


# What a step costs


def snr(alpha):
    return alpha * alpha / (1 - alpha * alpha)


def step_by_ratios(image, guess, alpha_before, alpha_now):
    return (snr(alpha_before) - snr(alpha_now)) / 2 * ((image - guess) ** 2).sum(1)


def step_by_gaussians(image, guess, alpha_before, alpha_now):
    """Multiply out q(z_{t-1} | z_t, s) for a z_t of 0, and take the package's KL."""
    ratio, passed = alpha_now / alpha_before, 1 - alpha_now**2 - (alpha_now / alpha_before) ** 2 * (1 - alpha_before**2)
    variance = 1 / (1 / (1 - alpha_before**2) + ratio**2 / passed)
    means = [variance * alpha_before / (1 - alpha_before**2) * s for s in (image, guess)]
    logvar = torch.full_like(image, math.log(variance))
    return kl_diagonal(means[0], logvar, means[1], logvar)


def step_by_distance(image, guess, alpha_before, alpha_now):
    return 0.5 * (snr(alpha_before) - snr(alpha_now)) * torch.linalg.vector_norm(image - guess, dim=1).square()


def step_by_numpy(image, guess, alpha_before, alpha_now):
    return 0.5 * (snr(alpha_before) - snr(alpha_now)) * np.square(image.numpy() - guess.numpy()).sum(axis=1)


def step_with(factor, error=lambda image, guess: (image - guess).square().sum(1)):
    return lambda image, guess, before, now: 0.5 * factor(before, now) * error(image, guess)


def gain_of(before, now):
    return snr(before) - snr(now)


PERPLEXITY = 2**0.4 * 1.25**0.4 * 80**0.6  # 0.4^-0.4 (0.6 / 48)^-0.6

RIGHT = {
    "codes-in-use": [PERPLEXITY, torch.tensor(20.0), 20],
    "straight-through": [
        straight_by_two_terms,
        straight_by_loop,
        straight_by_function,
        straight_by_inner_products,
    ],
    "code-price": [price_by_gather, price_by_loop, price_by_package, price_by_prior, price_by_numpy],
    "ladder-product": [product_by_precisions, product_by_gain, product_by_package],
    "diffusion-step": [step_by_ratios, step_by_gaussians, step_by_distance, step_by_numpy],
}

WRONG = {
    "codes-in-use": [
        (49, "how many rows are used at all"),
        (math.log(PERPLEXITY), "in nats. The"),
        (math.log2(PERPLEXITY), "in bits. The"),
        (2 ** math.log(PERPLEXITY), "the exponent of 2"),
        (math.exp(math.log2(PERPLEXITY)), "the exponent of e"),
        (1 / (0.4**2 + 0.6**2 / 48), "squared shares"),
        (PERPLEXITY / 512, "as a share"),
        (512, "First the entropy"),
    ],
    "straight-through": [
        (
            lambda vectors, codebook: nearest(vectors, codebook) + (vectors - nearest(vectors, codebook)),
            "nothing rounded",
        ),
        (
            lambda vectors, codebook: nearest(vectors, codebook) + (vectors - nearest(vectors, codebook)).detach(),
            "only the way for the gradient",
        ),
        (
            lambda vectors, codebook: codebook[(vectors.unsqueeze(2) - codebook).square().sum(3).argmax(2)],
            "farthest away",
        ),
        (lambda vectors, codebook: codebook[(vectors @ codebook.T).argmax(2)], "largest inner product"),
        (
            lambda vectors, codebook: (vectors.unsqueeze(2) - codebook).square().sum(3).argmin(2),
            "numbers of the nearest rows",
        ),
        (softly, "average of rows"),
        (lambda vectors, codebook: nearest(vectors, codebook) - vectors, "difference from the vector"),
        (lambda vectors, codebook: nearest(vectors, codebook).abs(), "two rows (0, 0) and (3, 0)"),
        (nearest, "choosing a row is a step function"),
        (lambda vectors, codebook: vectors + nearest(vectors, codebook) - vectors, "the gradient is not"),
    ],
    "code-price": [
        (lambda value, codes, shares: value - codes.shape[1] * math.log(shares.shape[1]), "under the uniform prior"),
        (lambda value, codes, shares: value - picked(codes, shares).log().sum(1), "sign of the KL"),
        (lambda value, codes, shares: value + picked(codes, shares).log2().sum(1), "in bits"),
        (lambda value, codes, shares: value + picked(codes, shares).log().mean(1), "an average code"),
        (lambda value, codes, shares: value + (shares * shares.log()).sum(), "average price"),
        (lambda value, codes, shares: value + shares.mean(0).log()[codes].sum(1), "averaged over the places"),
        (lambda value, codes, shares: value + picked(codes, shares).sum(1), "without a logarithm"),
        (lambda value, codes, shares: value + picked(codes, shares).prod(1), "to a logarithm"),
        (lambda value, codes, shares: -picked(codes, shares).log().sum(1), "the KL term alone"),
        (lambda value, codes, shares: -price_by_gather(value, codes, shares), "minus the bound"),
        (lambda value, codes, shares: price_by_gather(value, codes, shares).mean(), "averaged over the images"),
        (lambda value, codes, shares: value, "shares are 1/2 and 1/8"),
    ],
    "ladder-product": [
        (product_with(lambda m_q, v_q, m_p, v_p: (v_q * m_q + v_p * m_p) / (v_q + v_p)), "weighted by the variances"),
        (product_with(lambda m_q, v_q, m_p, v_p: (m_q + m_p) / 2), "count alike"),
        (product_with(lambda m_q, v_q, m_p, v_p: m_q / v_q + m_p / v_p), "do not add up to 1"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: 1 / (1 / v_q + 1 / v_p)), "second result is the variance"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: (1 / v_q + 1 / v_p).log()), "log of the precision"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: (v_q + v_p).log()), "two independent numbers"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: ((v_q + v_p) / 2).log()), "variances are averaged"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: (v_q.log() + v_p.log()) / 2), "log-variances are averaged"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: v_q.log() + v_p.log()), "variances are multiplied"),
        (product_with(None, lambda m_q, v_q, m_p, v_p: (2 / (1 / v_q + 1 / v_p)).log()), "twice too large"),
        (
            lambda mu_q, logvar_q, mu_p, logvar_p: weighted(
                mu_q, mu_p, torch.exp(-logvar_q / 2), torch.exp(-logvar_p / 2)
            ),
            "taken for variances",
        ),
        (lambda mu_q, logvar_q, mu_p, logvar_p: weighted(mu_q, mu_p, logvar_q, logvar_p), "of a negative number"),
        (lambda mu_q, logvar_q, mu_p, logvar_p: (mu_q, logvar_q), "q alone"),
        (lambda mu_q, logvar_q, mu_p, logvar_p: (mu_p, logvar_p), "Try both"),
    ],
    "diffusion-step": [
        (step_with(lambda before, now: 2 * gain_of(before, now)), "twice too large"),
        (step_with(lambda before, now: -gain_of(before, now)), "never negative"),
        (step_with(lambda before, now: before**2 - now**2), "that of the α²"),
        (step_with(lambda before, now: snr(before) ** 0.5 - snr(now) ** 0.5), "has no squares"),
        (step_with(lambda before, now: before**2 / (1 - before) - now**2 / (1 - now)), "1 - α is something else"),
        (step_with(lambda before, now: snr(now)), "the simple loss"),
        (step_with(lambda before, now: snr(before)), "the whole ratio"),
        (step_with(lambda before, now: 1 - snr(now) / snr(before)), "that of the means"),
        (step_with(gain_of, lambda image, guess: (image - guess).square().mean(1)), "averaged over the pixels"),
        (step_with(gain_of, lambda image, guess: (image - guess).norm(dim=1)), "must be squared"),
        (step_with(gain_of, lambda image, guess: (image - guess).abs().sum(1)), "absolute differences"),
        (
            lambda image, guess, before, now: step_by_ratios(image, guess, before, now).mean(),
            "averaged over the images",
        ),
        (lambda image, guess, before, now: (image - guess).square().sum(1) + 1, "the step costs 1.5 nats"),
    ],
}
