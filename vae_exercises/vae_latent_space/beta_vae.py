"""The exercise "your own VAE".

The decoder is watched. So chance decides one thing only: whether the codes that go in are draws from q. The average
loss of the copies of one image is compared with that of the same codes.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.answers import call_twice, fresh_generator, one_result, require_tensor
from vae_exercises.engine.draws import require_draws_from_q
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import MIXED, N_ERRORS_OF_PAIRS, SEEDED, average_is, is_standardised
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_lessons.models import VAE
from vae_lessons.probability.gaussian import kl_to_standard_normal
from vae_lessons.probability.likelihoods import Bernoulli

COPIES = 4800  # of an image, or of three
BETAS = (1.0, 2.0, 4.0)
CANDIDATES = 256  # images of which some are chosen
HUGE = 1e5  # a weight beside which the reconstruction term has no gradient to speak of


def _small_vae(generator: Generator, height: int, width: int, size: int) -> tuple[VAE]:
    """Draw an untrained VAE whose q differ between images and from the prior, and whose decoder uses the codes."""
    latent_dim = 3 + size % 3
    model = VAE((height, width), latent_dim, (8,), likelihood=Bernoulli(), generator=generator)
    signs = torch.tensor([1.0, -1.0]).repeat(latent_dim)[:latent_dim]
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3)
        model.encoder[-1].weight[:latent_dim].mul_(10)  # those of mu
        model.encoder[-1].weight[latent_dim:].mul_(5)  # those of logvar
        model.encoder[-1].bias.copy_(torch.cat([1.75 * signs, -0.25 - 0.75 * signs]))
    return (model,)


@torch.no_grad()
def _with_widths_of_its_own(small: VAE, generator: Generator) -> Tensor:
    """Draw an image, (1, H, W), for which σ, 1 and |log σ²| are three different widths, so that none is confused."""
    images = torch.rand(CANDIDATES, *small.image_shape, generator=generator)
    size = small.encode(images)[1].abs()
    apart = torch.minimum(size.amax(dim=1), (size - 1).abs().amax(dim=1))
    return images[apart.argmax()][None]


@torch.no_grad()
def _far_apart(small: VAE, generator: Generator) -> Tensor:
    """Draw three images, (3, H, W), whose KL terms differ much, so that an average over a batch shows."""
    images = torch.rand(CANDIDATES, *small.image_shape, generator=generator).round()
    order = kl_to_standard_normal(*small.encode(images)).argsort()
    return images[order[[0, CANDIDATES // 2, -1]]]


def _made_small(kind: type, beta: float, small: VAE) -> VAE:
    """Return one of the student's models, made as the task makes it, with the networks of the small one."""
    model = kind(small.image_shape, small.latent_dim, likelihood=Bernoulli())
    model.encoder, model.decoder = copy.deepcopy((small.encoder, small.decoder))
    try:
        model.beta = beta
    except TypeError as error:
        raise WrongAnswerError(
            "`beta` must be a plain attribute, a number, and not a parameter or a buffer."
        ) from error
    return model


@dataclass(frozen=True)
class _Run:
    """The loss of each image, the codes decoded for it, and the gradients of its mean in both networks' last biases."""

    loss: Tensor
    codes: Tensor  # (N, K), in the order in which they were decoded
    in_encoder: Tensor
    in_decoder: Tensor


def _run(kind: type, beta: float, x: Tensor, small: VAE) -> _Run:
    codes: list[Tensor] = [torch.empty(0, small.latent_dim)]

    def run() -> tuple[object, tuple[Tensor, Tensor]]:
        model = _made_small(kind, beta, small)
        model.decoder.register_forward_pre_hook(lambda _decoder, inputs: codes.append(inputs[0].detach().clone()))
        loss = model.loss(x.clone())
        biases = model.encoder[-1].bias, model.decoder[-1].bias
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            return loss, tuple(map(torch.zeros_like, biases))
        gradients = torch.autograd.grad(loss.mean(), biases, allow_unused=True)
        return loss, tuple(torch.zeros_like(b) if g is None else g for b, g in zip(biases, gradients, strict=True))

    loss, gradients = call(run)
    values = one_result(loss)
    require_tensor(loss)
    return _Run(values, torch.cat(codes).double(), *(gradient.double() for gradient in gradients))


