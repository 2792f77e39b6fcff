"""Exercises of lesson 5: the reparameterisation trick."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Normal
from torch.nn.functional import softplus

from vae_lessons.checks.calls import NoAnswerError, call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
    unlike,
)
from vae_lessons.gradients import score_function

IMAGES = 20_000
SAMPLES, VALUES, PATIENCE = 2000, 50, 0.3  # seconds
TOO_FAR = 5.0  # standard errors
Objective = Callable[[Tensor], Tensor]


def _judge_draw(answer: object) -> str | None:
    """Its noise, its width, and the path that it leaves."""
    draw = as_function(answer)
    generator = fresh_generator()
    # Widths well away from 1, on both sides of it, so that σ and σ² are told apart.
    sign = torch.tensor([[-1.0, 1.0, -1.0]])
    mu = (1 + torch.rand(1, 3, generator=generator)).repeat(IMAGES, 1).requires_grad_()
    logvar = (sign * (1.0 + 0.6 * torch.rand(1, 3, generator=generator))).repeat(IMAGES, 1).requires_grad_()
    with torch.enable_grad():
        z, again = call(lambda: [draw(mu.clone(), logvar.clone()) for _ in range(2)])
    values, others = (_values(found, mu) for found in (z, again))
    away = values - mu.detach()
    wrong = _wrong_noise(away, values, others) or _wrong_width(away, logvar.detach()[0].double())
    return wrong or _wrong_path(z, {"mu": (mu, torch.ones_like(away)), "logvar": (logvar, 0.5 * away)})


def _values(found: object, like: Tensor) -> Tensor:
    results = as_results(found)
    if len(results) == 1 and results[0].isnan().any():
        raise NoAnswerError(
            "There is a NaN in your draw. `logvar` is a logarithm, so it may be negative: what is it that must be "
            "positive, and how do you get there from a logarithm?"
        )
    wrong = unlike(results, (like.detach(),))
    if wrong:
        raise NoAnswerError(wrong)
    return results[0]


def _wrong_noise(away: Tensor, values: Tensor, others: Tensor) -> str | None:
    if away.abs().max() < 1e-6:
        return "Every code is mu itself: nothing has been drawn. Where is the noise?"
    if torch.equal(values, others):
        return (
            "Two calls give the same codes. Fresh noise belongs to each call: is there a seed, or noise that was "
            "drawn once and for all?"
        )
    # 1e-4 is far below the spread of any draw, and far above rounding.
    if away.std(dim=0).max() < 1e-4 * away.abs().max():
        return (
            "All images share the same ε: they are all moved in one direction, and their errors no longer average "
            "out over the batch. How many numbers must be drawn?"
        )
    if torch.corrcoef(away.T)[0, 1].abs() > 0.99:
        return (
            "All dimensions of a code share one number of noise, so codes lie on a line. The covariance is to be "
            "diagonal: each dimension needs an ε of its own."
        )
    return None


def _wrong_width(away: Tensor, logvar: Tensor) -> str | None:
    """What is wrong with draws of mean 0 and with this log σ², less their mean."""
    width, off = away.std(dim=0), away.mean(dim=0)
    sigma = torch.exp(0.5 * logvar)
    if ((off / sigma - 0.5).abs() < 0.05).all():
        return "Your noise is never negative, and half on average. Is it uniform, where it should be Gaussian?"
    if (off.abs() > TOO_FAR * width / math.sqrt(IMAGES) + 1e-4).any():
        return "The mean over many draws is not mu. What must be the mean of the noise, and what is added to what?"
    known = {
        "The width of the draws is σ², where it should be σ. `logvar` holds log σ²; how do you get σ from it?": (
            logvar.exp()
        ),
        "The width is the number in `logvar` itself. It is a logarithm, and of σ²; a network may make it negative.": (
            logvar.abs()
        ),
        "The width is half of `logvar`, and still a logarithm: log σ. One step is missing.": 0.5 * logvar.abs(),
        "The width is 1 whatever `logvar` says: the noise is not scaled.": torch.ones(3),
        "The width is 1/σ: it is small where it should be large. Look at the sign in the exponent.": 1 / sigma,
        "The width is the square root of σ: one root too many.": sigma.sqrt(),
        "The width is a softplus of `logvar`. That makes a positive number of any other, but here the number "
        "has a meaning already.": softplus(logvar),
    }
    for says, other in known.items():
        if torch.allclose(width, other.to(width), rtol=0.03):
            return says
    if not torch.allclose(width, sigma, rtol=0.03):  # the standard error is half a hundredth
        return "The mean is right; the width is not. Take log σ² = 0, and then log σ² = log 4: σ must be 1 and 2."
    if ((away / sigma).pow(4).mean() - 3).abs() > 0.4:
        return "Mean and width are right, but the draws are not Gaussian. Which distribution does the noise have?"
    return None


def _wrong_path(drawn: object, parameters: dict[str, tuple[Tensor, Tensor]]) -> str | None:
    """parameters : of each name, the leaf, and the slope that a draw must have in it."""
    if not isinstance(drawn, Tensor) or not drawn.requires_grad:
        return (
            "The draws themselves are right, but no gradient passes through them: the encoder would learn nothing "
            "from the fit. Where is the path cut? Look for `sample`, `detach`, `no_grad`, NumPy or `.data`."
        )
    leaves = [leaf for leaf, _ in parameters.values()]
    with torch.enable_grad():
        slopes = torch.autograd.grad(drawn.sum(), leaves, allow_unused=True)
    for (name, (_, expected)), slope in zip(parameters.items(), slopes, strict=True):
        if slope is None or not slope.any():
            return (
                f"A gradient passes, but none of it arrives at `{name}`: on the way from there to the draw something "
                "is cut off."
            )
        near = torch.isclose(slope.double(), expected.double(), rtol=1e-3, atol=1e-4) | ~expected.isfinite()
        if not near.all():
            return (
                f"The draws are right, but their slope in `{name}` is not: moved a little, and with the noise held, "
                "a draw does not move as your gradient says. Which part of the path is cut, or counted twice?"
            )
    return None


DRAW = Task(name="draw-a-code", points=3, judgement=_judge_draw)


def _fit_inputs(generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar, target = 1.5 * torch.randn(3, 5, 3, generator=generator)
    return mu, logvar, target


def _fit_slopes(mu: Tensor, logvar: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """By three nodes of Gauss-Hermite quadrature, which is exact for a parabola."""
    mu, logvar = mu.double().requires_grad_(), logvar.double().requires_grad_()
    with torch.enable_grad():
        total = torch.zeros(())
        for eps, weight in ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6)):
            z = mu + torch.exp(0.5 * logvar) * eps
            total = total - weight * 0.5 * (z - target).square().sum()
        return torch.autograd.grad(total, (mu, logvar))


FIT_SLOPES = Function(
    name="expected-fit-slopes",
    points=2,
    inputs=_fit_inputs,
    answer=_fit_slopes,
    slips=(
        Slip(
            lambda *args: tuple(-slope for slope in _fit_slopes(*args)),
            "Both signs are flipped. These would be the slopes of the loss; asked for are those of F, which goes up "
            "when the mean moves towards the target.",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, torch.zeros_like(mu)),
            "The slope in mu is right, and the other is not 0. That would be so if only the mean were decoded; here "
            "the average is over draws, and draws that scatter miss the target.",
        ),
        Slip(
            lambda *args: tuple(2 * slope for slope in _fit_slopes(*args)),
            "Both are twice too large: f has a half in front.",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, -logvar.exp()),
            "The slope in mu is right; the one in log σ² is twice too large. How large is E[(z - c)²], and with which "
            "factor does it stand in F?",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, -torch.exp(0.5 * logvar)),
            "The second is the slope in σ. Asked for is the slope in log σ²: the chain rule has one factor more.",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, torch.full_like(mu, -0.5)),
            "The second is the slope in σ² itself. Asked for is the slope in log σ²: the chain rule has one "
            "factor more.",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, -0.5 * torch.exp(0.5 * logvar)),
            "The second has σ where it should have σ². Which power of σ is in E[(z - c)²]?",
        ),
        Slip(
            lambda mu, logvar, target: (target - mu, 0.5 * logvar.exp()),
            "The second has the wrong sign. A wider q puts more draws far from the target: does F go up or down?",
        ),
        Slip(
            lambda mu, logvar, target: (mu - target, -0.5 * logvar.exp()),
            "The first has the wrong sign: F must go up when mu moves towards the target.",
        ),
        Slip(
            lambda mu, logvar, target: (target - 2 * mu, -0.5 * logvar.exp() - 0.5 * (logvar.exp() - 1)),
            "These are the slopes of fit minus rate. Here only the fit is asked for; compare them when you are done.",
        ),
        Slip(
            lambda *args: tuple(slope / args[0].shape[1] for slope in _fit_slopes(*args)),
            "Everything is divided by the number of dimensions. f is a sum over them, and no mean.",
        ),
    ),
    hint="Do one dimension first. Write z - c as (z - μ) + (μ - c), square, and average: two terms remain. At "
    "mu = target the first slope must be 0, and the second must not.",
)


@dataclass(frozen=True)
class Estimate:
    """The gradient of a surrogate, (2 K,), as a mean over `n` samples."""

    gradient: Tensor
    n: int


def _estimate(surrogate: Callable, f: Objective, mu: Tensor, logvar: Tensor) -> Estimate | None:
    """From as many values as there is time for; None if nothing can be differentiated."""
    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]

    def values() -> list[object]:
        until = time.monotonic() + PATIENCE
        found = [surrogate(f, *(leaf.clone() for leaf in leaves), SAMPLES)]
        while len(found) < VALUES and time.monotonic() < until:
            found.append(surrogate(f, *(leaf.clone() for leaf in leaves), SAMPLES))
        return found

    found = call(values)
    wrong = unlike(as_results(found[0]), (torch.zeros(()),))
    if wrong:
        raise NoAnswerError(f"{wrong} It must be one number, an average over the samples, for `backward` to start at.")
    if not all(isinstance(value, Tensor) and value.requires_grad for value in found):
        return None
    with torch.enable_grad():
        slopes = torch.autograd.grad(sum(found) / len(found), leaves, allow_unused=True)
    gradient = torch.cat([torch.zeros_like(mu) if slope is None else slope for slope in slopes])
    return Estimate(gradient.double(), SAMPLES * len({value.item() for value in found}))


def _scored(width: float = 0.5, path: bool = False, of_f: bool = False, density: Callable = Tensor.sum) -> Callable:
    """A surrogate: where its draws, its f and its density come from."""

    def surrogate(f: Objective, mu: Tensor, logvar: Tensor, n_samples: int) -> Tensor:
        q = Normal(mu, torch.exp(width * logvar))
        z = q.rsample((n_samples,)) if path else q.sample((n_samples,))
        values = f(z) if of_f else f(z).detach()
        return (values * density(q.log_prob(z), dim=1)).mean()

    return surrogate


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
        "The slope of f is kept out now, but the density still sees a z that moves along with mu, so its slope in mu "
        "is 0. What must not move, if only the weights may?",
    ),
    (
        _scored(path=True, of_f=True, density=Tensor.mean),
        "This computes what the wrong version computes. Print its gradient in mu for an f with steps in it, such as "
        "`(z.sum(dim=1) > 0).float()`: which of the two ways does your z allow, and what should it not allow?",
    ),
    (
        lambda *args: -_scored()(*args),
        "The sign is flipped: this is right for a loss, which goes down. Asked for is the gradient of E[f(z)].",
    ),
    (
        lambda *args: args[3] * _scored()(*args),
        "The gradient grows with the number of samples: they are added up, and not averaged.",
    ),
    (
        _scored(density=lambda log_q, dim: log_q.sum(dim=dim).exp()),
        "The density itself stands where its logarithm belongs. Which of the two came out of step 3, when an "
        "integral had to be made an average over q again?",
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


def _judge_surrogate(answer: object) -> str | None:
    """On a smooth f, and on one with a step."""
    surrogate = as_function(answer)
    generator = fresh_generator()
    mu, target = torch.rand(2, 2, generator=generator)
    logvar, target = 0.5 + 0.3 * mu, target + 2
    offset = 1 + 0.5 * float(
        ((target - mu).square() + logvar.exp()).sum()
    )  # f is 1 on average: that means little noise
    edge = float(mu.sum()) + 0.5

    def smooth(z: Tensor) -> Tensor:
        return offset - 0.5 * (z - target).square().sum(dim=-1)

    def step(z: Tensor) -> Tensor:
        return (z.sum(dim=-1) > edge).float()

    found, exact = _estimate(surrogate, smooth, mu, logvar), torch.cat([target - mu, -0.5 * logvar.exp()]).double()
    if found is None:
        return (
            "Nothing in the result depends on mu or logvar, as far as PyTorch can see. The draws are meant not to; "
            "what is it, then, that carries the gradient, and is it detached too?"
        )
    near = 1.2 * TOO_FAR * _noise(smooth, mu, logvar, generator) / math.sqrt(found.n)
    if ((found.gradient - exact).abs() < near).all():
        return _judge_on_step(surrogate, step, _slope_of_step(edge, mu, logvar), mu, logvar, generator)
    for other, says in WRONG_SURROGATES:
        expected = _estimate(other, smooth, mu, logvar)
        scale = 1.5 * max(1.0, float(expected.gradient.norm() / exact.norm())) if expected else 0.0
        if expected and ((found.gradient - expected.gradient).abs() < scale * near).all():
            return says
    return (
        "The gradient is neither the right one nor one that I know. It should be an average of f(z) times the gradient "
        "of log q(z), where the numbers z are held fixed."
    )


def _judge_on_step(
    surrogate: Callable, step: Objective, exact: Tensor, mu: Tensor, logvar: Tensor, generator: Generator
) -> str | None:
    found = _estimate(surrogate, step, mu, logvar)
    if found is None or not found.gradient.any():
        return (
            "Right for a smooth f, but for one with steps there is no gradient at all. This is the pathwise "
            "estimator; the task is to mend the other one, which needs no slope of f."
        )
    near = 1.2 * TOO_FAR * _noise(step, mu, logvar, generator) / math.sqrt(found.n)
    return None if ((found.gradient - exact).abs() < near).all() else "Right for a smooth f, and wrong for a step."


def _noise(f: Objective, mu: Tensor, logvar: Tensor, generator: Generator) -> Tensor:
    """The standard deviation of one sample's estimate."""
    samples = score_function(f, mu[None], logvar[None], IMAGES, generator)
    return torch.cat([samples.mu, samples.logvar], dim=2)[:, 0].std(dim=0).double()


