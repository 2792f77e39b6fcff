"""The exercise "can the score tell them apart?"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _scores(generator: Generator, n_test: int, n_strange: int) -> tuple[Tensor, Tensor]:
    test = torch.randint(-12, 4, (n_test + 3,), generator=generator).float()
    strange = torch.randint(-7, 9, (n_strange + 3,), generator=generator).float()
    return torch.cat([test, torch.zeros(2)]), torch.cat([strange, torch.zeros(1)])  # so that there are ties


def _higher(test: Tensor, strange: Tensor, tie: float = 0.5) -> Tensor:
    difference = test.double()[:, None] - strange.double()
    return ((difference > 0).double() + tie * (difference == 0)).mean()


STRANGE = Function(
    name="strange-images",
    points=2,
    inputs=_scores,
    answer=_higher,
    mistakes=(
        Mistake(
            lambda test, strange: _higher(strange, test),
            "This is the share of pairs in which the strange image scores higher: the other way round.",
        ),
        Mistake(
            lambda test, strange: _higher(test, strange, tie=0),
            "A tie counts as lost in yours. It says nothing either way, so count it as one half.",
        ),
        Mistake(
            lambda test, strange: _higher(test, strange, tie=1),
            "A tie counts as won in yours. It says nothing either way, so count it as one half.",
        ),
        Mistake(
            lambda test, strange: (test.double() > strange.double().mean()).double().mean(),
            "Each test image is compared with the average of the strange ones. Compare it with each of them.",
        ),
        Mistake(
            lambda test, strange: _higher(test[: len(strange)], strange[: len(test)]),
            "Some images are left out. Compare all of the one kind with all of the other, however many there are.",
        ),
        Mistake(
            lambda test, strange: _higher(test, strange) * len(test) * len(strange),
            "This is the number of pairs. Divide by how many pairs there are.",
        ),
    ),
    hint="If every test image scores higher than every strange one, the result must be 1. With the same scores twice "
    "it must be 1/2.",
    remark="It is known as the area under the ROC curve. At 1/2 the score says nothing. Below 1/2 it is the strange "
    "images that the model finds more probable.",
)
