"""Small models for the tests of training."""

import torch
from torch import nn

from vae_lessons import Autoencoder, ImageData


def autoencoder(data: ImageData, seed: int = 0) -> Autoencoder:
    return Autoencoder(data.image_shape, 2, (32,), torch.Generator().manual_seed(seed))


class OneNumber(nn.Module):
    """A model with the loss (x - a)² of one parameter, whose minimum is the mean."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(()))

    def loss(self, x):
        return (x.mean(dim=(1, 2)) - self.a).square()