def _slope_of_step(edge: float, mu: Tensor, logvar: Tensor) -> Tensor:
    """Of the probability that the sum of a code's dimensions is above the edge."""
    mu, logvar = mu.double().requires_grad_(), logvar.double().requires_grad_()
    with torch.enable_grad():
        above = torch.special.ndtr((mu.sum() - edge) / logvar.exp().sum().sqrt())
        return torch.cat(torch.autograd.grad(above, (mu, logvar)))


SURROGATE = Task(name="score-surrogate", points=3, judgement=_judge_surrogate)


def _baseline_inputs(generator: Generator) -> tuple[Tensor, Tensor]:
    beside, sigma = 0.5 + torch.rand((), generator=generator), 1 + 0.3 * torch.rand((), generator=generator)
    eps = torch.randn(200_000, generator=generator)
    return 6 - 0.5 * (beside + sigma * eps).square(), eps / sigma


def _best_baseline(values: Tensor, scores: Tensor) -> Tensor:
    """The lowest point of the parabola through three baselines' variances."""
    values, scores = values.double(), scores.double()
    low, middle, high = (((values - b) * scores).var() for b in (-1, 0, 1))
    return 0.5 * (low - high) / (low - 2 * middle + high)


BEST_BASELINE = Function(
    name="best-baseline",
    points=3,
    inputs=_baseline_inputs,
    answer=_best_baseline,
    slips=(
        Slip(
            lambda values, scores: values.mean(),
            "This is the average of f, the lesson's baseline. It is a good one, and not the best: its estimates are "
            "still noisier than they need be. Where is the lowest point of the parabola?",
        ),
        Slip(
            lambda values, scores: values.median(),
            "This is the median of f, which knows nothing of the scores. The variance is one of the product.",
        ),
        Slip(
            lambda values, scores: (values * scores).mean() / scores.square().mean(),
            "One factor of the score is lost. When ((f - b) s)² is written out, which power of s stands with f b?",
        ),
        Slip(
            lambda values, scores: (values * scores).mean() / scores.mean(),
            "You divide by the average of the scores, which is 0 but for noise. The best b is that of the smallest "
            "variance, which has squares in it.",
        ),
        Slip(
            lambda values, scores: (values * scores.abs()).mean() / scores.abs().mean(),
            "The weights are the sizes of the scores; the variance has their squares.",
        ),
        Slip(
            lambda values, scores: 2 * _best_baseline(values, scores),
            "Twice too large. Both terms of the parabola that depend on b have been differentiated, but a factor 2 is "
            "in one of them only.",
        ),
        Slip(
            lambda values, scores: -_best_baseline(values, scores),
            "The sign is wrong: the baseline is subtracted from f.",
        ),
        Slip(
            lambda values, scores: (values * scores.square()).mean(),
            "The numerator is right. What is it to be divided by, where the slope of the parabola is 0?",
        ),
        Slip(
            lambda values, scores: values.max(),
            "This is the largest value of f. Then every f - b has one sign, and the noise is large.",
        ),
    ),
    hint="With this b the variance of (f - b) s is not the smallest. Write it as a parabola in b; its linear and its "
    "quadratic coefficient are averages that you can compute. Or try many b, and see where the lowest is.",
    atol=0.05,  # with 200,000 draws, more than five standard errors between any two good estimates
)


