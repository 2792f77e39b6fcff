"""The exercise "your own VAE"."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import call_twice, fresh_generator, one_result, require_tensor
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import MIXED, SEEDED, average_is, mean_is
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_lessons import inference
from vae_lessons.models import VAE
from vae_lessons.probability.likelihoods import Bernoulli

COPIES = 5000  # of an image
BETAS = (1.0, 2.0, 4.0)
N_ERRORS = 6.0  # standard errors


def _small_vae() -> VAE:
    """Return an untrained VAE whose codes differ between images and from the prior, and whose decoder uses them."""
    model = VAE((3, 3), 2, (8,), likelihood=Bernoulli(), generator=Generator().manual_seed(0))
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3)
        model.encoder[-1].weight[:2].mul_(10)  # those of mu
        model.encoder[-1].bias.copy_(torch.tensor([1.5, -2.0, -1.0, 0.5]))
    return model


def _made_small(kind: type, beta: float) -> VAE:
    """Return one of the student's models, made as the task makes it, with the networks of the small one."""
    model, small = kind((3, 3), 2, likelihood=Bernoulli()), _small_vae()
    model.encoder, model.decoder = small.encoder, small.decoder
    try:
        model.beta = beta
    except TypeError as error:
        raise WrongAnswerError(
            "`beta` must be a plain attribute, a number, and not a parameter or a buffer."
        ) from error
    return model


@dataclass(frozen=True)
class _Run:
    """The loss of each image, and the gradients of its mean in the encoder's and in the decoder's last biases."""

    loss: Tensor
    in_encoder: Tensor
    in_decoder: Tensor


def _run(kind: type, beta: float, x: Tensor) -> _Run:
    def run() -> tuple[object, tuple[Tensor, Tensor]]:
        model = _made_small(kind, beta)
        loss = model.loss(x.clone())
        biases = model.encoder[-1].bias, model.decoder[-1].bias
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            return loss, (torch.zeros(4), torch.zeros(9))
        gradients = torch.autograd.grad(loss.mean(), biases, allow_unused=True)
        return loss, tuple(torch.zeros_like(b) if g is None else g for b, g in zip(biases, gradients, strict=True))

    loss, gradients = call(run)
    values = one_result(loss)
    require_tensor(loss)
    return _Run(values, *(gradient.double() for gradient in gradients))


@dataclass(frozen=True)
class _Truth:
    """The terms of one image's ELBO, their values when only the mean is decoded, and its q."""

    reconstruction: float
    kl: float
    plug_in: float
    mu: Tensor
    logvar: Tensor

    @staticmethod
    def of(image: Tensor, generator: Generator) -> "_Truth":
        model = _small_vae()
        with torch.no_grad():
            terms = inference.elbo(model, image, n_samples=100_000, generator=generator)
            mu, logvar = model.encode(image)
            plug_in = float(model.log_likelihood(image, mu))
        return _Truth(float(terms.reconstruction), float(terms.kl), plug_in, mu[0], logvar[0])


def _examine_beta(answer: object) -> None:
    """Look at the loss and its gradients for several β, over copies of one image; then at different images."""
    if not (isinstance(answer, type) and issubclass(answer, VAE)):
        raise WrongAnswerError("The check needs your class itself, an extension of `VAE`: its name, and no brackets.")
    generator = fresh_generator()
    image = torch.rand(1, 3, 3, generator=generator)
    x = image.expand(COPIES, -1, -1).clone()
    runs = {beta: _run(answer, beta, x) for beta in (*BETAS, 1000.0)}
    for beta, run in runs.items():
        _require_shape(beta, run.loss)
    truth = _Truth.of(image, generator)
    losses = {beta: runs[beta].loss for beta in BETAS}
    if not _is_everywhere(losses, lambda beta: beta * truth.kl - truth.reconstruction):
        _diagnose_loss(losses, truth, image.numel())
    _examine_gradients(answer, x, runs, truth)
    if torch.equal(*map(one_result, call_twice(call(_made_small, answer, 1.0).loss, x))):
        raise WrongAnswerError(SEEDED)
    _examine_different(answer, generator)


def _require_shape(beta: float, loss: Tensor) -> None:
    if loss.shape != (COPIES,):
        raise WrongAnswerError(
            f"Your loss has shape {tuple(loss.shape)} for {COPIES} images; `fit` needs one value for each, and "
            "averages them itself."
        )
    if not loss.isfinite().all():
        raise WrongAnswerError(f"With β = {beta:g} there is a NaN or an infinity in your loss.")