@dataclass(frozen=True)
class _Truth:
    """An image with its q in the small model, and the KL term of that."""

    small: VAE
    image: Tensor
    mu: Tensor
    logvar: Tensor

    @staticmethod
    @torch.no_grad()
    def of(small: VAE, image: Tensor) -> "_Truth":
        (mu,), (logvar,) = small.encode(image)
        return _Truth(small, image, mu.double(), logvar.double())

    @property
    def q(self) -> Normal:
        return Normal(self.mu, torch.exp(0.5 * self.logvar))

    @torch.no_grad()
    def reconstructions(self, codes: Tensor) -> Tensor:
        """Return log p(x | z) of some codes (N, K), (N,)."""
        return self.small.log_likelihood(self.image.expand(len(codes), -1, -1), codes.float()).double()

    def log_ratios(self, codes: Tensor) -> list[Tensor]:
        """Return log q(z | x) - log p(z) of some codes, (N,), in four ways: each of the two exact or on average."""
        variance = self.logvar.exp()
        average_log_p = -0.5 * (self.mu.square() + variance + math.log(2 * math.pi))
        return [
            (log_q - log_p).sum(dim=1)
            for log_q in (-self.q.entropy().expand_as(codes), self.q.log_prob(codes))
            for log_p in (average_log_p, Normal(0.0, 1.0).log_prob(codes))
        ]

    @property
    def kl(self) -> float:
        """The KL term, the average of log q(z | x) - log p(z)."""
        return float(kl_divergence(self.q, Normal(0.0, 1.0)).sum())

    @property
    def error(self) -> float:
        """The standard error of a KL term from one draw for each copy."""
        linear, square = self.mu.square() * self.logvar.exp(), 0.5 * (1 - self.logvar.exp()).square()
        return math.sqrt(float((linear + square).sum()) / COPIES)


def _examine_beta(answer: object) -> None:
    """Look at the loss and its gradients for several β, over copies of one image; then at different images."""
    if not (isinstance(answer, type) and issubclass(answer, VAE)):
        raise WrongAnswerError("The check needs your class itself, an extension of `VAE`: its name, and no brackets.")
    generator = fresh_generator()
    ((small,),) = draw_trials([_small_vae], generator)
    image = _with_widths_of_its_own(small, generator)
    x = image.expand(COPIES, -1, -1).clone()
    runs = {beta: _run(answer, beta, x, small) for beta in (*BETAS, HUGE)}
    for beta, run in runs.items():
        _require_shape(beta, run.loss)
    truth = _Truth.of(small, image)
    _examine_codes(runs[1.0], truth)
    _examine_loss({beta: runs[beta] for beta in BETAS}, truth)
    _examine_gradients(answer, x, runs, truth)
    if torch.equal(*map(one_result, call_twice(call(_made_small, answer, 1.0, small).loss, x))):
        raise WrongAnswerError(SEEDED)
    _examine_different(answer, generator, small)


def _require_shape(beta: float, loss: Tensor) -> None:
    if loss.shape != (COPIES,):
        raise WrongAnswerError(
            f"Your loss has shape {tuple(loss.shape)} for {COPIES} images; `fit` needs one value for each, and "
            "averages them itself."
        )
    if not loss.isfinite().all():
        raise WrongAnswerError(f"With β = {beta:g} there is a NaN or an infinity in your loss.")


