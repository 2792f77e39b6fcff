"""The exercise "how sure is the classifier?"."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import as_function, fresh_generator, one_result
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Function, Mistake, Task
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError

PADDED = (
    "Before the logarithm a small number is added, or all smaller ones are raised to it. It is not small enough: it "
    "shows in the result."
)


def _probabilities_of_digits(generator: Generator, n_images: int) -> tuple[Tensor]:
    """Draw the probabilities of some images; the first is sure, the second torn between two digits."""
    p = torch.softmax(2 * torch.randn(2 + n_images, 10, generator=generator), dim=1)
    first = torch.randint(0, 8, (), generator=generator)
    p[0] = torch.eye(10)[first]
    p[1] = 0.3 * torch.eye(10)[first] + 0.7 * torch.eye(10)[first + 2]
    return (p,)


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p.double()).sum(dim=1)


ENTROPY = Function(
    name="judge-entropy",
    points=2,
    inputs=_probabilities_of_digits,
    answer=_entropy,
    mistakes=(
        Mistake(
            lambda p: -_entropy(p),
            "The sign is flipped. The logarithm of a probability is never positive, and an entropy never negative.",
        ),
        Mistake(
            lambda p: _entropy(p) / math.log(2),
            "These are bits: the logarithm is that to base 2. The task asks for nats.",
        ),
        Mistake(
            lambda p: _entropy(p) / math.log(10),
            "The logarithm is that to base 10. A classifier that knows nothing then gets 1, and should get log 10 "
            "nats.",
        ),
        Mistake(
            lambda p: _entropy(p) / p.shape[1],
            "This is a mean over the digits, where the entropy is a sum over them. The weights are in it already.",
        ),
        Mistake(
            lambda p: _entropy(p).mean(),
            "This is averaged over the batch. Each image has its own entropy.",
        ),
        Mistake(
            lambda p: _entropy(p).sum(),
            "This is summed over the batch. Each image has its own entropy.",
        ),
        Mistake(
            lambda p: torch.special.entr(p).sum(dim=0),
            "This is one value for each digit: the sum runs over the images. Along which axis do the digits lie?",
        ),
        Mistake(
            lambda p: _entropy(torch.softmax(p, dim=1)),
            "The probabilities are taken for logits and put through a softmax once more. That makes every "
            "classifier look unsure.",
        ),
        Mistake(
            lambda p: -p.amax(dim=1).log(),
            "This is −log p of the likeliest digit alone. The entropy averages over all of them.",
        ),
        Mistake(
            lambda p: 1 - p.amax(dim=1),
            "This is the doubt about the likeliest digit. It is also a measure, but not the entropy.",
        ),
        Mistake(
            lambda p: 1 - p.square().sum(dim=1),
            "This is the Gini impurity, 1 minus the sum of the squares. The entropy has a logarithm.",
        ),
        Mistake(
            lambda p: p.exp().mul(p).sum(dim=1),
            "There is an exponential where the logarithm belongs.",
        ),
    ),
    hint="Three cases can be done by hand: a sure classifier has 0 nats, one that is torn evenly between two digits "
    "has log 2, and one that thinks all ten equally likely has log 10.",
    atol=5e-5,
)


def _examine_entropy(answer: Any) -> None:
    """Look at probabilities that are quite sure; then compare; then look for padded logarithms."""
    function = as_function(answer)
    ((p,),) = draw_trials([_probabilities_of_digits], fresh_generator())
    result = one_result(call(function, p.clone()))
    if result.shape == (len(p),) and not result[:2].isfinite().all() and result[2:].isfinite().all():
        _diagnose_infinite(p, result)
    try:
        ENTROPY.examine(answer)
    except WrongAnswerError:
        if result.shape == (len(p),) and any(torch.allclose(result, other, rtol=1e-4) for other in _padded(p)):
            raise WrongAnswerError(PADDED) from None
        raise


def _diagnose_infinite(p: Tensor, result: Tensor) -> None:
    surprises = -p[2:].double().log()
    unweighted = (surprises.sum(dim=1), surprises.mean(dim=1))
    if any(torch.allclose(result[2:].abs(), bare, rtol=1e-3) for bare in unweighted):
        raise WrongAnswerError(
            "The logarithms are added up as they are, and those of impossible digits are infinite. An entropy is an "
            "average: how much does each digit count?"
        )
    raise WrongAnswerError(
        "A classifier that is quite sure gets a NaN or an infinity. Some of its probabilities are exactly 0, and "
        "the logarithm of 0 is not finite. What should a digit with probability 0 add to the sum?"
    )


def _padded(p: Tensor) -> list[Tensor]:
    """Return entropies whose logarithms are kept finite by a number that is not small enough."""
    paddings = (1e-1, 1e-2, 1e-3, 1e-4)
    p = p.double()
    logarithms = [(p + padding).log() for padding in paddings] + [p.clamp(min=padding).log() for padding in paddings]
    return [-(p * logarithm).sum(dim=1) for logarithm in logarithms]


JUDGE_ENTROPY = Task(name="judge-entropy", points=2, examination=_examine_entropy, function=ENTROPY)
