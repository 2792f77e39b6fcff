"""What several exercises of lesson 5 need."""

import torch
from torch import Tensor

from vae_exercises.engine.answers import packed

IMAGES = 20_000
TOO_FAR = 5.0  # standard errors


def wrong_path(drawn: object, parameters: dict[str, tuple[Tensor, Tensor]]) -> str | None:
    """parameters : of each name, the leaf, and the slope that a draw must have in it."""
    if packed(drawn):
        return packed(drawn)
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
