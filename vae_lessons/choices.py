"""What `fit` chooses where it is left to: device, batch, rate, precision; and how many epochs a data set needs."""

import math
import os
from dataclasses import replace

import torch

from vae_lessons.data import ImageData
from vae_lessons.products import gains_by_bfloat16
from vae_lessons.runs import Settings

LR, BATCH_SIZE = 1.6e-2, 512  # the rate goes with the root of the batch size
SLOWER_BATCH_SIZE = 384  # on a CPU in float32: hardly slower an epoch, and an epoch fewer for the same ELBO
MIN_STEPS = 5  # in an epoch, if `fit` chooses the batch size
MNIST_IMAGES = 60_000


def with_choices_made(settings: Settings, n_images: int) -> Settings:
    """`settings` with what `fit` chooses here for `n_images` training images in place of None and "auto"."""
    device, batch_size, precision = resolve_device(settings.device), settings.batch_size, settings.precision
    if precision == "auto":
        precision = "bfloat16" if device.type == "cpu" and gains_by_bfloat16() else "float32"
    if batch_size is None:
        batch_size = SLOWER_BATCH_SIZE if (device.type, precision) == ("cpu", "float32") else BATCH_SIZE
        while batch_size > 1 and n_images < MIN_STEPS * batch_size:
            batch_size //= 2
    batch_size = min(batch_size, n_images)  # all at once, whatever larger number says so
    lr = LR * math.sqrt(batch_size / BATCH_SIZE) if settings.lr is None else settings.lr
    return replace(settings, batch_size=batch_size, lr=lr, device=str(device), precision=precision)


def mnist_epochs(data: ImageData, epochs: int) -> int:
    """`epochs` for MNIST, more for a smaller data set, whose epochs have fewer steps; 2 in fast mode.

    At most twenty times more. Fast mode ($VAE_LESSONS_FAST) is for checking that a lesson runs, not
    for what it finds.
    """
    if os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0"):
        return 2
    return round(epochs * min(20, max(1, MNIST_IMAGES / len(data.train))))


def resolve_device(device: str) -> torch.device:
    """The device that a name means here; "auto" is an accelerator if there is one, else the CPU."""
    here = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device == "auto":
        return here or torch.device("cpu")
    try:
        named = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'mps', got {device!r}") from error
    if named.type not in ("cpu", getattr(here, "type", "cpu")):
        raise ValueError(f"device {device!r} is not on this machine; 'auto' takes {here or 'cpu'}")
    return named