def _judge_exponential(answer: object) -> str | None:
    """Its distribution, and the path that it leaves."""
    draw = as_function(answer)
    rate = 2 + 2 * torch.rand(1, generator=fresh_generator())
    leaf = rate.repeat(IMAGES).requires_grad_()
    with torch.enable_grad():
        z, again = call(lambda: [draw(leaf.clone()) for _ in range(2)])
    values, others = as_results(z), as_results(again)
    wrong = unlike(tuple(v.nan_to_num(0.0, 0.0, 0.0) for v in values), (leaf.detach(),))
    if wrong:
        return wrong
    (values,), (others,) = values, others
    if values.isnan().float().mean() > 0.3:
        return "Many draws are not numbers at all. Is the logarithm taken of noise that may be negative?"
    fine = values.isfinite()  # a uniform number may be 0 exactly, once in a blue moon
    if fine.float().mean() < 0.999:
        return (
            "Some draws are not finite, and more than chance explains. For which numbers is the logarithm defined, "
            "and how large can u be?"
        )
    if torch.equal(values, others):
        return "Two calls give the same numbers. Each call must draw its own noise."
    if values[fine].std() < 1e-6:
        return "All entries have the same draw: one noise for all of them, where each needs its own."
    wrong = _wrong_exponential(values[fine], float(rate))
    return wrong or _wrong_path(z, {"rate": (leaf, -values / leaf.detach())})


