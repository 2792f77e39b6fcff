"""Exercises of lesson 7: a Gaussian decoder."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import (
    TRIALS,
    Exercise,
    Function,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)


def _sigma(generator: Generator) -> float:
    """Well away from 1, where σ and σ² are the same, and below it, as on images."""
    return 0.3 + 0.3 * float(torch.rand((), generator=generator))


def _pixels(generator: Generator) -> tuple[Tensor, Tensor, float]:
    x, mean = torch.rand(2, 5, 4, 3, generator=generator)
    return x, mean, _sigma(generator)


def _log_likelihood(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    return Normal(mean, sigma).log_prob(x).sum(dim=(1, 2))


def _error(x: Tensor, mean: Tensor) -> Tensor:
    return (x - mean).square().sum(dim=(1, 2))


def _constant(x: Tensor, variance: float) -> float:
    return 0.5 * x[0].numel() * math.log(2 * math.pi * variance)


LOG_LIKELIHOOD = Function(
    name="gaussian-log-likelihood",
    points=3,
    inputs=_pixels,
    answer=_log_likelihood,
    slips=(
        Slip(
            lambda *args: -_log_likelihood(*args),
            "The sign is flipped: this is what one adds to a loss. The log-likelihood is highest where the error is 0.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2),
            "The squared error has the right factor, but this is no log-density: the constant is missing, which makes "
            "the density integrate to 1. It depends on σ, so two values of σ could not be compared without it.",
        ),
        Slip(
            lambda x, mean, sigma: _log_likelihood(x, mean, sigma) + 2 * _constant(x, sigma**2),
            "The constant has the wrong sign. Make σ large: the density of any image must fall, and yours rises.",
        ),
        Slip(
            lambda x, mean, sigma: _log_likelihood(x, mean, sigma**2),
            "The width of a pixel's Gaussian is σ² in yours, both before the error and in the constant. `sigma` is the "
            "standard deviation; and `torch.distributions.Normal` wants one too.",
        ),
        Slip(
            lambda x, mean, sigma: _log_likelihood(x, mean, math.sqrt(sigma)),
            "σ is taken for the variance, both before the error and in the constant. `sigma` is the "
            "standard deviation.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma) - _constant(x, sigma**2),
            "The error is divided by 2σ. In which units is a squared error, and so what must it be divided by?",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - _constant(x, sigma),
            "The constant has log σ where it should have log σ². The error's part is right.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - _constant(x, 1.0),
            "The constant is that of σ = 1. It depends on σ too.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - _constant(x, sigma**2 / (2 * math.pi)),
            "The constant has lost its 2π. It changes no gradient, but a log-density it is not.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - _constant(x, sigma**2) / x[0].numel(),
            "The constant is that of a single pixel. How many Gaussians are multiplied to make an image's density?",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / (2 * sigma**2) - 2 * _constant(x, sigma**2),
            "The constant is twice too large: where is its half?",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / sigma**2 - _constant(x, sigma**2),
            "The error's part is twice too large: a half is lost there. The constant is right.",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean).sqrt() / (2 * sigma**2) - _constant(x, sigma**2),
            "This has the distance of the two images, where the exponent of a Gaussian has its square.",
        ),
        Slip(
            lambda x, mean, sigma: _log_likelihood(x, mean, sigma) / x[0].numel(),
            "This is a mean over the pixels. The density of an image is a product over its pixels, so what is its "
            "logarithm?",
        ),
        Slip(
            lambda x, mean, sigma: -_error(x, mean) / x[0].numel() / (2 * sigma**2) - _constant(x, sigma**2),
            "The error is a mean over pixels, the constant a sum. Only one of them fits a log-density of an image.",
        ),
        Slip(
            lambda x, mean, sigma: Normal(mean, sigma).log_prob(x),
            "These are the logarithms for single pixels. What belongs to one image has still to be added up.",
        ),
        Slip(
            lambda *args: _log_likelihood(*args).sum(),
            "This is one number for the whole batch, all images added up. Return one value for each.",
        ),
        Slip(
            lambda *args: _log_likelihood(*args).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
        Slip(
            lambda *args: _log_likelihood(*args).exp(),
            "This is the density itself. With 784 pixels it would overflow, or vanish; asked for is its logarithm.",
        ),
    ),
    hint="Two cases to try by hand, with a single pixel: at x = mean the log-density is -½ log(2πσ²), and one σ away "
    "it is lower by a half. An image has the sum of its pixels.",
)


def _sizes(generator: Generator) -> dict[str, float]:
    """Numbers of which no two formulas make the same."""

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    return {
        "n_pixels": between(500, 1000),
        "latent_dim": between(5, 20),
        "batch_size": between(30, 60),
        "n_data": between(3000, 9000),
        "beta": 2.5 + 2 * float(torch.rand((), generator=generator)),
    }


def _variances(n_pixels: int, latent_dim: int, batch_size: int, n_data: int, beta: float) -> tuple[float, ...]:
    """Each loss as (factor of the squared error of an image, factor of its KL): σ² is half the ratio."""
    factors = ((1, beta), (1 / n_pixels, 1 / latent_dim), (1 / 2, batch_size / n_data), (batch_size, 1))
    return tuple(of_kl / (2 * of_error) for of_error, of_kl in factors)


KNOWN_VARIANCES: tuple[dict[Callable[..., float], str], ...] = (
    {
        lambda beta, **_: 0.5: "β is left out. Divide the whole loss by it, and the KL stands alone; "
        "what stands before the error then?",
        lambda beta, **_: 1 / (2 * beta): "β is on the wrong side. A larger weight on the KL says the same as more "
        "noise, so σ² must grow with β.",
    },
    {
        lambda **_: 0.5: "Both are means, but over different numbers of things: that the two cancel is so only if D = "
        "K. The ratio of the two factors counts.",
        lambda n_pixels, **_: (
            n_pixels / 2
        ): "The mean over the latent dimensions has been overlooked: the KL is divided too.",
        lambda n_pixels, latent_dim, **_: (
            n_pixels * latent_dim / 2
        ): "The mean over the latent dimensions makes the KL smaller, and that says less noise; yours says more.",
    },
    {
        lambda **_: 1.0: "The weight on the KL is left out. It does not stand for how often an image is seen: both "
        "terms are per image.",
        lambda batch_size, n_data, **_: (
            batch_size / (2 * n_data)
        ): "A half too many: here the squared error has its ½ already.",
    },
    {
        lambda **_: 0.5: "The error is summed over the batch, and the KL averaged over it. These are not the same: by "
        "which factor do they differ?",
        lambda batch_size, **_: (
            batch_size / 2
        ): "The batch is on the wrong side. The error is summed over it, so errors weigh more, and "
        "that says less noise.",
        lambda batch_size, n_pixels, **_: (
            n_pixels / (2 * batch_size)
        ): "Is there a mean over pixels? `sum` adds up over everything.",
    },
)


def _judge_variances(answer: object) -> str | None:
    """Each loss by itself, the first wrong one named."""
    function = as_function(answer)
    generator = fresh_generator()
    trials = [_sizes(generator) for _ in range(TRIALS)]
    found = []
    for sizes in trials:
        results = as_results(call(function, *sizes.values()))
        results = tuple(results[0]) if len(results) == 1 and results[0].dim() == 1 else results
        if len(results) != 4 or any(part.numel() != 1 for part in results):
            return f"The task asks for four numbers, separated by commas; yours are {len(results)}."
        found.append([float(part) for part in results])
    for i, name in enumerate("abcd"):
        right = [_variances(**sizes)[i] for sizes in trials]
        mine = [results[i] for results in found]
        if _same(mine, right):
            continue
        for formula, says in KNOWN_VARIANCES[i].items():
            if _same(mine, [formula(**sizes) for sizes in trials]):
                return f"Loss {name}: {says}"
        general = {
            "this is σ, and σ² is asked for.": [math.sqrt(value) for value in right],
            "a half is lost. What does the factor before the squared error look like in the ELBO?": [
                2 * value for value in right
            ],
            "this is one over it. The more noise, the smaller the factor before the error.": [
                1 / value for value in right
            ],
            "this is 1/(2σ²), the factor before the error itself.": [1 / (2 * value) for value in right],
        }
        for says, values in general.items():
            if _same(mine, values):
                return f"Loss {name}: {says}"
        return (
            f"Loss {name} is not right. Write the loss of one image as a · ‖x - x̂‖² + b · KL, with the error and "
            "the KL both summed; divide by b; compare with the factor 1/(2σ²)."
        )
    return None


def _same(mine: list[float], theirs: list[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(mine, theirs, strict=True))


NOISE_OF_A_LOSS = Task(name="noise-of-a-loss", points=3, judgement=_judge_variances)


def _batch(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, float, int]:
    x, x_hat = torch.rand(2, 4, 5, 3, generator=generator)
    mu, logvar = 1.5 * torch.randn(2, 4, 2, generator=generator)
    return x, x_hat, mu, logvar, _sigma(generator), 50


def _loss(error: float = 1.0, kl: float = 1.0, constant: float = 1.0) -> Callable[..., Tensor]:
    """-ELBO with weights on its parts; what is wrong is given as a function of the sizes of a batch."""

    def loss(x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor, sigma: float, _n_data: int) -> Tensor:
        of_z = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(dim=1)
        of_x = -_log_likelihood(x, x_hat, sigma) - _constant(x, sigma**2)
        return (error * of_x + kl * of_z).mean() + constant * _constant(x, sigma**2)

    return loss


BATCH, N_PIXELS, N_LATENT, SHARE = 4, 15, 2, 4 / 50

SCALING = Function(
    name="scaling-mistakes",
    points=3,
    inputs=_batch,
    answer=_loss(),
    slips=(
        Slip(
            _loss(1 / N_PIXELS, SHARE, 0),
            "This computes what the wrong version computes. Over what does each of its two terms average, and what is "
            "the weight?",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1, 0),
            "The weight is gone, and rightly. But the squared error is still a mean over pixels; and the constant is "
            "not there.",
        ),
        Slip(
            _loss(1, SHARE, 0),
            "The error is summed over pixels, and rightly. But the KL still has a weight other than 1; and the "
            "constant is not there. Both terms are per image: is there anything to correct?",
        ),
        Slip(
            _loss(1, 1, 0),
            "The two terms are in balance: you could train with this. But minus the ELBO it is not yet, and two values "
            "of σ could not be compared by it. What has been left out, because it moves no weight?",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1, 1),
            "Nearly: the squared error is still a mean over pixels, where the KL is a sum over latent dimensions.",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1, 1 / N_PIXELS),
            "The log-likelihood, constant and all, is still a mean over pixels, where the KL is a sum over latent "
            "dimensions.",
        ),
        Slip(
            _loss(1, SHARE, 1),
            "Nearly: the KL is still weighted by the batch's share of the data. Both terms are averaged over the batch "
            "alike, so what would the weight correct?",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1 / N_PIXELS, 1 / N_PIXELS),
            "All is divided by the number of pixels. That trains just as well, since the ratio is right; but it is not "
            "in nats per image.",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1 / N_PIXELS, 0),
            "Both terms are divided by the number of pixels, so the ratio is right and it would train. But it is not "
            "in nats per image, and has no constant.",
        ),
        Slip(
            _loss(1 / N_PIXELS, 1 / N_LATENT, 0),
            "Now both are means, but over different numbers of things: pixels here, latent dimensions there. The ratio "
            "is still not that of the ELBO.",
        ),
        Slip(
            _loss(1, 1 / N_LATENT, 1),
            "The KL is a mean over the latent dimensions, where it should be a sum.",
        ),
        Slip(
            _loss(BATCH, 1, 0),
            "`sum` adds up over the batch too, and the KL is averaged over it: now the error weighs too much, as many "
            "times as there are images in the batch.",
        ),
        Slip(
            _loss(BATCH, 1, 1),
            "The error is summed over the batch, the other parts are averages over it. Each image must count alike in "
            "all of them.",
        ),
        Slip(
            _loss(BATCH, BATCH, BATCH),
            "This is a sum over the batch. The ratio is right, but asked for is the average of its images.",
        ),
        Slip(
            _loss(-1, -1, -1),
            "This is the ELBO itself, which goes up. A loss goes down.",
        ),
        Slip(
            _loss(1, -1, 1),
            "The KL has the wrong sign: this loss pays for codes that are far from the prior.",
        ),
        Slip(
            _loss(1, 1, 1 / N_PIXELS),
            "The two terms are in balance. But the constant is that of one pixel, and an image has more.",
        ),
        Slip(
            _loss(1, 1, -1),
            "The two terms are in balance. But the constant has the wrong sign: it belongs to minus the log-density.",
        ),
        Slip(
            _loss(2, 1, 1),
            "The error has lost its half: this is the balance of another σ.",
        ),
    ),
    hint="Compute the two terms for one image: minus the log-likelihood summed over its pixels, constant "
    "and all, and the KL summed over its latent dimensions. Add them, and only then average over the batch.",
)


def _reconstructions(generator: Generator) -> tuple[Tensor, Tensor]:
    """Off by something that is common to all, by something of each image's, and by the draw's noise."""
    x = torch.rand(20, 8, 8, generator=generator)
    scale = 0.1 + 0.4 * torch.rand(20, 1, 1, generator=generator)
    noise = torch.randn(4, 20, 8, 8, generator=generator)
    scatter = 0.3 * torch.randn(4, 20, 8, 8, generator=generator)
    return x, x + 0.2 + scale * noise[0] + scatter


def _best_sigma(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x_hat - x).square().mean().sqrt()


BEST_SIGMA = Function(
    name="best-sigma",
    points=2,
    inputs=_reconstructions,
    answer=_best_sigma,
    slips=(
        Slip(
            lambda x, x_hat: _best_sigma(x, x_hat).square(),
            "This is σ², the variance. Asked for is σ.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).square().sum(dim=(2, 3)).mean(),
            "This is the squared error of an image. The noise is that of a single pixel, and a root is missing.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).square().sum(dim=(2, 3)).mean().sqrt(),
            "The error is summed over pixels. The log-likelihood has D terms with log σ in them, too; what does D do "
            "when the slope is set to 0?",
        ),
        Slip(
            lambda x, x_hat: _best_sigma(x, x_hat) / math.sqrt(2),
            "Too small by the root of 2. Set the slope in σ² of both terms to 0: both have a half.",
        ),
        Slip(
            lambda x, x_hat: _best_sigma(x, x_hat) * math.sqrt(2),
            "Too large by the root of 2. Set the slope in σ² of both terms to 0: both have a half.",
        ),
        Slip(
            lambda x, x_hat: (x_hat.mean(dim=0) - x).square().mean().sqrt(),
            "The reconstructions are averaged first, and then compared with the image. The bound has the average of "
            "the errors of the draws, which is larger: a code that scatters has its price.",
        ),
        Slip(
            lambda x, x_hat: (x_hat[0] - x).square().mean().sqrt(),
            "Only the first draw of each image is used.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).square().mean(dim=(2, 3)).sqrt().mean(),
            "This is an average of roots. There is one σ for all images: average the squares first, and take the root "
            "at the very end.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).square().mean(dim=(0, 2, 3)).sqrt().mean(),
            "Each image gets a σ of its own here, and these are averaged. There is one for all: average the "
            "squares, and take the root at the very end.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).std(),
            "The average error is subtracted before squaring, as `std` and `var` do. If all reconstructions are too "
            "bright, that is an error like any other.",
        ),
        Slip(
            lambda x, x_hat: (x_hat - x).abs().mean(),
            "This is the mean absolute error. A Gaussian's log-density has squares.",
        ),
        Slip(
            lambda x, x_hat: x.std(),
            "This is how much pixels vary, whatever the decoder does. What is left over after decoding?",
        ),
        Slip(
            lambda x, x_hat: torch.log(_best_sigma(x, x_hat)),
            "This is log σ. It is a good thing to learn, but asked for is σ.",
        ),
    ),
    hint="Write the terms of minus the ELBO that have σ² in them, for one pixel: e/(2σ²) + ½ log σ². Where is its "
    "slope 0? Then average e over all pixels of all draws of all images.",
)


def _varying_images(generator: Generator) -> tuple[Tensor, float, int]:
    """Four directions above the border or near it, in images that are not centred."""
    lambdas = torch.tensor([3.0, 1.4, 0.43, 0.18, 0.1, 0.06] + [0.02] * 6)
    lambdas = lambdas * (1 + 0.1 * torch.rand(12, generator=generator))
    axes = torch.linalg.qr(torch.randn(12, 12, generator=generator)).Q
    codes = torch.randn(5000, 12, generator=generator)
    mean = 2 * torch.rand(12, generator=generator)
    x = (codes * lambdas.sqrt()) @ axes.T + mean
    return x.view(-1, 3, 4), math.sqrt(0.3 + 0.02 * float(torch.rand((), generator=generator))), 4


def _eigenvalues(x: Tensor, latent_dim: int) -> Tensor:
    """The largest ones, by the singular values of the centred images."""
    flat = x.double().flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(dim=0))[:latent_dim].square() / len(flat)


def _weights(x: Tensor, sigma: float, latent_dim: int) -> Tensor:
    return (_eigenvalues(x, latent_dim) - sigma**2).clamp(min=0)


def _uncentred(x: Tensor, latent_dim: int) -> Tensor:
    return torch.linalg.svdvals(x.double().flatten(1))[:latent_dim].square() / len(x)


def _all_eigenvalues(x: Tensor) -> Tensor:
    return _eigenvalues(x, x[0].numel())


DIRECTIONS = Function(
    name="directions-used",
    points=3,
    inputs=_varying_images,
    answer=_weights,
    slips=(
        Slip(
            lambda x, sigma, dims: _eigenvalues(x, dims) - sigma**2,
            "A squared weight is negative in yours. What is the best weight of a direction that varies less than the "
            "noise does?",
        ),
        Slip(
            lambda x, sigma, dims: (_eigenvalues(x, dims) - sigma).clamp(min=0),
            "The border is σ in yours. An eigenvalue of the covariance is a variance: what must it be compared with?",
        ),
        Slip(
            lambda x, sigma, dims: (_eigenvalues(x, dims).sqrt() - sigma).clamp(min=0),
            "Deviations are subtracted here. It is variances that add up: that of w z, and that of the noise.",
        ),
        Slip(
            lambda x, sigma, dims: _weights(x, sigma, dims).sqrt(),
            "These are the weights; asked for are their squares.",
        ),
        Slip(
            lambda x, sigma, dims: torch.where(_eigenvalues(x, dims) > sigma**2, _eigenvalues(x, dims), 0.0),
            "Which directions are used is right. But the noise makes a part of the variance in them already, "
            "and the weight has only the rest to make.",
        ),
        Slip(
            lambda x, sigma, dims: (_eigenvalues(x, dims) > sigma**2).double(),
            "These say which directions are used, and rightly. Asked for is how much: the squared weight.",
        ),
        Slip(
            lambda x, sigma, dims: _weights(x, sigma, dims).flip(0),
            "The numbers are right, but the smallest comes first.",
        ),
        Slip(
            lambda x, sigma, dims: (_all_eigenvalues(x).flip(0)[:dims] - sigma**2).clamp(min=0),
            "These are the directions in which the data vary least. In which order does `eigvalsh` return its results?",
        ),
        Slip(
            lambda x, sigma, dims: (_uncentred(x, dims) - sigma**2).clamp(min=0),
            "The mean image has not been subtracted. Where the images are on average is the bias's affair, and costs "
            "no code.",
        ),
        Slip(
            lambda x, sigma, dims: (_eigenvalues(x, dims) * len(x) - sigma**2).clamp(min=0),
            "The covariance is a sum over images here, where it should be an average.",
        ),
        Slip(
            lambda x, sigma, dims: (
                x.flatten(1).var(dim=0).sort(descending=True).values[:dims].double() - sigma**2
            ).clamp(min=0),
            "These are the variances of single pixels. Pixels vary together, so the directions that count are not "
            "those of the axes.",
        ),
        Slip(
            lambda x, sigma, dims: (_all_eigenvalues(x) - sigma**2).clamp(min=0),
            "There is a weight for each direction of pixel space. The code has only `latent_dim` coordinates; which "
            "directions will they take?",
        ),
    ),
    hint="Take the covariance of the flattened images, and its eigenvalues, largest first. Each of the first "
    "`latent_dim` says by itself whether its direction is used, and how much: look at the border in the lesson.",
    rtol=3e-3,  # dividing by one image less must pass
    atol=1e-3,
)


def _encoded(generator: Generator) -> tuple[Tensor, Tensor]:
    """Codes of each kind that is told apart: how far the means scatter, where they are, how wide q is."""
    spread = torch.tensor([1.0, 0.7, 0.115, 0.085, 0.05, 0.0, 0.0, 0.0])
    centre = torch.tensor([0.0, 0.4, 0.0, 0.0, 0.0, 0.6, 0.0, 0.0])
    logvar = torch.tensor([-3.0, -1.0, 0.0, 0.0, 0.0, 0.0, -3.0, 0.0])
    noise = torch.randn(200, 8, generator=generator)
    noise = (noise - noise.mean(dim=0)) / noise.std(dim=0)
    order = torch.randperm(8, generator=generator)
    return (centre + spread * noise)[:, order], logvar.expand(200, -1)[:, order]


ACTIVE = 0.01


def _active(mu: Tensor, _logvar: Tensor) -> Tensor:
    return ((mu - mu.mean(dim=0)).square().mean(dim=0) > ACTIVE).double()


def _kl_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).mean(dim=0)


ACTIVE_UNITS = Function(
    name="active-units",
    points=2,
    inputs=_encoded,
    answer=_active,
    slips=(
        Slip(
            lambda mu, logvar: (mu.var(dim=0) + logvar.exp().mean(dim=0) > ACTIVE).double(),
            "You have called all of them active, as one does who takes the variance of drawn codes. A dead dimension "
            "is drawn from the prior, and varies a great deal; but not with the image.",
        ),
        Slip(
            lambda mu, logvar: (mu.std(dim=0) > ACTIVE).double(),
            "The standard deviation is compared with 0.01, where the definition has the variance.",
        ),
        Slip(
            lambda mu, logvar: (mu.mean(dim=0).abs() > ACTIVE).double(),
            "The average of the means is compared with 0.01. A dimension whose mean is 0.6 for all images tells none "
            "from another.",
        ),
        Slip(
            lambda mu, logvar: (mu.square().mean(dim=0) > ACTIVE).double(),
            "This is the mean square, and not the variance: a mean that is the same for all images counts in it too.",
        ),
        Slip(
            lambda mu, logvar: (_kl_parts(mu, logvar) > ACTIVE).double(),
            "This asks what a dimension costs. One whose q is the same narrow Gaussian for all images costs much, and "
            "says nothing; the definition looks at the means.",
        ),
        Slip(
            lambda mu, logvar: (logvar.exp().mean(dim=0) < 1 - ACTIVE).double(),
            "This asks whether q is narrower than the prior. What does that say of how codes differ between images?",
        ),
        Slip(
            lambda mu, logvar: 1 - _active(mu, logvar),
            "Turned round: you have named the dead ones.",
        ),
        Slip(
            lambda mu, logvar: _active(mu, logvar).sum(),
            "This is how many there are. Say of each dimension whether it is active.",
        ),
        Slip(
            lambda mu, logvar: mu.var(dim=0),
            "These are the variances themselves. Which of them are large enough?",
        ),
        Slip(
            lambda mu, logvar: (mu.var(dim=1) > ACTIVE).double(),
            "The variance is one over the dimensions of each image. It should be one over images, of each dimension.",
        ),
    ),
    hint="Take one dimension at a time: a column of `mu`, one number for each image. How much does it vary from image "
    "to image? `logvar` need not come into it.",
)

EXERCISES: tuple[Exercise, ...] = (LOG_LIKELIHOOD, NOISE_OF_A_LOSS, SCALING, BEST_SIGMA, DIRECTIONS, ACTIVE_UNITS)
