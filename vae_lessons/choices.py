"""What `fit` chooses where it is left to: device, batch, rate, precision; and how many epochs a data set needs."""

import math
import os
import time
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from vae_lessons.data import ImageData
from vae_lessons.runs import Settings

LR, BATCH_SIZE = 1.6e-2, 512  # the rate goes with the root of the batch size
SLOWER_BATCH_SIZE = 384  # on a CPU in float32: hardly slower an epoch, and an epoch fewer for the same ELBO
MIN_STEPS = 5  # in an epoch, if `fit` chooses the batch size
MNIST_IMAGES = 60_000
TRIED = (512, 784, 400)  # rows, inner, columns of a product of a hidden layer
TRIALS = 7
WORTH_IT = 1.25  # times as fast: far enough from 1 that two runs on one machine choose alike


def with_choices_made(settings: Settings, n_images: int) -> Settings:
    """`settings` with what `fit` chooses here for `n_images` training images in place of None and "auto"."""
    device, batch_size, precision = resolve_device(settings.device), settings.batch_size, settings.precision
    if precision == "auto":
        precision = "bfloat16" if device.type == "cpu" and _gains_by_bfloat16() else "float32"
    if batch_size is None:
        batch_size = SLOWER_BATCH_SIZE if (device.type, precision) == ("cpu", "float32") else BATCH_SIZE
        while batch_size > 1 and n_images < MIN_STEPS * batch_size:
            batch_size //= 2
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


@cache
def _gains_by_bfloat16() -> bool:
    """Whether this processor multiplies faster in it. One may have the instructions and still take longer."""
    has = getattr(torch.cpu, "get_capabilities", dict)()  # an older torch cannot say
    if not any(has.get(instructions, False) for instructions in ("amx_bf16", "avx512_bf16")):
        return False
    rows, inner, columns = TRIED
    left, right = torch.ones(rows, inner), torch.ones(inner, columns)
    pairs = {dtype: (left.to(dtype), right.to(dtype)) for dtype in (torch.float32, torch.bfloat16)}
    seconds = {dtype: math.inf for dtype in pairs}
    for _ in range(TRIALS):  # by turns, and the best counts: whatever else runs slows both
        for dtype, pair in pairs.items():
            seconds[dtype] = min(seconds[dtype], _seconds_of_product(*pair))
    return seconds[torch.float32] > WORTH_IT * seconds[torch.bfloat16]


def _seconds_of_product(left: Tensor, right: Tensor) -> float:
    start = time.perf_counter()
    torch.mm(left, right)
    return time.perf_counter() - start
