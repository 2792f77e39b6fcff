"""What an answer must stand after it was right on the usual inputs: huge numbers, special cases, gradients."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_exercises.engine.answers import as_results, copies, fresh_generator, one_result, require_like, require_tensor
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError

NO_GRADIENT = "The values are right. But no gradient passes through them, and a network is to be trained on them."


@dataclass(frozen=True)
class Stage:
    """Inputs to try next, and what to say if the result is wrong on them.

    Attributes
    ----------
    inputs
        Draws the arguments of one call from a generator, and from sizes as those of an exercise do.
    message
        What to say of a wrong result; or a function of the result and the expected one that returns it.
    not_finite
        What to say of NaN or infinity, if not the same.
    rtol, atol
        How near the result must be.
    """

    inputs: Callable[..., tuple]
    message: str | Callable[[Tensor, Tensor], str]
    not_finite: str = ""
    rtol: float = 1e-4
    atol: float = 1e-5

    def examine(self, function: Callable, answer: Callable) -> None:
        """Raise WrongAnswerError unless `function` returns what `answer` does."""
        (args,) = draw_trials([self.inputs], fresh_generator())
        (expected,) = as_results(answer(*args))
        try:
            result = one_result(call(function, *copies(args)))
        except WrongAnswerError as error:
            raise WrongAnswerError(f"{self.not_finite} {error}".strip()) from error
        message = self.message if isinstance(self.message, str) else self.message(result, expected)
        require_like((result,), (expected,), self.not_finite or message)
        if not torch.allclose(result, expected, rtol=self.rtol, atol=self.atol):
            raise WrongAnswerError(message)


@dataclass(frozen=True)
class GradientStage:
    """Inputs at which to try the gradient of the summed result in one of the arguments.

    Attributes
    ----------
    inputs
        Draws the arguments of one call from a generator, and from sizes as those of an exercise do.
    position
        Which argument.
    message
        What to say of a wrong gradient.
    not_finite
        What to say of NaN or infinity, if not the same.
    no_gradient
        What to say if no gradient arrives.
    atol
        How near the gradient must be.
    """

    inputs: Callable[..., tuple]
    position: int
    message: str
    not_finite: str = ""
    no_gradient: str = NO_GRADIENT
    atol: float = 1e-3

    def examine(self, function: Callable, answer: Callable) -> None:
        """Raise WrongAnswerError unless `function` has the gradient of `answer`."""
        (args,) = draw_trials([self.inputs], fresh_generator())
        expected = self._gradient(answer, args)
        gradient = self._gradient(lambda *args: call(function, *args), args)
        if not gradient.isfinite().all():
            raise WrongAnswerError(self.not_finite or self.message)
        if not torch.allclose(gradient, expected, rtol=1e-5, atol=self.atol):
            raise WrongAnswerError(self.message)

    def _gradient(self, function: Callable, args: tuple) -> Tensor:
        args = list(copies(args))
        leaf = args[self.position].requires_grad_()
        with torch.enable_grad():
            args[self.position] = leaf * 1.0  # unlike a leaf, a result may be written into
        try:
            result = function(*args)
        except WrongAnswerError as error:  # NumPy, for one, takes no tensor that requires a gradient
            raise WrongAnswerError(self.no_gradient) from error
        require_tensor(result)
        if not (isinstance(result, Tensor) and result.requires_grad):
            raise WrongAnswerError(self.no_gradient)
        try:
            (gradient,) = torch.autograd.grad(result.sum(), leaf, allow_unused=True)
        except RuntimeError as error:  # something that the gradient needs was written into
            raise WrongAnswerError(self.no_gradient) from error
        if gradient is None:
            raise WrongAnswerError(self.no_gradient)
        return gradient