def _diagnose_loss(losses: dict[float, Tensor], truth: _Truth, n_pixels: int) -> None:
    for expected, message in _mistakes(truth.reconstruction, truth.kl, n_pixels):
        if _is_everywhere(losses, expected):
            raise WrongAnswerError(message)
    one = losses[1.0]
    if one.std() < 1e-5 and mean_is(one, truth.kl - truth.plug_in, atol=1e-3):
        raise WrongAnswerError(
            "Only the mean of q is decoded: the loss has no noise, and at β = 1 it is not minus the ELBO."
        )
    if one.std() < 1e-5:
        raise WrongAnswerError(
            "Images that are alike have the same loss, so all have the same ε. Each needs its own draw."
        )
    if not _mean_is(one, truth.kl - truth.reconstruction):
        raise WrongAnswerError(
            "At β = 1 your loss is not minus the ELBO. Get that right first; `elbo` gives you its two terms."
        )
    raise WrongAnswerError(
        "At β = 1 it is minus the ELBO. With β = 4 it must be larger by three times the KL term, and is not."
    )


def _mistakes(reconstruction: float, kl: float, n_pixels: int) -> tuple[tuple[Callable[[float], float], str], ...]:
    """Return what usual mistakes give on average for each β, and what to say of them."""
    return (
        (
            lambda beta: reconstruction - beta * kl,
            "This is the ELBO, which goes up. A loss goes down: both signs are flipped.",
        ),
        (
            lambda beta: kl - reconstruction,
            "At β = 1 it is right, and with another β it is the same: `beta` has no part in it, or it is read only "
            "once, before it was changed.",
        ),
        (
            lambda beta: kl - beta * reconstruction,
            "It is the reconstruction term that β weighs here, and not the KL term.",
        ),
        (
            lambda beta: beta * (kl - reconstruction),
            "β weighs both terms. That is the same loss in another unit, and trains the same model.",
        ),
        (
            lambda beta: kl / beta - reconstruction,
            "The KL term is divided by β, where it should be multiplied: a large β should make it expensive.",
        ),
        (
            lambda beta: -beta * kl - reconstruction,
            "The KL term has the wrong sign: a code with more information costs less here.",
        ),
        (
            lambda beta: (1 + beta) * kl - reconstruction,
            "The KL term is counted twice: once as it is, and once more times β.",
        ),
        (
            lambda beta: beta * kl - reconstruction / n_pixels,
            "The reconstruction term is a mean over the pixels, and the KL term a sum: at β = 1 this is not minus the "
            "ELBO.",
        ),
        (
            lambda beta: beta * kl / 2 - reconstruction,
            "The KL term is a mean over the latent dimensions, where it should be a sum.",
        ),
        (lambda beta: beta**2 * kl - reconstruction, "The KL term is multiplied by β twice."),
    )


def _examine_gradients(answer: type, x: Tensor, runs: dict[float, _Run], truth: _Truth) -> None:
    """Look at the gradients of a loss whose values are right."""
    if not bool(runs[1.0].in_decoder.abs().sum()):
        raise WrongAnswerError(
            "The values are right, but the decoder gets no gradient: a `detach` or a `no_grad` cuts it off."
        )
    if float(_run(answer, 0.0, x).in_encoder.abs().max()) < 1e-6:
        raise WrongAnswerError(
            "The values are right, but no gradient of the reconstruction term reaches the encoder: how is the code "
            "drawn? Then only the KL term trains the encoder, and the posterior collapses."
        )
    variance = truth.logvar.exp()
    expected = torch.cat([truth.mu, 0.5 * (variance - 1)])
    spread = torch.cat([variance, (truth.mu**2 + 2 * variance) * variance / 4]).sqrt()  # of a sampled KL term
    if not average_is(runs[1000.0].in_encoder / 1000, expected, spread, COPIES, N_ERRORS, atol=0.03):
        raise WrongAnswerError(
            "The values are right, but the gradient of the KL term does not reach the encoder as it should. Is it "
            "detached?"
        )


def _examine_different(answer: type, generator: Generator) -> None:
    """Look at a loss that is right for images that are all alike."""
    images = (torch.eye(9).view(9, 3, 3)[:3] + 0.1 * torch.rand(3, 3, 3, generator=generator)).clamp(max=1)
    with torch.no_grad():
        terms = inference.elbo(_small_vae(), images, n_samples=20_000, generator=generator)
    expected = (2 * terms.kl - terms.reconstruction).tolist()
    loss = _run(answer, 2.0, images.repeat_interleave(COPIES // 3, dim=0)).loss
    if not all(map(_mean_is, loss.chunk(3), expected)):
        raise WrongAnswerError(MIXED)


def _is_everywhere(losses: dict[float, Tensor], expected: Callable[[float], float]) -> bool:
    return all(_mean_is(loss, expected(beta)) for beta, loss in losses.items())


def _mean_is(draws: Tensor, expected: float) -> bool:
    # The expected value is an average over 100,000 draws, whose own error adds a tenth.
    return mean_is(draws, expected, 1.1 * N_ERRORS, atol=1e-4)


BETA = Task(
    name="beta-vae",
    points=4,
    examination=_examine_beta,
    remark="The one with a beta of 5 has the smaller KL, the smaller reconstruction term and the smaller ELBO, which "
    "only the other one climbs.",
)
