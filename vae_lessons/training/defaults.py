"""What `fit` chooses by itself: device, precision, batch size and learning rate; and epochs for small data."""

import math
import os
from dataclasses import replace

import torch

from vae_lessons.data import Dataset
from vae_lessons.training.settings import Settings

LR, BATCH_SIZE = 1.6e-2, 512  # chosen on held-out MNIST; the rate scales with the root of the batch size
CPU_BATCH_SIZE = 384  # in float32 on a CPU: hardly slower an epoch, and an epoch fewer for the same ELBO
MIN_STEPS = 5  # per epoch, when the batch size is chosen here
MNIST_SIZE = 60_000


def resolve(settings: Settings, n_rows: int, whole: bool = False) -> Settings:
    """Replace None and "auto" by what suits this machine and `n_rows` training rows, or data taken `whole`."""
    device, batch_size, precision = resolve_device(settings.device), settings.batch_size, settings.precision
    if precision == "auto":
        precision = "bfloat16" if device.type == "cpu" and has_amx() else "float32"
    if whole:
        if batch_size is not None:
            raise ValueError(f"batch_size must be left out for data that are taken whole, got {batch_size}")
        lr = LR if settings.lr is None else settings.lr
        return replace(settings, batch_size=n_rows, lr=lr, device=str(device), precision=precision)
    if batch_size is None:
        batch_size = CPU_BATCH_SIZE if (device.type, precision) == ("cpu", "float32") else BATCH_SIZE
        while batch_size > 1 and n_rows < MIN_STEPS * batch_size:
            batch_size //= 2
    batch_size = min(batch_size, n_rows)
    lr = LR * math.sqrt(batch_size / BATCH_SIZE) if settings.lr is None else settings.lr
    return replace(settings, batch_size=batch_size, lr=lr, device=str(device), precision=precision)


def has_amx() -> bool:
    """Whether this processor has matrix units for bfloat16; with vector instructions alone it may be no faster."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot say
    return torch.backends.mkldnn.is_available() and bool(capabilities.get("amx_bf16"))


def resolve_device(device: str) -> torch.device:
    """Give the device that a name means here; "auto" is an accelerator if there is one, else the CPU."""
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


def mnist_epochs(data: Dataset, epochs: int) -> int:
    """Scale `epochs` for MNIST to a smaller data set, whose epochs have fewer steps: at most twenty times more.

    In fast mode ($VAE_LESSONS_FAST), which checks that a lesson runs and not what it finds, it is 2.
    """
    if os.environ.get("VAE_LESSONS_FAST", "") not in ("", "0"):
        return 2
    return round(epochs * min(20, max(1, MNIST_SIZE / len(data.columns("train")[0]))))
