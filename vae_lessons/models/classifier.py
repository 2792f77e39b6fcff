"""A classifier that judges images without ever seeing a code."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from vae_lessons.models.layers import as_images, mlp, positive_ints, run_network


class Classifier(nn.Module):
    """A multilayer perceptron from images to class probabilities, trained on the cross-entropy.

    Parameters
    ----------
    image_shape : (H, W)
        Height and width in pixels.
    n_classes : int
        C, the number of classes.
    hidden : sequence of int
        Widths of the hidden layers.
    generator : Generator, optional
        Source of the starting weights; PyTorch's own by default.

    Raises
    ------
    ValueError, TypeError
        As for `Autoencoder`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int = 10,
        hidden: Sequence[int] = (256,),
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_ints("image_shape", image_shape, length=2)
        (self.n_classes,) = positive_ints("n_classes", [n_classes])
        self.hidden = positive_ints("hidden", hidden)
        self.network = mlp([math.prod(self.image_shape), *self.hidden, self.n_classes], generator)

    def forward(self, x: Tensor) -> Tensor:
        """Compute unnormalised log-probabilities (B, C) of images (B, H, W)."""
        x = as_images(x, self.image_shape, self)
        return run_network("network", self.network, x.flatten(1), self.n_classes)

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """Compute class probabilities (B, C) of images (B, H, W); each row adds up to 1."""
        return self(x).softmax(dim=1)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Compute the cross-entropy -log p(label | x) in nats, one value per image: (B,)."""
        return cross_entropy(self(x), labels, reduction="none")
