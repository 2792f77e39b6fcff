"""The exercise "find the mistakes"."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from vae_exercises.engine.answers import (
    as_function,
    as_results,
    call_twice,
    fresh_generator,
    one_result,
    require_like,
    require_tensor,
)
from vae_exercises.engine.draws import require_draws_from_q
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import OR, Task
from vae_exercises.engine.monte_carlo import SEEDED, average_is
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.reparameterisation.shared import IMAGES
from vae_lessons.probability.gradient_estimators import score_function

VALUES, FEWER = 16, 2  # of a surrogate, each an average over some 2000 samples; fewer of one with a loop over them
FACTOR = 10.0  # before f, so that an answer that divides by its spread shows
SLOW = 0.1  # seconds of processor time for one value
N_ERRORS = 6.0  # standard errors, of which the size is estimated too
FROM_A_MISTAKE, AT_MOST = 5.5, 9.0  # standard errors to a mistake's own estimate, and to the nearest one

Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """The gradient of a surrogate, (2 K,), and its value, as means over some samples; the codes asked for, (N, K)."""

    gradient: Tensor
    value: float
    n_samples: int
    codes: Tensor


@dataclass(frozen=True)
class Question:
    """What a surrogate is asked: q has the parameters mu and logvar, (K,) each; an average has `n_samples`."""

    mu: Tensor
    logvar: Tensor
    n_samples: int

    @staticmethod
    def fresh(generator: Generator) -> "Question":
        """Draw a question whose K is at least 3, so that a number of dimensions written into an answer shows."""
        ((latent_dim, n_samples),) = draw_trials([_sizes], generator)
        mu = torch.rand(latent_dim, generator=generator)
        return Question(mu, -1.2 - 0.6 * mu, n_samples)


def _sizes(generator: Generator, size: int) -> tuple[int, int]:
    pairs = int(torch.randint(900, 1100, (), generator=generator))
    return 3 + size % 3, 2 * pairs


def _estimate(surrogate: Callable, f: Objective, asked: Question) -> Estimate | None:
    """Average some values; None if nothing can be differentiated."""
    leaves = [asked.mu.clone().requires_grad_(), asked.logvar.clone().requires_grad_()]
    codes: list[Tensor] = []

    def watched(z: Tensor) -> Tensor:
        codes.append(z.detach().reshape(-1, len(asked.mu)).clone())
        return f(z)

    def value() -> object:
        return surrogate(watched, *(leaf.clone() for leaf in leaves), asked.n_samples)

    def values() -> list[object]:
        start = time.thread_time()
        first = value()
        n_values = FEWER if time.thread_time() - start > SLOW else VALUES
        return [first, *(value() for _ in range(n_values - 1))]

    found = call(values)
    all_codes = torch.cat(codes) if codes else torch.empty(0, len(asked.mu))
    _require_codes(all_codes, len(found), asked.n_samples)
    _require_number(found[0])
    require_tensor(found[0])
    if not all(isinstance(value, Tensor) and value.requires_grad for value in found):
        return None
    with torch.enable_grad():
        gradients = torch.autograd.grad(sum(found) / len(found), leaves, allow_unused=True)
    gradient = torch.cat([torch.zeros_like(asked.mu) if part is None else part for part in gradients])
    different = {value.item() for value in found}
    return Estimate(gradient.double(), sum(different) / len(different), asked.n_samples * len(different), all_codes)


def _require_codes(codes: Tensor, n_values: int, n_samples: int) -> None:
    """Raise WrongAnswerError unless each value asks for `n_samples` codes, or a baseline for as many again."""
    n_codes = len(codes)
    if n_codes % (n_values * n_samples):
        raise WrongAnswerError(f"`f` is asked about {n_codes / n_values:g} codes, where `n_samples` is {n_samples}.")
    if n_codes and len(codes[:n_samples].unique(dim=0)) < n_samples / 2:
        raise WrongAnswerError("One code is used for many samples. Each sample needs its own draw.")


def _require_number(value: object) -> None:
    try:
        require_like(as_results(value), (torch.zeros(()),))
    except WrongAnswerError as reason:
        raise WrongAnswerError(
            f"{reason} It must be one number, an average over the samples, for `backward` to start at."
        ) from None


def _scored(
    draw: Callable[[Normal, int], Tensor] = lambda q, n: q.sample((n,)),
    of_f: Callable[[Tensor], Tensor] = Tensor.detach,
    density: Callable[[Tensor, Tensor], Tensor] = lambda log_q, _: log_q.sum(dim=1),
) -> Callable:
    """Return a surrogate, with a mistake in its draws, in what it does to f, or in its density."""

    def surrogate(f: Objective, mu: Tensor, logvar: Tensor, n_samples: int) -> Tensor:
        q = Normal(mu, torch.exp(0.5 * logvar))
        z = draw(q, n_samples)
        return (of_f(f(z)) * density(q.log_prob(z), logvar)).mean()

    return surrogate


def _moving(q: Normal, n_samples: int) -> Tensor:
    return q.rsample((n_samples,))


def _mean(log_q: Tensor, _: Tensor) -> Tensor:
    return log_q.mean(dim=1)


def _as_it_is(values: Tensor) -> Tensor:
    return values


OF_DENSITY = _scored(density=lambda log_q, _: log_q.sum(dim=1).exp())


WRONG_SURROGATES: tuple[tuple[Callable, str], ...] = (
    (
        _scored(density=_mean),
        "The draws are right now. But the gradient is too small by the number of dimensions: what has to be done with "
        "the logarithms of the densities of the single dimensions, to make that of the code?",
    ),
    (
        _scored(draw=_moving, of_f=_as_it_is),
        "The density is right now. But the gradient still takes the path through z as well: when mu moves, z moves "
        "along, and so z - mu in the density does not change at all. The draws must stay where they are.",
    ),
    (
        _scored(draw=_moving),
        "The gradient of f is kept out now, but the density still sees a z that moves along with mu, so its gradient "
        "in mu is 0. What must not move, if only the weights may?",
    ),
    (
        _scored(draw=_moving, of_f=_as_it_is, density=_mean),
        "This computes what the wrong version computes. Print its gradient in mu for an f with steps in it, such as "
        "`(z.sum(dim=1) > 0).float()`: which of the two ways does your z allow, and what should it not allow?",
    ),
    (
        lambda *args: -_scored()(*args),
        "The sign is flipped: this is right for a loss, which goes down. The task asks for the gradient of E[f(z)].",
    ),
    (
        lambda *args: args[3] * _scored()(*args),
        "The gradient grows with the number of samples: they are added up, and not averaged.",
    ),
    (
        _scored(density=lambda log_q, _: log_q[:, 0]),
        "Only the first dimension of each code has a density here, and so a gradient. What makes that of the code?",
    ),
    (
        _scored(density=lambda log_q, logvar: (log_q + 0.5 * logvar).sum(dim=1)),
        "The gradient in mu is right, and that in logvar is not: the density lacks its normaliser, which has σ in it.",
    ),
    (
        _scored(of_f=lambda values: (values - values.mean()) / values.std()),
        "The gradient has another size: f is divided by its spread. A baseline may be subtracted, and changes nothing "
        "on average; a factor changes all.",
    ),
    (
        lambda f, mu, logvar, n: 2 * _scored()(f, mu, logvar, n),
        "For a smooth f the gradient is twice what it should be. Are both ways in it, the path and the weights? Each "
        "of them is the whole gradient.",
    ),
)


def _examine_surrogate(answer: object) -> None:
    """Compare gradients for a smooth f, then for one with a step."""
    surrogate = as_function(answer)
    generator = fresh_generator()
    asked = Question.fresh(generator)
    variance, away = asked.logvar.exp(), 0.5 + torch.rand(len(asked.mu), generator=generator)
    # f is FACTOR on average, which means little noise.
    offset = 1 + 0.5 * float((away.square() + variance).sum())

    def smooth(z: Tensor) -> Tensor:
        return FACTOR * (offset - 0.5 * (z - asked.mu - away).square().sum(dim=-1))

    estimate = _estimate(surrogate, smooth, asked)
    if estimate is None:
        raise WrongAnswerError(
            "Nothing in the result depends on mu or logvar, as far as PyTorch can see. The draws are meant not to; "
            "what is it, then, that carries the gradient, and is it detached too?"
        )
    exact = FACTOR * torch.cat([away, -0.5 * variance]).double()
    noise = _noise(smooth, asked, generator)
    if not average_is(estimate.gradient, exact, noise, estimate.n_samples, N_ERRORS):
        _diagnose(estimate, exact, noise, smooth, asked)
    _examine_step(surrogate, asked, generator)
    if torch.equal(*map(one_result, call_twice(surrogate, smooth, asked.mu, asked.logvar, 2))):
        raise WrongAnswerError(SEEDED)


def _diagnose(estimate: Estimate, exact: Tensor, noise: Tensor, f: Objective, asked: Question) -> None:
    codes = estimate.codes.double()
    require_draws_from_q(codes, asked.mu.double().expand_as(codes), asked.logvar.double().expand_as(codes))
    distances = {
        message: _distance(estimate, mistake, exact, noise)
        for other, message in WRONG_SURROGATES
        if (mistake := _estimate(other, f, asked)) is not None
    }
    nearest = min(distances.values())
    if nearest < AT_MOST:
        limit = max(nearest, FROM_A_MISTAKE)
        raise WrongAnswerError(OR.join(message for message, distance in distances.items() if distance <= limit))
    for name, gradient in zip(("mu", "logvar"), estimate.gradient.chunk(2), strict=True):
        if not gradient.any():
            raise WrongAnswerError(f"No gradient arrives at `{name}`: it is detached, or the density does without it.")
    if estimate.gradient.norm() < 0.5 * exact.norm():
        _diagnose_vanishing(estimate, exact, _estimate(OF_DENSITY, f, asked))
    factor = float(estimate.gradient @ exact / (exact @ exact))
    if average_is(estimate.gradient, factor * exact, abs(factor) * noise, estimate.n_samples, N_ERRORS):
        raise WrongAnswerError(
            f"The gradient is {factor:.2g} times what it should be. Which factor stands before the average?"
        )
    raise WrongAnswerError(
        "The gradient is neither the right one nor one that I know. It should be an average of f(z) times the gradient "
        "of log q(z), where the numbers z are held fixed."
    )


def _distance(estimate: Estimate, mistake: Estimate, exact: Tensor, noise: Tensor) -> float:
    """Return how far an estimate is from that of a mistake, in standard errors of their difference."""
    size = float(torch.maximum(estimate.gradient.norm(), mistake.gradient.norm()) / exact.norm())
    error = max(0.2, size) * noise * math.sqrt(1 / estimate.n_samples + 1 / mistake.n_samples)
    return float(((estimate.gradient - mistake.gradient).abs() / error).max())


def _diagnose_vanishing(estimate: Estimate, exact: Tensor, of_density: Estimate) -> None:
    """Compare values, since the gradient of a density in mu and logvar is nearly 0 too."""
    if math.isclose(estimate.value, of_density.value, rel_tol=0.1):
        raise WrongAnswerError(
            "The density itself stands where its logarithm belongs. Which of the two came out of step 3, when an "
            "integral had to be made an average over q again?"
        )
    if estimate.gradient.norm() < 0.1 * exact.norm():
        raise WrongAnswerError(
            "The gradient is nearly 0. Is f multiplied by the logarithm of the density, for each sample by its own, "
            "and is the average taken once?"
        )


def _examine_step(surrogate: Callable, asked: Question, generator: Generator) -> None:
    edge = float(asked.mu.sum()) + 0.5

    def step(z: Tensor) -> Tensor:
        return (z.sum(dim=-1) > edge).float()

    estimate = _estimate(surrogate, step, asked)
    if estimate is None or not estimate.gradient.any():
        raise WrongAnswerError(
            "Right for a smooth f, but for one with steps there is no gradient at all. This is the pathwise "
            "estimator; the task is to fix the other one, which needs no gradient of f."
        )
    exact, noise = _gradient_of_step(edge, asked), _noise(step, asked, generator)
    if not average_is(estimate.gradient, exact, noise, estimate.n_samples, N_ERRORS):
        raise WrongAnswerError("Right for a smooth f, and wrong for a step.")


def _noise(f: Objective, asked: Question, generator: Generator) -> Tensor:
    """Return the standard deviation of one sample's estimate."""
    samples = score_function(f, asked.mu[None], asked.logvar[None], IMAGES, generator)
    return torch.cat([samples.mu, samples.logvar], dim=2)[:, 0].std(dim=0).double()


def _gradient_of_step(edge: float, asked: Question) -> Tensor:
    """Differentiate the probability that the sum of a code's dimensions is above the edge."""
    mu, logvar = asked.mu.double().requires_grad_(), asked.logvar.double().requires_grad_()
    with torch.enable_grad():
        above = torch.special.ndtr((mu.sum() - edge) / logvar.exp().sum().sqrt())
        return torch.cat(torch.autograd.grad(above, (mu, logvar)))


SURROGATE = Task(name="score-surrogate", points=3, examination=_examine_surrogate)