def _examine_codes(run: _Run, truth: _Truth) -> None:
    """Raise WrongAnswerError unless codes are decoded that are draws from q."""
    if not len(run.codes):
        raise WrongAnswerError("Nothing is decoded. `elbo(self, x)` draws codes, and decodes them.")
    if run.codes.std(dim=0).max() < 1e-5:
        if torch.allclose(run.codes[0], truth.mu, atol=1e-4):
            raise WrongAnswerError(
                "Only the mean of q is decoded: the loss has no noise, and at β = 1 it is not minus the ELBO."
            )
        raise WrongAnswerError(
            "Images that are alike have the same loss, so all have the same ε. Each needs its own draw."
        )
    require_draws_from_q(run.codes, truth.mu.expand_as(run.codes), truth.logvar.expand_as(run.codes))


def _examine_loss(runs: dict[float, _Run], truth: _Truth) -> None:
    """Compare the losses for each β with those of the same codes."""
    ways = {beta: _ways(run, truth) for beta, run in runs.items()}

    def is_everywhere(loss: Callable[[Tensor, Tensor, float], Tensor]) -> bool:
        return any(
            all(_same(run.loss, loss(*way, beta)) for (beta, run), way in zip(runs.items(), some, strict=True))
            for some in zip(*ways.values(), strict=True)
        )

    if is_everywhere(lambda reconstruction, kl, beta: beta * kl - reconstruction):
        return
    for loss, message in _mistakes(truth.image.numel(), len(truth.mu)):
        if is_everywhere(loss):
            raise WrongAnswerError(message)
    off = {beta: float(run.loss.mean() + truth.reconstructions(run.codes).mean()) for beta, run in runs.items()}
    weight = off[1.0] / truth.kl
    if is_everywhere(lambda reconstruction, kl, beta: weight * beta * kl - reconstruction):
        raise WrongAnswerError(f"The KL term is multiplied by {weight:.3g}, besides β. At β = 1 a nat counts as one.")
    right = {beta for beta in runs if abs(off[beta] / beta - truth.kl) <= N_ERRORS_OF_PAIRS * truth.error}
    if right == set(runs):  # the KL term is an average over other draws
        return
    if 1.0 not in right:
        raise WrongAnswerError(
            "At β = 1 your loss is not minus the ELBO. Get that right first; `elbo` gives you its two terms."
        )
    raise WrongAnswerError(
        "At β = 1 it is minus the ELBO. With β = 4 it must be larger by three times the KL term, and is not."
    )


def _ways(run: _Run, truth: _Truth) -> list[tuple[Tensor, Tensor]]:
    """Return the reconstruction and the KL term of each copy, (B,), in the ways in which they may be computed.

    The samples of a copy may be decoded one after the other, or all first samples before all second ones.
    """
    if len(run.codes) % COPIES:
        return []
    reconstructions, ratios = truth.reconstructions(run.codes), truth.log_ratios(run.codes)
    return [
        (average(reconstructions), average(log_ratios))
        for average in (lambda values: values.view(-1, COPIES).mean(0), lambda values: values.view(COPIES, -1).mean(1))
        for log_ratios in ratios
    ]


def _same(loss: Tensor, expected: Tensor) -> bool:
    return torch.allclose(loss, expected, rtol=1e-4, atol=1e-3)


