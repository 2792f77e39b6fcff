"""The exercise "four losses, four noise levels"."""

import math
from collections.abc import Callable

import torch
from torch import Generator

from vae_exercises.engine.answers import as_function, as_results, fresh_generator
from vae_exercises.engine.kinds import TRIALS, Task
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError


def _sizes(generator: Generator) -> dict[str, float]:
    """Draw sizes for which no two formulas give the same."""

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
    """Return σ² of each loss: half the ratio of the factors of an image's KL and of its squared error."""
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


def _examine_variances(answer: object) -> None:
    """Compare each loss by itself, and name the first wrong one."""
    function = as_function(answer)
    generator = fresh_generator()
    trials = [_sizes(generator) for _ in range(TRIALS)]
    results = [_four_numbers(call(function, *sizes.values())) for sizes in trials]
    for i, name in enumerate("abcd"):
        right = [_variances(**sizes)[i] for sizes in trials]
        values = [numbers[i] for numbers in results]
        if not _same(values, right):
            raise WrongAnswerError(f"Loss {name}{_diagnosis(values, right, trials, KNOWN_VARIANCES[i])}")


def _four_numbers(value: object) -> list[float]:
    results = as_results(value)
    results = tuple(results[0]) if len(results) == 1 and results[0].dim() == 1 else results
    if len(results) != 4 or any(part.numel() != 1 for part in results):
        raise WrongAnswerError(f"The task asks for four numbers, separated by commas; yours has {len(results)}.")
    return [float(part) for part in results]


def _diagnosis(
    values: list[float], right: list[float], trials: list[dict], known: dict[Callable[..., float], str]
) -> str:
    for formula, message in known.items():
        if _same(values, [formula(**sizes) for sizes in trials]):
            return f": {message}"
    general: dict[str, Callable[[float], float]] = {
        "this is σ, and the task asks for σ².": math.sqrt,
        "a half is lost. What does the factor before the squared error look like in the ELBO?": lambda value: 2 * value,
        "this is its inverse. The more noise, the smaller the factor before the error.": lambda value: 1 / value,
        "this is 1/(2σ²), the factor before the error itself.": lambda value: 1 / (2 * value),
    }
    for message, change in general.items():
        if _same(values, list(map(change, right))):
            return f": {message}"
    return (
        " is not right. Write the loss of one image as a · ‖x - x̂‖² + b · KL, with the error and the KL both summed; "
        "divide by b; compare with the factor 1/(2σ²)."
    )


def _same(values: list[float], expected: list[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(values, expected, strict=True))


NOISE_OF_A_LOSS = Task(name="noise-of-a-loss", points=3, examination=_examine_variances)
