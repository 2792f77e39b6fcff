"""Image shapes, images and random architectures for the tests of models."""

import torch
from hypothesis import given
from hypothesis import strategies as st

SHAPE = (4, 5)  # of an image

architectures = given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    latent_dim=st.integers(1, 4),
    hidden=st.lists(st.integers(1, 8), max_size=3),
    batch=st.integers(1, 5),
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 3, seed: int = 1) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=seeded(seed), dtype=torch.float64)
