"""What the models are built of: multilayer perceptrons, and checks of what goes into them."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.validation import check_generator, check_rows, is_int


def mlp(widths: Sequence[int], generator: Generator | None = None) -> nn.Sequential:
    """Build linear layers with a ReLU between two of them, from (B, widths[0]) to (B, widths[-1]).

    Weights are uniform in ±1 / sqrt(n_in), PyTorch's own choice for a linear layer, and drawn from `generator`, so that
    one seed gives one network. Biases start at zero.

    Parameters
    ----------
    widths : sequence of int
        n_in, hidden widths, n_out.
    generator : Generator, optional
        Source of the weights; PyTorch's own by default. TypeError for what is not a generator.
    """
    check_generator(generator)
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # PyTorch's own start takes no generator
        nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)  # U(±1 / sqrt(n_in))
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def run_network(name: str, network: nn.Module, inputs: Tensor, n_outputs: int) -> Tensor:
    """Map inputs (B, n_in) to outputs (B, n_out) of the same dtype by any network.

    Raises ValueError for other outputs; `name` is what the error calls the network.
    """
    outputs = network(inputs)
    got = tuple(outputs.shape) if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
    if got != (len(inputs), n_outputs):
        raise ValueError(
            f"{name} must map {tuple(inputs.shape)} to {(len(inputs), n_outputs)}, got {got}: its last layer decides; "
            "a convolution needs a Flatten after it, and a recurrent layer a module that returns its outputs alone"
        )
    return outputs.to(inputs.dtype)  # autocast computes in bfloat16; the losses that follow need the inputs' precision


def start_at_mean(decoder: nn.Module, mean_image: Tensor, margin: float = 1e-3) -> None:
    """Set the last bias of an untrained `decoder` to the logits of `mean_image`.

    Training then starts at the mean image and has only the differences between images left to learn. A decoder that
    must first find the mean may stop there: see the first lesson. A bias that is not zero belongs to a trained decoder
    and is left alone, as are a frozen one and a decoder that is not a `Sequential` with a linear layer for its end. The
    mean, (H, W) with pixels in [0, 1], is kept by `margin` from 0 and 1, where logits are infinite. ValueError for a
    mean further out.
    """
    last_layer = decoder
    while isinstance(last_layer, nn.Sequential) and len(last_layer):  # other modules need not use their layers in order
        *_, last_layer = last_layer
    bias = last_layer.bias if isinstance(last_layer, nn.Linear) else None
    if bias is not None and bias.requires_grad and bias.numel() == mean_image.numel() and not bias.any():
        low, high = (float(end) for end in mean_image.aminmax())
        if low < -margin or high > 1 + margin:
            fix = "divide bytes by 255, scale a table's columns; start_at_mean=False if your likelihood takes any mean"
            raise ValueError(f"the mean of the data must lie in [0, 1], got values from {low:.3g} to {high:.3g}: {fix}")
        with torch.no_grad():
            bias.copy_(torch.logit(mean_image.flatten(), eps=margin))


def positive_ints(argument: str, values: Sequence[int], length: int | None = None) -> tuple[int, ...]:
    """Return `values` as a tuple of ints; ValueError for what is not `length` positive whole numbers."""
    try:
        numbers = tuple(values)
    except TypeError:
        numbers = (values,)
    valid = all(is_int(n) and n > 0 for n in numbers)
    if not valid or (length is not None and len(numbers) != length):
        count = "" if length is None else f"{length} "
        hint = ": take the .item() of a tensor" if any(isinstance(n, Tensor) for n in numbers) else ""
        if valid and (length, len(numbers)) == (2, 3):
            hint = ": for colour, (C * H, W) and images x.flatten(1, 2)"
        raise ValueError(f"{argument} must be made of {count}positive whole numbers, got {values!r}{hint}")
    return tuple(map(int, numbers))


def as_images(x: Tensor, image_shape: tuple[int, int], model: nn.Module) -> Tensor:
    """Return x; ValueError for a shape other than (B, H, W) or a dtype other than the model's."""
    check_rows("x", x, "images", image_shape, _dtype(model, x))
    return x


def as_codes(z: Tensor, latent_dim: int, model: nn.Module) -> Tensor:
    """Return z; ValueError for a shape other than (B, K) or a dtype other than the model's."""
    if isinstance(z, tuple):
        raise TypeError(
            "z must be a tensor of codes, got a tuple, as a VAE's `encode` gives: use `code(x)`, or draw z with "
            "`reparameterise(mu, logvar)`"
        )
    check_rows("z", z, "codes", (latent_dim,), _dtype(model, z))
    return z


def _dtype(model: nn.Module, value: Tensor) -> torch.dtype | None:
    return getattr(next(model.parameters(), value), "dtype", None)  # without parameters, any dtype fits
