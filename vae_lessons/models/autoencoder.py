"""The autoencoder: an encoder and a decoder, trained on the squared error."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from vae_lessons.models.layers import as_codes, as_images, mlp, positive_ints, run_network, start_at_mean

HIDDEN = (256, 128)


class Autoencoder(nn.Module):
    """x -> z = encode(x) -> x_hat = decode(z), trained on the squared error ||x - x_hat||².

    The code z is linear in the last hidden layer, and the reconstruction passes through a sigmoid, because pixels lie
    in [0, 1]. `encoder` and `decoder` can be set to any networks from (B, H * W) to (B, K) and back. Source: Hinton and
    Salakhutdinov (2006).

    Parameters
    ----------
    image_shape : (H, W)
        Height and width in pixels.
    latent_dim : int
        K, how many numbers a code has.
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError
        For a shape, dimension or width that is not made of positive whole numbers, and, in `encode` and `decode`, for
        tensors and networks that do not fit.
    TypeError
        For what is not a generator and, in `encode` and `decode`, for what is not a tensor.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_ints("image_shape", image_shape, length=2)
        (self.latent_dim,) = positive_ints("latent_dim", [latent_dim])
        self.hidden = positive_ints("hidden", hidden)
        n_pixels = math.prod(self.image_shape)
        self.encoder = mlp([n_pixels, *self.hidden, self.latent_dim], generator)
        self.decoder = mlp([self.latent_dim, *reversed(self.hidden), n_pixels], generator)

    def encode(self, x: Tensor) -> Tensor:
        """Encode images (B, H, W) as codes (B, K)."""
        x = as_images(x, self.image_shape, self)
        return run_network("encoder", self.encoder, x.flatten(1), self.latent_dim)  # (B, D) -> (B, K)

    def code(self, x: Tensor) -> Tensor:
        """Give the one code (B, K) that stands for each image (B, H, W)."""
        return self.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (B, K) to images (B, H, W) in [0, 1]."""
        z = as_codes(z, self.latent_dim, self)
        logits = run_network("decoder", self.decoder, z, math.prod(self.image_shape))  # (B, K) -> (B, D)
        return torch.sigmoid(logits).unflatten(1, self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images (B, H, W)."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor) -> Tensor:
        """Compute the squared error of each image, summed over pixels: (B, H, W) to (B,)."""
        return (x - self(x)).square().sum(dim=(1, 2))

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let an untrained decoder start at `mean_image`, (H, W)."""
        start_at_mean(self.decoder, mean_image)
