"""What the models are built of: layers, starting points, and checks of what goes in."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn


class Layers(nn.Sequential):
    """Layers whose outputs have the precision of their inputs, also where autocast lowers that of the products."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(x.dtype)


def mlp(widths: Sequence[int], generator: Generator | None = None) -> Layers:
    """Linear layers from widths[0] to widths[-1], with a ReLU between two of them.

    Weights are uniform within 1 / sqrt(n_in) of zero (PyTorch's own choice for a linear layer), drawn
    from `generator`, so that one seed gives one network. Biases start at zero.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
        nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)  # U(±1 / sqrt(n_in))
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return Layers(*layers[:-1])


def start_at_mean(decoder: nn.Sequential, mean_image: Tensor, margin: float = 1e-3) -> None:
    """Set the last bias of a new `decoder` to the logits of `mean_image`, kept `margin` away from 0 and 1.

    Training then starts at the mean image and has only what differs between images left to learn. A
    decoder that must first find the mean may stop there: see the first lesson. A bias that is not
    zero any more belongs to a trained decoder and is left alone.
    """
    bias = decoder[-1].bias
    if not bias.any():
        with torch.no_grad():
            bias.copy_(torch.logit(mean_image.flatten(), eps=margin))


def positive_integers(argument: str, values: Sequence[int], length: int | None = None) -> tuple[int, ...]:
    """`values` as a tuple; ValueError, naming the argument, for what is not `length` positive whole numbers."""
    try:
        numbers = tuple(values)
    except TypeError:
        numbers = (values,)
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers)
    if not whole or (length is not None and len(numbers) != length):
        count = "" if length is None else f"{length} "
        raise ValueError(f"{argument} must be made of {count}positive whole numbers, got {values!r}")
    return numbers


def as_images(x: Tensor, image_shape: tuple[int, int]) -> Tensor:
    """x itself; ValueError for a shape other than (B, H, W)."""
    if x.shape[1:] != image_shape:
        height, width = image_shape
        raise ValueError(f"x must be images of shape (B, {height}, {width}), got {tuple(x.shape)}")
    return x


def as_codes(z: Tensor, latent_dim: int) -> Tensor:
    """z itself; ValueError for a shape other than (B, K)."""
    if z.dim() != 2 or z.shape[1] != latent_dim:
        raise ValueError(f"z must be codes of shape (B, {latent_dim}), got {tuple(z.shape)}")
    return z