def _wrong_exponential(values: Tensor, rate: float) -> str | None:
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "All draws are negative: an exponential variable is never. What sign has the logarithm of a number below 1?": (
            lambda z: torch.exp(rate * z.clamp(max=0))
        ),
        "The mean of your draws is the rate, where it should be one over it: a higher rate means shorter waits.": (
            lambda z: -torch.expm1(-z / rate)
        ),
        "The draws do not depend on the rate.": lambda z: -torch.expm1(-z),
        "A uniform number has been put into the density. It has to go into the inverse of the distribution function.": (
            lambda z: (torch.log(rate / z) / rate).clamp(0, 1).neg().add(1)
        ),
        "A uniform number has been put into the distribution function. It has to go into its inverse: solve "
        "u = F(z) for z.": lambda z: -torch.log1p(-z.clamp(0, 1 - math.exp(-rate) - 1e-9)) / rate,
        "A uniform number has been put into exp(-rate z), which is one minus the distribution function. It has to go "
        "into the inverse.": lambda z: 1 + torch.log(z.clamp(math.exp(-rate), 1)) / rate,
        "The noise is Gaussian. Which noise does the inverse of a distribution function take?": (
            lambda z: torch.special.ndtr(rate * z)
        ),
    }
    if _follows(values, lambda z: -torch.expm1(-rate * z.clamp(min=0))):
        return None
    for says, distribution in known.items():
        if _follows(values, distribution):
            return says
    return (
        "Your draws are not exponential with this rate. Their mean must be 1/rate, and a share of exp(-1) of them must "
        "be above their mean. Solve u = 1 - exp(-rate z) for z."
    )


def _follows(values: Tensor, distribution: Callable[[Tensor], Tensor]) -> bool:
    """Kolmogorov's test, with a chance of a few in ten million that what is right fails."""
    ranks = distribution(values.sort().values)
    steps = torch.arange(len(values)).to(ranks) / len(values)
    return bool((ranks - steps).abs().max() < 2.8 / math.sqrt(len(values)))


EXPONENTIAL = Task(name="draw-exponential", points=2, judgement=_judge_exponential)

SWITCH = Choice(
    name="switch-gradient",
    points=1,
    right="b",
    wrong={
        "a": "That is the gradient that one would like to have. But which slope does backpropagation find at a draw "
        "that is 0, and stays 0 if π moves by a hair?",
        "c": "Noise is not the trouble: an average over many draws would help against it, and here it does not. Work "
        "out the slope of one draw.",
        "d": "A missing `rsample` may mean that nobody has written one; the lesson has an example. Here it cannot be "
        "written. The line in the question runs, so what is it that it computes?",
    },
)

EXERCISES: tuple[Exercise, ...] = (DRAW, FIT_SLOPES, SURROGATE, BEST_BASELINE, EXPONENTIAL, SWITCH)
