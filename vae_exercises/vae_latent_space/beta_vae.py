"""Exercise 9.6: a VAE of your own."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import MIXED, SEEDED, fresh_generator, one_result, packed, twice
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.sandbox import NoAnswerError, call
from vae_lessons import inference
from vae_lessons.models import VAE
from vae_lessons.probability.likelihoods import Bernoulli

COPIES = 5000  # of an image


def _small_vae() -> VAE:
    """Untrained, but with codes that differ between images and from the prior, and a decoder that depends on them."""
    model = VAE((3, 3), 2, (8,), likelihood=Bernoulli(), generator=Generator().manual_seed(0))
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3)
        model.encoder[-1].weight[:2].mul_(10)  # those of mu
        model.encoder[-1].bias.copy_(torch.tensor([1.5, -2.0, -1.0, 0.5]))
    return model


def _made_small(kind: type, beta: float) -> VAE:
    """One of the learner's, made as the task makes it, with the networks of the small one."""
    model, small = kind((3, 3), 2, likelihood=Bernoulli()), _small_vae()
    model.encoder, model.decoder = small.encoder, small.decoder
    try:
        model.beta = beta
    except TypeError as error:
        raise NoAnswerError("`beta` must be a plain attribute, a number, and no parameter or buffer.") from error
    return model


