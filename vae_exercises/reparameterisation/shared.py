"""What several exercises on the reparameterisation trick share."""

import torch
from torch import Tensor

from vae_exercises.engine.answers import require_tensor
from vae_exercises.engine.verdict import WrongAnswerError

IMAGES = 20_000


def require_path(draws: object, parameters: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Raise WrongAnswerError unless gradients pass from draws to all parameters as they should.

    Parameters
    ----------
    parameters
        For each name, the leaf and the gradient that a draw must have in it.
    """
    require_tensor(draws)
    if not isinstance(draws, Tensor) or not draws.requires_grad:
        raise WrongAnswerError(
            "The draws themselves are right, but no gradient passes through them: the encoder would learn nothing "
            "from the reconstruction term. Where is the path cut? Look for `sample`, `detach`, `no_grad`, NumPy or "
            "`.data`."
        )
    leaves = [leaf for leaf, _ in parameters.values()]
    with torch.enable_grad():
        gradients = torch.autograd.grad(draws.sum(), leaves, allow_unused=True)
    for (name, (_, expected)), gradient in zip(parameters.items(), gradients, strict=True):
        if gradient is None or not gradient.any():
            raise WrongAnswerError(
                f"A gradient passes, but none of it arrives at `{name}`: on the way from there to the draw something "
                "is cut off."
            )
        near = torch.isclose(gradient.double(), expected.double(), rtol=1e-3, atol=1e-4) | ~expected.isfinite()
        if not near.all():
            raise WrongAnswerError(
                f"The draws are right, but their gradient in `{name}` is not: with the noise held fixed, a draw does "
                "not move as your gradient says. Which part of the path is cut, or counted twice?"
            )
