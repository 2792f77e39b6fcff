"""What the models are built of: layers, starting points, and checks of what goes in."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.arguments import check_generator, check_rows, is_whole
from vae_lessons.products import linear


class Linear(nn.Linear):
    """PyTorch's, whose product the quicker of two libraries computes."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in) to (B, n_out)."""
        return linear(x, self.weight, self.bias)


class Layers(nn.Sequential):
    """Layers whose outputs have the precision of their inputs, also where autocast lowers that of the products."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).to(x.dtype)


def mlp(widths: Sequence[int], generator: Generator | None = None) -> Layers:
    """Linear layers from widths[0] to widths[-1], with a ReLU between two of them.

    Weights are uniform within 1 / sqrt(n_in) of zero (PyTorch's own choice for a linear layer), drawn
    from `generator`, so that one seed gives one network. Biases start at zero. TypeError for no generator.
    """
    check_generator(generator)
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layer = nn.utils.skip_init(Linear, n_in, n_out)
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
    whole = all(is_whole(n) and n > 0 for n in numbers)
    if not whole or (length is not None and len(numbers) != length):
        count = "" if length is None else f"{length} "
        hint = ": take the .item() of a tensor" if any(isinstance(n, Tensor) for n in numbers) else ""
        raise ValueError(f"{argument} must be made of {count}positive whole numbers, got {values!r}{hint}")
    return tuple(map(int, numbers))


def as_images(x: Tensor, image_shape: tuple[int, int], network: nn.Module) -> Tensor:
    """x itself; TypeError for no tensor, ValueError for a shape other than (B, H, W) or not the `network`'s dtype."""
    check_rows("x", x, "images", image_shape, _dtype(network))
    return x


def as_codes(z: Tensor, latent_dim: int, network: nn.Module) -> Tensor:
    """z itself; TypeError for no tensor, ValueError for a shape other than (B, K) or not the `network`'s dtype."""
    if isinstance(z, tuple):
        raise TypeError(
            "z must be a tensor of codes, got a tuple, as a VAE's `encode` gives: use `code(x)`, or draw z with "
            "`reparameterise(mu, logvar)`"
        )
    check_rows("z", z, "codes", (latent_dim,), _dtype(network))
    return z


def _dtype(network: nn.Module) -> torch.dtype:
    first = network[0]
    # Which is nearly always a layer of weights; a search through all parameters would show in a training step.
    return first.weight.dtype if isinstance(first, nn.Linear) else next(network.parameters()).dtype