def _losses(kind: type, beta: float, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of each image, and the slopes of its mean in the encoder's and in the decoder's last biases."""

    def run() -> tuple[object, tuple[Tensor, Tensor]]:
        model = _made_small(kind, beta)
        loss = model.loss(x.clone())
        biases = model.encoder[-1].bias, model.decoder[-1].bias
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            return loss, (torch.zeros(4), torch.zeros(9))
        slopes = torch.autograd.grad(loss.mean(), biases, allow_unused=True)
        return loss, tuple(torch.zeros_like(b) if s is None else s for b, s in zip(biases, slopes, strict=True))

    loss, slopes = call(run)
    values = one_result(loss)
    if packed(loss):
        raise NoAnswerError(packed(loss))
    return values, *(slope.double() for slope in slopes)


def _judge_beta(answer: object) -> str | None:
    """The loss and its slopes for several β, over many copies of one image; then of several images."""
    if not (isinstance(answer, type) and issubclass(answer, VAE)):
        return "The check needs your class itself, an extension of `VAE`: its name, and no brackets."
    generator = fresh_generator()
    image = torch.rand(1, 3, 3, generator=generator)
    x = image.expand(COPIES, -1, -1).clone()
    at = {beta: _losses(answer, beta, x) for beta in (1.0, 2.0, 4.0, 1000.0)}
    for beta in at:
        loss = at[beta][0]
        if loss.shape != (len(x),):
            return (
                f"Your loss has shape {tuple(loss.shape)} for {len(x)} images; `fit` needs one value for each, and "
                "averages them itself."
            )
        if not loss.isfinite().all():
            return f"With β = {beta:g} there is a NaN or an infinity in your loss."
    model = _small_vae()
    with torch.no_grad():
        terms = inference.elbo(model, image, n_samples=100_000, generator=generator)
        mu, logvar = model.encode(image)
        plug_in = float(model.log_likelihood(image, mu))
    fit, rate = float(terms.reconstruction), float(terms.kl)
    one = at[1.0][0]

    def is_everywhere(expected: Callable[[float], float]) -> bool:
        return all(_near(at[beta][0], expected(beta)) for beta in (1.0, 2.0, 4.0))

    if not is_everywhere(lambda beta: beta * rate - fit):
        n_pixels = image.numel()
        slips = (
            (
                lambda beta: fit - beta * rate,
                "This is the ELBO, which goes up. A loss goes down: both signs are flipped.",
            ),
            (
                lambda beta: rate - fit,
                "At β = 1 it is right, and with another β it is the same: `beta` has no part in it, or it is read only "
                "once, before it was changed.",
            ),
            (lambda beta: rate - beta * fit, "It is the fit that β weighs here, and not the rate."),
            (
                lambda beta: beta * (rate - fit),
                "β weighs both terms. That is the same loss in another unit, and trains the same model.",
            ),
            (
                lambda beta: rate / beta - fit,
                "The rate is divided by β, where it should be multiplied: a large β should make it dear.",
            ),
            (
                lambda beta: -beta * rate - fit,
                "The rate has the wrong sign: a code that says more costs less here.",
            ),
            (
                lambda beta: (1 + beta) * rate - fit,
                "The rate is counted twice: once as it is, and once more times β.",
            ),
            (
                lambda beta: beta * rate - fit / n_pixels,
                "The fit is a mean over the pixels, and the rate a sum: at β = 1 this is not minus the ELBO.",
            ),
            (
                lambda beta: beta * rate / 2 - fit,
                "The rate is a mean over the latent dimensions, where it is a sum.",
            ),
            (lambda beta: beta**2 * rate - fit, "The rate is multiplied by β twice."),
        )
        told = next((says for expected, says in slips if is_everywhere(expected)), None)
        if told:
            return told
        if one.std() < 1e-5 and _near(one, rate - plug_in, 1e-3):
            return "Only the mean of q is decoded: the loss has no noise, and at β = 1 it is not minus the ELBO."
        if one.std() < 1e-5:
            return "Images that are alike have the same loss, so all have the same ε. Each needs a draw of its own."
        if not _near(one, rate - fit):
            return "At β = 1 your loss is not minus the ELBO. Get that right first; `elbo` gives you its two terms."
        return "At β = 1 it is minus the ELBO. With β = 4 it must be larger by three times the rate, and is not."
    if not bool(at[1.0][2].abs().sum()):
        return "The values are right, but the decoder gets no slope: a `detach` or a `no_grad` cuts it off."
    if float(_losses(answer, 0.0, x)[1].abs().max()) < 1e-6:
        return (
            "The values are right, but no slope of the fit reaches the encoder: how is the code drawn? Training would "
            "see the rate alone, and switch the code off."
        )
    variance = logvar[0].exp()
    slope = torch.cat([mu[0], 0.5 * (variance - 1)])
    spread = torch.cat([variance, (mu[0] ** 2 + 2 * variance) * variance / 4]).sqrt()  # of a rate that is sampled
    if ((at[1000.0][1] / 1000 - slope).abs() > 6 * spread / math.sqrt(COPIES) + 0.03).any():
        return (
            "The values are right, but the slope of the rate does not reach the encoder as it should. Is it detached?"
        )
    if torch.equal(*map(one_result, twice(call(_made_small, answer, 1.0).loss, x))):
        return SEEDED
    return _about_different(answer, generator)


def _about_different(answer: type, generator: Generator) -> str | None:
    """Of a loss that is right for images that are all alike."""
    images = torch.eye(9).view(9, 3, 3)[:3] + 0.1 * torch.rand(3, 3, 3, generator=generator)
    with torch.no_grad():
        terms = inference.elbo(_small_vae(), images.clamp(max=1), n_samples=20_000, generator=generator)
    expected = (2 * terms.kl - terms.reconstruction).tolist()
    found, *_ = _losses(answer, 2.0, images.clamp(max=1).repeat_interleave(COPIES // 3, dim=0))
    return None if all(map(_near, found.chunk(3), expected)) else MIXED


def _near(found: Tensor, expected: float, tolerance: float = 0.0) -> bool:
    """The expected value is an average over 100,000 draws and has an error too, four times less than the other's."""
    error = 1.1 * float(found.std()) / math.sqrt(len(found))
    return abs(float(found.mean()) - expected) <= max(6 * error, tolerance) + 1e-4


BETA = Task(
    name="beta-vae",
    points=4,
    judgement=_judge_beta,
    remark="The one with a beta of 5 has the smaller KL, the smaller fit and the smaller ELBO, which only the "
    "other one climbs.",
)
