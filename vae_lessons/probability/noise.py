"""Where noise is drawn: beside its generator, so that one seed gives the same noise on every device."""

from collections.abc import Callable, Sequence

from torch import Generator, Tensor

from vae_lessons.validation import check_generator


def noise(draw: Callable[..., Tensor], shape: Sequence[int], like: Tensor, generator: Generator | None) -> Tensor:
    """Draw noise of a shape, in the dtype of `like`, where the generator is, and bring it to the device of `like`.

    `draw` is `torch.randn` or `torch.rand`; without a generator it draws from PyTorch's own on the device of `like`.
    Raises TypeError for what is neither a generator nor None.
    """
    check_generator(generator)
    device = like.device if generator is None else generator.device
    return draw(shape, generator=generator, dtype=like.dtype, device=device).to(like.device)


def beside(generator: Generator | None, probabilities: Tensor) -> Tensor:
    """Bring probabilities to their generator, for a draw that comes out there; TypeError as for `noise`."""
    check_generator(generator)
    return probabilities if generator is None else probabilities.to(generator.device)
