"""Exercise 7.2: four losses, four noise levels."""

import math
from collections.abc import Callable

import torch
from torch import Generator

from vae_exercises.engine.answers import as_function, as_results, fresh_generator
from vae_exercises.engine.kinds import TRIALS, Task
from vae_exercises.engine.sandbox import call


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
