"""Exercises of lesson 3: latent-variable models."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, Normal

from vae_lessons.checks.exercises import Choice, Exercise, Function, Number, Slip, Task


def _in_other_words(function: Function, infinite: str) -> Task:
    """`function`, with words of its own for results that are not finite."""

    def judgement(answer: object) -> str | None:
        said = function.judge(answer)
        return infinite if said and "is not finite" in said else said

    return Task(function.name, function.points, judgement)


# More codes than pixels, so that even without noise there is a density, and a slip that forgets the noise has a value.
def _linear_models(generator: Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    x, bias = 1.5 * torch.randn(5, 3, generator=generator), torch.randn(3, generator=generator)
    weight = torch.randn(3, 4, generator=generator)
    return x, weight, bias, _sigma(generator)


def _sigma(generator: Generator) -> float:
    return 0.4 + 0.3 * float(torch.rand(1, generator=generator))


def _normal(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    return MultivariateNormal(mean.double(), cov.double()).log_prob(x.double())


def _evidence(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> Tensor:
    return _normal(x, bias, _marginal(weight, sigma))


def _marginal(weight: Tensor, sigma: float) -> Tensor:
    return weight.double() @ weight.double().T + sigma**2 * torch.eye(len(weight)).double()


def _squared(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> Tensor:
    """The quadratic form in the exponent, without its half."""
    away = x.double() - bias
    return (torch.linalg.solve(_marginal(weight, sigma), away.T).T * away).sum(dim=1)


EVIDENCE = Function(
    name="evidence",
    points=2,
    inputs=_linear_models,
    answer=_evidence,
    slips=(
        Slip(
            lambda x, weight, bias, sigma: _normal(x, bias, weight @ weight.T + sigma * torch.eye(len(bias))),
            "σ stands where σ² belongs: what is added to the covariance is the noise's variance.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _normal(x, bias, weight @ weight.T),
            "The pixel noise is missing: this is the density of the mean image W z + b, before anything is added to "
            "it. Which of the two draws has been left out?",
        ),
        Slip(
            lambda x, weight, bias, sigma: Normal(bias, sigma).log_prob(x).sum(dim=1),
            "This is log p(x | z) at z = 0, the prior's mean. The evidence asks for all codes, each with its own mean "
            "image: by how much does W z spread?",
        ),
        Slip(
            lambda x, weight, bias, sigma: (
                Normal(bias, _marginal(weight, sigma).diagonal().sqrt()).log_prob(x).sum(dim=1)
            ),
            "The variances of the pixels are right, but they are treated as independent. They are so only for a given "
            "z. When z is summed out, pixels that share a code vary together.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, torch.zeros_like(bias), sigma),
            "The mean image b has been forgotten: this density is centred on 0.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) / len(bias),
            "This is a mean over pixels. The logarithm of a density of D pixels is one number for all of them.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) + 0.5 * len(bias) * math.log(2 * math.pi),
            "A constant is missing, the same for each image: is the density still one that integrates to 1?",
        ),
        Slip(
            lambda x, weight, bias, sigma: (
                _evidence(x, weight, bias, sigma) + 0.5 * (len(bias) - weight.shape[1]) * math.log(2 * math.pi)
            ),
            "The constant counts the dimensions of the code. This is a density of x, so which dimensions count?",
        ),
        Slip(
            lambda x, weight, bias, sigma: (
                _evidence(x, weight, bias, sigma) - 0.5 * torch.logdet(_marginal(weight, sigma))
            ),
            "The log-determinant is counted twice as much as it should be. What is the square root for?",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma) - 0.5 * _squared(x, weight, bias, sigma),
            "The half before the quadratic form is missing.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).exp(),
            "This is the density itself. Asked for is its logarithm, since with 784 pixels the density would not fit "
            "into a floating-point number.",
        ),
        Slip(
            lambda x, weight, bias, sigma: -_evidence(x, weight, bias, sigma),
            "The sign is flipped. Asked for is log p(x), which is to be made large, and not a loss.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).sum(),
            "This is one number for the whole batch. Each image has an evidence of its own.",
        ),
        Slip(
            lambda x, weight, bias, sigma: _evidence(x, weight, bias, sigma).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="Three things settle it: x is Gaussian, so find its mean, and then its covariance from that of W z and that "
    "of the noise. With W = 0 your result must be that of independent pixels with variance σ². If it differs from one "
    "call to the next, you have sampled; here nothing needs to be drawn.",
    rtol=1e-4,
    atol=1e-3,
)


HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
ONE_SAMPLE = Number(
    name="evidence-one-sample",
    points=2,
    value=lambda: -HALF_LOG_TWO_PI - 0.5 * (1 + 4),
    slips=(
        Slip(
            lambda: -HALF_LOG_TWO_PI - 0.5 * math.log(5) - 0.1,
            "That is log p(x) itself, in closed form. The average of p(x | z) is p(x); but is the average of its "
            "logarithm the logarithm of that average?",
        ),
        Slip(
            lambda: math.exp(-HALF_LOG_TWO_PI - 0.5 * math.log(5) - 0.1),
            "That is p(x), of which each estimate is right on average. Each repeat takes the logarithm of its estimate "
            "first, and then the results are averaged.",
        ),
        Slip(
            lambda: -HALF_LOG_TWO_PI - 0.5,
            "That is log p(x | z) at z = 0, the average code. The average of a square is more than the square of "
            "the average.",
        ),
        Slip(
            lambda: -HALF_LOG_TWO_PI - 0.5 * (1 + 2),
            "The spread of 2z is counted as 2. If z has variance 1, which variance has 2z?",
        ),
        Slip(lambda: -0.5 * (1 + 4), "The constant of the Gaussian density, the part with 2π, is missing."),
        Slip(lambda: -HALF_LOG_TWO_PI - 5, "The half in the exponent is missing."),
        Slip(lambda: HALF_LOG_TWO_PI + 0.5 * (1 + 4), "The sign is flipped: this would be a loss."),
        Slip(
            lambda: -0.5 * 5 + 0.5 * math.log(5) + 0.1,
            "That is by how much the average estimate is off. Asked for is the average estimate itself.",
        ),
    ),
    hint="Write log p(x | z) out at x = 1: a constant, and a square with z in it. Open the square, and average over z, "
    "which has mean 0, and a mean square of 1. If you have sampled instead, take a hundred thousand repeats or more, "
    "and the mean of the logarithms.",
    rtol=0.0,
    atol=0.06,  # five standard errors of 100,000 repeats
)


def _grids(generator: Generator) -> tuple[Tensor, Tensor, float]:
    """A posterior of three images on a grid of the plane; two of them with densities that fit in no number."""
    ticks = torch.linspace(-4, 4, 33)
    grid = torch.cartesian_prod(ticks, ticks)
    centres = torch.randn(3, 2, generator=generator)
    bent = grid + 0.2 * grid.square().flip(1)
    log_likelihood = -0.5 * torch.cdist(bent, centres).square() / _sigma(generator)
    log_prior = Normal(0.0, 1.0).log_prob(grid).sum(dim=1)
    return log_likelihood + torch.tensor([-1200.0, 0.0, 900.0]), log_prior, 0.25**2


def _log_joint(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    return log_likelihood.double() + log_prior.double()[:, None]


def _cells(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    """The probability of each cell."""
    return _log_joint(log_likelihood, log_prior).softmax(dim=0)


def _all_together(log_likelihood: Tensor, log_prior: Tensor) -> Tensor:
    return _log_joint(log_likelihood, log_prior).flatten().softmax(dim=0).view_as(log_likelihood)


ONE_SUM = "The sum in the denominator runs over all images together. Each image has an evidence of its own."

POSTERIOR = _in_other_words(
    Function(
        name="evidence-posterior",
        points=3,
        inputs=_grids,
        answer=lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior) / cell,
        slips=(
            Slip(
                lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior),
                "These numbers add up to 1: they are the probabilities of the cells. A density has to integrate to 1. "
                "If you made the grid twice as fine, your values would shrink; should they?",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: _cells(log_likelihood, log_prior) * cell,
                "The size of a cell is in it, but on the wrong side of the fraction. The integral in the denominator "
                "is a sum times what?",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: _cells(log_likelihood, 0 * log_prior) / cell,
                "The prior has been left out: this is the likelihood, normalised. Far from the origin it claims too "
                "much.",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: _cells(log_likelihood, 0 * log_prior),
                "The prior has been left out, and so has the size of a cell.",
            ),
            Slip(lambda log_likelihood, log_prior, cell: _all_together(log_likelihood, log_prior) / cell, ONE_SUM),
            Slip(
                lambda log_likelihood, log_prior, cell: _all_together(log_likelihood, log_prior),
                f"{ONE_SUM} And the size of a cell is still nowhere.",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: _log_joint(log_likelihood, log_prior).softmax(dim=1) / cell,
                "The sum in the denominator runs over the images. The integral is one over codes: which axis is that?",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: (
                    _log_joint(log_likelihood, log_prior)
                    - _log_joint(log_likelihood, log_prior).logsumexp(dim=0)
                    - math.log(cell)
                ),
                "These are the logarithms of the right values. Asked for is the density.",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: (
                    _cells(log_likelihood, log_prior) / _cells(log_likelihood, log_prior).amax(dim=0)
                ),
                "Divided by the largest value, so that the peak is 1. A picture would look the same, but it is the "
                "integral that must be 1.",
            ),
            Slip(
                lambda log_likelihood, log_prior, cell: (log_likelihood + log_prior[:, None]).exp(),
                "This is the joint density p(x, z), not divided by the evidence, and for two of the three images it "
                "does not fit into a floating-point number.",
            ),
        ),
        hint="For each image, your values times the size of a cell must add up to 1 over the grid, and their ratio at "
        "two codes must be that of the joint density there. Which of the two fails?",
        rtol=2e-3,
        atol=1e-7,
    ),
    infinite="There is a NaN or an infinity in your result. For an image whose log p(x | z) is -1200 everywhere, "
    "the exponential is exactly 0, and 0 / 0 is no density; at +900 it is infinite. What can be done before the "
    "exponential is taken?",
)


def _weights(generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    log_likelihood, log_prior, log_q = torch.randn(3, 16, 3, generator=generator).double()
    log_likelihood = 2 * log_likelihood + torch.tensor([-1500.0, -40.0, 1200.0])
    return log_likelihood, 1.5 * log_prior - 6, log_q - 2


def _log_mean_exp(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


IMPORTANCE = _in_other_words(
    Function(
        name="evidence-importance",
        points=3,
        inputs=_weights,
        answer=lambda likelihood, prior, q: _log_mean_exp(likelihood + prior - q),
        slips=(
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).mean(dim=0),
                "This is the mean of the logarithms. What is right on average is the mean of the weights themselves, "
                "and its logarithm comes last. (Yours is too low; lesson 4 has a name for it.)",
            ),
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0),
                "This is the logarithm of the sum of the weights, so that it grows with the number of samples. An "
                "average is asked for.",
            ),
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0) + math.log(len(q)),
                "The number of samples has the wrong sign: an average is the sum divided by L.",
            ),
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).logsumexp(dim=0) / len(q),
                "The logarithm has been divided by L, and not the sum inside it.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(q - likelihood - prior),
                "The weights are upside down. Which density has been multiplied by, and which divided by, to get an "
                "average over q?",
            ),
            Slip(
                lambda likelihood, prior, q: -_log_mean_exp(q - likelihood - prior),
                "This is one over the average of one over the weights. The reciprocal of an average is not the average "
                "of the reciprocals; the weights themselves are what has to be averaged.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(likelihood + prior),
                "The joint density is averaged over codes from q, without the correction for having drawn them there.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(likelihood),
                "This is the estimate for codes drawn from the prior. These were drawn from q.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(likelihood - q),
                "The weight has the likelihood and q in it, but the joint density is a product of two. The prior is "
                "missing.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(likelihood - prior + q),
                "The prior and q have changed places: in the weight it is q that is divided by.",
            ),
            Slip(
                lambda likelihood, prior, q: _log_mean_exp(likelihood + prior + q),
                "Multiplied by q, where the weight divides by it. Each code counts as often as q draws it already.",
            ),
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).amax(dim=0),
                "This is the largest weight alone. It often makes up most of the sum, but not all, and there is L.",
            ),
            Slip(
                lambda likelihood, prior, q: (likelihood + prior - q).exp().mean(dim=0).log(),
                "For images with a very small or a very large density your result is infinite: the exponential does "
                "not fit into a floating-point number. Stay in logarithms.",
            ),
        ),
        hint="Two cases to try: if all weights of an image are alike, the result is the logarithm of any one of them. "
        "And if you add 1000 to each log p(x | z) of an image, its result must rise by 1000: it will not if somewhere "
        "a value is clamped, or a small number added.",
        rtol=1e-6,
        atol=5e-3,
    ),
    infinite="For some images your result is infinite or NaN: an exponential, or all of them, did not fit into a "
    "floating-point number. Stay in logarithms. If you subtract a maximum first: is it each image's own?",
)

ASSUMPTION = Choice(
    name="evidence-assumption",
    points=1,
    right="b",
    wrong={
        "a": "A prior that does not fit shows in draws from it, and in a lower evidence at home too. It does not make "
        "scans from the same machine look better than others.",
        "c": "Pixels that are not independent given the code cost evidence on every scan, at home and elsewhere alike. "
        "What is different about the test scans at home?",
        "d": "One encoder for all images does make q worse on images that are unlike those that it was trained on. But "
        "the evidence does not depend on q at all, and it was the evidence that was compared.",
    },
)


def _several(generator: Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    weight, bias = torch.randn(5, 2, generator=generator), torch.randn(5, generator=generator)
    sigma = 1 + _sigma(generator)  # so much that the prior counts
    n = int(torch.randint(2, 5, (1,), generator=generator))
    z = 1 + torch.randn(2, generator=generator)
    return weight @ z + bias + sigma * torch.randn(n, 5, generator=generator), weight, bias, sigma


def _conditioned(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """By the rule for a Gaussian vector of which a part is known: all pixels of all images."""
    all_weights = weight.double().repeat(len(x), 1)
    gain = torch.linalg.solve(_marginal(all_weights, sigma), all_weights).T
    return gain @ (x.double() - bias).flatten(), torch.eye(weight.shape[1]).double() - gain @ all_weights


def _by_parts(precision: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    cov = torch.linalg.inv(precision)
    return cov @ pull, cov


Parts = Callable[[int, Tensor, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def _slip_of(parts: Parts, says: str) -> Slip:
    """parts(n, the identity, WᵀW, Wᵀ sum of x, Wᵀ b, σ) : precision, and what the mean is the covariance times."""

    def result(x: Tensor, weight: Tensor, bias: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        eye = torch.eye(weight.shape[1])
        return _by_parts(*parts(len(x), eye, weight.T @ weight, weight.T @ x.sum(dim=0), weight.T @ bias, sigma))

    return Slip(result, says)


SEVERAL = Function(
    name="evidence-several",
    points=3,
    inputs=_several,
    answer=_conditioned,
    slips=(
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + square / sigma**2, (x / n - b) / sigma**2),
            "The average image is treated as one image, or the posteriors' means were averaged: n images leave you as "
            "unsure of z as a single one. How much noise has an average of n?",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (n * (eye + square / sigma**2), (x - n * b) / sigma**2),
            "The posteriors of the single images have been multiplied, and each of them has the prior in it. How often "
            "was z drawn?",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + square / sigma**2, (x - n * b) / sigma**2),
            "The pull of all images is added up in the mean, but the precision is that of a single image.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, (x / n - b) / sigma**2),
            "The covariance is right. In the mean, the images are averaged where the sum of their log-likelihoods adds "
            "them up.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (n * square / sigma**2, (x - n * b) / sigma**2),
            "The prior has been left out: this is the least-squares fit. With W = 0 there would be nothing to invert, "
            "where the posterior ought to be the prior.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma, (x - n * b) / sigma),
            "σ stands where σ² belongs: it is the variance of the noise that log p(x | z) divides by.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, x / sigma**2),
            "The mean image b is not subtracted.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, (x - b) / sigma**2),
            "The mean image b is subtracted once, and not from each image.",
        ),
        _slip_of(
            lambda n, eye, square, x, b, sigma: (eye + n * square / sigma**2, x - n * b),
            "The covariance is right. In the mean, the noise is missing.",
        ),
        Slip(
            lambda x, weight, bias, sigma: (
                _conditioned(x, weight, bias, sigma)[0],
                torch.linalg.inv(_conditioned(x, weight, bias, sigma)[1]),
            ),
            "The mean is right. The second result is the inverse of what is asked for: it grows with each image.",
        ),
    ),
    hint="Write down log p(z) plus the log p(x | z) of each image, all for one z, and complete the square. With one "
    "image it must be the lesson's posterior; with very many, the covariance goes to zero and the prior no "
    "longer matters.",
    rtol=1e-3,
    atol=1e-4,
)

EXERCISES: tuple[Exercise, ...] = (EVIDENCE, ONE_SAMPLE, POSTERIOR, IMPORTANCE, ASSUMPTION, SEVERAL)
