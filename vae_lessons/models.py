"""The networks: an encoder, a decoder, and the models made of them.

Every model has `loss`, which gives one value per image; `fit` averages it.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

HIDDEN = (512, 256)


class Autoencoder(nn.Module):
    """x -> z = encode(x) -> x_hat = decode(z), trained on the squared error.

    The code z is linear in the last hidden layer (no squashing), and the reconstruction passes
    through a sigmoid, because pixels lie in [0, 1].

    Parameters
    ----------
    image_shape : (H, W) in pixels
    latent_dim : K, how many numbers a code has
    hidden : widths of the encoder's hidden layers; the decoder has them in reverse
    generator : where the starting weights come from; a seeded one makes them the same each time

    Raises
    ------
    ValueError : for a shape, dimension or width that is not made of positive whole numbers, and,
        in `encode` and `decode`, for tensors that do not fit.

    Source: Hinton and Salakhutdinov (2006).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = _positive_integers("image_shape", image_shape, length=2)
        (self.latent_dim,) = _positive_integers("latent_dim", [latent_dim])
        self.hidden = _positive_integers("hidden", hidden)
        n_pixels = math.prod(self.image_shape)
        self.encoder = mlp([n_pixels, *self.hidden, self.latent_dim], generator)
        self.decoder = mlp([self.latent_dim, *reversed(self.hidden), n_pixels], generator)

    def encode(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to codes (B, K)."""
        return self.encoder(_images(x, self.image_shape).flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, K) to images (B, H, W) in [0, 1]."""
        logits = self.decoder(_codes(z, self.latent_dim))  # (B, D)
        return torch.sigmoid(logits).unflatten(1, self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to their reconstructions (B, H, W)."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor) -> Tensor:
        """Squared error ||x - x_hat||^2 of each image, summed over pixels: (B, H, W) to (B,)."""
        return (x - self(x)).square().sum(dim=(1, 2))

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let a new decoder start at `mean_image`, (H, W); a trained one stays as it is."""
        start_at_mean(self.decoder, mean_image)


class Classifier(nn.Module):
    """An independent reader of digits: image to class probabilities. It never sees a code.

    Parameters are as for `Autoencoder`; `n_classes` is the number of classes.
    """

    uses_labels = True  # `fit` hands its loss the labels too

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int = 10,
        hidden: Sequence[int] = (256,),
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = _positive_integers("image_shape", image_shape, length=2)
        (self.n_classes,) = _positive_integers("n_classes", [n_classes])
        self.hidden = _positive_integers("hidden", hidden)
        self.network = mlp([math.prod(self.image_shape), *self.hidden, self.n_classes], generator)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to unnormalised log-probabilities (B, C)."""
        return self.network(_images(x, self.image_shape).flatten(1))

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to class probabilities (B, C), each row adding up to 1."""
        return self(x).softmax(dim=1)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy -log p(label | x) in nats, one value per image: (B,)."""
        return cross_entropy(self(x), labels, reduction="none")


def mlp(widths: Sequence[int], generator: Generator | None = None) -> nn.Sequential:
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
    return nn.Sequential(*layers[:-1])


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


def _positive_integers(argument: str, values: Sequence[int], length: int | None = None) -> tuple[int, ...]:
    try:
        numbers = tuple(values)
    except TypeError:
        numbers = (values,)
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers)
    if not whole or (length is not None and len(numbers) != length):
        count = "" if length is None else f"{length} "
        raise ValueError(f"{argument} must be made of {count}positive whole numbers, got {values!r}")
    return numbers


def _images(x: Tensor, image_shape: tuple[int, int]) -> Tensor:
    if x.shape[1:] != image_shape or x.dim() != 3:
        height, width = image_shape
        raise ValueError(f"x must be images of shape (B, {height}, {width}), got {tuple(x.shape)}")
    return x


def _codes(z: Tensor, latent_dim: int) -> Tensor:
    if z.dim() != 2 or z.shape[1] != latent_dim:
        raise ValueError(f"z must be codes of shape (B, {latent_dim}), got {tuple(z.shape)}")
    return z
