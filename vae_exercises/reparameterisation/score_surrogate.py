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
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import SEEDED, average_is
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_exercises.reparameterisation.shared import IMAGES
from vae_lessons.probability.gradient_estimators import score_function

SAMPLES, VALUES, PATIENCE = 2000, 50, 0.3  # seconds
N_ERRORS = 6.0  # standard errors, of which the size is estimated too

Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """The gradient of a surrogate, (2 K,), and its value, as means over some samples."""

    gradient: Tensor
    value: float
    n_samples: int


def _estimate(surrogate: Callable, f: Objective, mu: Tensor, logvar: Tensor) -> Estimate | None:
    """Average as many values as there is time for; None if nothing can be differentiated."""
    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    n_codes = []

    def counted(z: Tensor) -> Tensor:
        n_codes.append(z.numel() // len(mu))
        return f(z)

    def values() -> list[object]:
        until = time.monotonic() + PATIENCE
        found = [surrogate(counted, *(leaf.clone() for leaf in leaves), SAMPLES)]
        while len(found) < VALUES and time.monotonic() < until:
            found.append(surrogate(f, *(leaf.clone() for leaf in leaves), SAMPLES))
        return found

    found = call(values)
    if sum(n_codes) % SAMPLES:  # a baseline may take as many again
        raise WrongAnswerError(f"`f` is asked about {sum(n_codes)} codes, where `n_samples` is {SAMPLES}.")
    _require_number(found[0])
    require_tensor(found[0])
    if not all(isinstance(value, Tensor) and value.requires_grad for value in found):
        return None
    with torch.enable_grad():
        gradients = torch.autograd.grad(sum(found) / len(found), leaves, allow_unused=True)
    gradient = torch.cat([torch.zeros_like(mu) if part is None else part for part in gradients])
    different = {value.item() for value in found}
    return Estimate(gradient.double(), sum(different) / len(different), SAMPLES * len(different))


def _require_number(value: object) -> None:
    try:
        require_like(as_results(value), (torch.zeros(()),))
    except WrongAnswerError as reason:
        raise WrongAnswerError(
            f"{reason} It must be one number, an average over the samples, for `backward` to start at."
        ) from None


def _scored(width: float = 0.5, path: bool = False, of_f: bool = False, density: Callable = Tensor.sum) -> Callable:
    """Return a surrogate, with a mistake in its draws, in f or in its density."""

    def surrogate(f: Objective, mu: Tensor, logvar: Tensor, n_samples: int) -> Tensor:
        q = Normal(mu, torch.exp(width * logvar))
        z = q.rsample((n_samples,)) if path else q.sample((n_samples,))
        values = f(z) if of_f else f(z).detach()
        return (values * density(q.log_prob(z), dim=1)).mean()

    return surrogate


OF_DENSITY = _scored(density=lambda log_q, dim: log_q.sum(dim=dim).exp())


WRONG_SURROGATES: tuple[tuple[Callable, str], ...] = (
    (
        _scored(density=Tensor.mean),
        "The draws are right now. But the gradient is too small by the number of dimensions: what has to be done with "
        "the logarithms of the densities of the single dimensions, to make that of the code?",
    ),
    (
        _scored(path=True, of_f=True),
        "The density is right now. But the gradient still takes the path through z as well: when mu moves, z moves "
        "along, and so z - mu in the density does not change at all. The draws must stay where they are.",
    ),
    (
        _scored(path=True),
        "The gradient of f is kept out now, but the density still sees a z that moves along with mu, so its gradient "
        "in mu is 0. What must not move, if only the weights may?",
    ),
    (
        _scored(path=True, of_f=True, density=Tensor.mean),
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
        _scored(width=1.0),
        "The width of q is σ², where it should be σ. The colleague had that right.",
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
    mu, target = torch.rand(2, 2, generator=generator)
    logvar, target = 0.5 + 0.3 * mu, target + 2
    # f is 1 on average, which means little noise.
    offset = 1 + 0.5 * float(((target - mu).square() + logvar.exp()).sum())

    def smooth(z: Tensor) -> Tensor:
        return offset - 0.5 * (z - target).square().sum(dim=-1)

    estimate = _estimate(surrogate, smooth, mu, logvar)
    if estimate is None:
        raise WrongAnswerError(
            "Nothing in the result depends on mu or logvar, as far as PyTorch can see. The draws are meant not to; "
            "what is it, then, that carries the gradient, and is it detached too?"
        )
    exact = torch.cat([target - mu, -0.5 * logvar.exp()]).double()
    noise = _noise(smooth, mu, logvar, generator)
    if not average_is(estimate.gradient, exact, noise, estimate.n_samples, N_ERRORS):
        _diagnose(estimate, exact, noise, smooth, mu, logvar)
    _examine_step(surrogate, mu, logvar, generator)
    if torch.equal(*map(one_result, call_twice(surrogate, smooth, mu, logvar, 2))):
        raise WrongAnswerError(SEEDED)


def _diagnose(estimate: Estimate, exact: Tensor, noise: Tensor, f: Objective, mu: Tensor, logvar: Tensor) -> None:
    if estimate.gradient.norm() < 0.1 * exact.norm():
        _diagnose_vanishing(estimate, _estimate(OF_DENSITY, f, mu, logvar))
    for other, message in WRONG_SURROGATES:
        mistake = _estimate(other, f, mu, logvar)
        if mistake is None:
            continue
        scale = 1.5 * max(1.0, float(mistake.gradient.norm() / exact.norm()))  # larger gradients are noisier
        if average_is(estimate.gradient, mistake.gradient, scale * noise, estimate.n_samples, N_ERRORS):
            raise WrongAnswerError(message)
    raise WrongAnswerError(
        "The gradient is neither the right one nor one that I know. It should be an average of f(z) times the gradient "
        "of log q(z), where the numbers z are held fixed."
    )


def _diagnose_vanishing(estimate: Estimate, of_density: Estimate) -> None:
    """Compare values, since the gradient of a density in mu and logvar is nearly 0 too."""
    if math.isclose(estimate.value, of_density.value, rel_tol=0.1):
        raise WrongAnswerError(
            "The density itself stands where its logarithm belongs. Which of the two came out of step 3, when an "
            "integral had to be made an average over q again?"
        )
    raise WrongAnswerError(
        "The gradient is nearly 0. Is f multiplied by the logarithm of the density, for each sample by its own, and "
        "is the average taken once?"
    )


def _examine_step(surrogate: Callable, mu: Tensor, logvar: Tensor, generator: Generator) -> None:
    edge = float(mu.sum()) + 0.5

    def step(z: Tensor) -> Tensor:
        return (z.sum(dim=-1) > edge).float()

    estimate = _estimate(surrogate, step, mu, logvar)
    if estimate is None or not estimate.gradient.any():
        raise WrongAnswerError(
            "Right for a smooth f, but for one with steps there is no gradient at all. This is the pathwise "
            "estimator; the task is to fix the other one, which needs no gradient of f."
        )
    exact, noise = _gradient_of_step(edge, mu, logvar), _noise(step, mu, logvar, generator)
    if not average_is(estimate.gradient, exact, noise, estimate.n_samples, N_ERRORS):
        raise WrongAnswerError("Right for a smooth f, and wrong for a step.")


def _noise(f: Objective, mu: Tensor, logvar: Tensor, generator: Generator) -> Tensor:
    """Return the standard deviation of one sample's estimate."""
    samples = score_function(f, mu[None], logvar[None], IMAGES, generator)
    return torch.cat([samples.mu, samples.logvar], dim=2)[:, 0].std(dim=0).double()


def _gradient_of_step(edge: float, mu: Tensor, logvar: Tensor) -> Tensor:
    """Differentiate the probability that the sum of a code's dimensions is above the edge."""
    mu, logvar = mu.double().requires_grad_(), logvar.double().requires_grad_()
    with torch.enable_grad():
        above = torch.special.ndtr((mu.sum() - edge) / logvar.exp().sum().sqrt())
        return torch.cat(torch.autograd.grad(above, (mu, logvar)))


SURROGATE = Task(name="score-surrogate", points=3, examination=_examine_surrogate)