def _mistakes(n_pixels: int, latent_dim: int) -> tuple[tuple[Callable[[Tensor, Tensor, float], Tensor], str], ...]:
    """Return the losses that usual mistakes give, and what to say of them."""
    return (
        (
            lambda reconstruction, kl, beta: reconstruction - beta * kl,
            "This is the ELBO, which goes up. A loss goes down: both signs are flipped.",
        ),
        (
            lambda reconstruction, kl, beta: kl - reconstruction,
            "At β = 1 it is right, and with another β it is the same: `beta` has no part in it, or it is read only "
            "once, before it was changed.",
        ),
        (
            lambda reconstruction, kl, beta: kl - beta * reconstruction,
            "It is the reconstruction term that β weighs here, and not the KL term.",
        ),
        (
            lambda reconstruction, kl, beta: beta * (kl - reconstruction),
            "β weighs both terms. That is the same loss in another unit, and trains the same model.",
        ),
        (
            lambda reconstruction, kl, beta: kl / beta - reconstruction,
            "The KL term is divided by β, where it should be multiplied: a large β should make it expensive.",
        ),
        (
            lambda reconstruction, kl, beta: -beta * kl - reconstruction,
            "The KL term has the wrong sign: a code with more information costs less here.",
        ),
        (
            lambda reconstruction, kl, beta: (1 + beta) * kl - reconstruction,
            "The KL term is counted twice: once as it is, and once more times β.",
        ),
        (
            lambda reconstruction, kl, beta: beta * kl - reconstruction / n_pixels,
            "The reconstruction term is a mean over the pixels, and the KL term a sum: at β = 1 this is not minus the "
            "ELBO.",
        ),
        (
            lambda reconstruction, kl, beta: beta * kl / latent_dim - reconstruction,
            "The KL term is a mean over the latent dimensions, where it should be a sum.",
        ),
        (lambda reconstruction, kl, beta: beta**2 * kl - reconstruction, "The KL term is multiplied by β twice."),
    )


def _examine_gradients(answer: type, x: Tensor, runs: dict[float, _Run], truth: _Truth) -> None:
    """Look at the gradients of a loss whose values are right."""
    if not bool(runs[1.0].in_decoder.abs().sum()):
        raise WrongAnswerError(
            "The values are right, but the decoder gets no gradient: a `detach` or a `no_grad` cuts it off."
        )
    if float(_run(answer, 0.0, x, truth.small).in_encoder.abs().max()) < 1e-6:
        raise WrongAnswerError(
            "The values are right, but no gradient of the reconstruction term reaches the encoder: how is the code "
            "drawn? Then only the KL term trains the encoder, and the posterior collapses."
        )
    variance = truth.logvar.exp()
    expected = torch.cat([truth.mu, 0.5 * (variance - 1)])
    spread = torch.cat([variance, (truth.mu**2 + 2 * variance) * variance / 4]).sqrt()  # of a sampled KL term
    if not average_is(runs[HUGE].in_encoder / HUGE, expected, spread, COPIES, N_ERRORS_OF_PAIRS, atol=0.03):
        raise WrongAnswerError(
            "The values are right, but the gradient of the KL term does not reach the encoder as it should. Is it "
            "detached?"
        )


def _examine_different(answer: type, generator: Generator, small: VAE) -> None:
    """Look at a loss that is right for images that are all alike; the codes may come image by image or not."""
    images = _far_apart(small, generator)
    run, truths = _run(answer, 2.0, images.repeat_interleave(COPIES // 3, dim=0), small), images[:, None]
    n_samples = len(run.codes) // COPIES
    if len(run.codes) % COPIES or not n_samples:
        raise WrongAnswerError(MIXED)
    in_turn = run.codes.view(n_samples, 3, -1, small.latent_dim).transpose(0, 1).flatten(1, 2)
    at_once = run.codes.view(3, -1, small.latent_dim)
    of_each = [_Truth.of(small, image) for image in truths]
    if not any(_is_right_for_each(run.loss, codes, of_each) for codes in (in_turn, at_once)):
        raise WrongAnswerError(MIXED)


def _is_right_for_each(loss: Tensor, codes: Tensor, truths: list[_Truth]) -> bool:
    """Whether the loss (B,) is right for each of three images, and their codes (3, N, K) are draws from its q."""
    for values, some, truth in zip(loss.chunk(3), codes, truths, strict=True):
        off = float(values.mean() + truth.reconstructions(some).mean()) - 2 * truth.kl
        if abs(off) > N_ERRORS_OF_PAIRS * 2 * truth.error * math.sqrt(3):
            return False
        if not is_standardised((some - truth.mu) / truth.q.stddev):
            return False
    return True


BETA = Task(
    name="beta-vae",
    points=4,
    examination=_examine_beta,
    remark="The one with a beta of 5 has the smaller KL, the smaller reconstruction term and the smaller ELBO, which "
    "only the other one climbs.",
)
