"""Images and other numbers on their way to the browser. `images.js` reads what is written here."""

import base64
import io
import itertools
import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae_lessons.data import ImageData

GREY_LEVELS = 16  # 4 bits


def check_data(data: ImageData) -> None:
    """Raise TypeError unless data is an ImageData."""
    if not isinstance(data, ImageData):
        raise TypeError(f"data must be an ImageData, such as load_images() gives, got {type(data).__name__}")


def classes_in_turn(labels: Tensor) -> list[int]:
    """Return all indices of labels (M,): the first of each class, then the second of each, and so on."""
    by_class = [(labels == label).nonzero()[:, 0].tolist() for label in labels.unique()]
    return [i for turn in itertools.zip_longest(*by_class) for i in turn if i is not None]


def sprite_sheet(images: Tensor) -> dict[str, Any]:
    """Join images into one PNG for the page, ink on transparent, from left to right and top to bottom.

    They are thumbnails in 16 levels of grey; `to_bytes` is for networks.

    Parameters
    ----------
    images : Tensor
        (M, H, W), in [0, 1].

    Returns
    -------
    dict
        "image" is a data URI, "columns" how many images a row has, "shape" is [H, W].
    """
    count, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = torch.zeros(rows * columns, height, width)
    sheet[:count] = images.detach().cpu()
    sheet = sheet.view(rows, columns, height, width).transpose(1, 2).reshape(rows * height, columns * width)
    levels = np.rint(sheet.numpy() * (GREY_LEVELS - 1)).astype(np.uint8)
    picture, png = Image.fromarray(levels, mode="P"), io.BytesIO()
    picture.putpalette([0] * 3 * GREY_LEVELS)
    opacities = bytes(round(255 * level / (GREY_LEVELS - 1)) for level in range(GREY_LEVELS))
    picture.save(png, format="png", transparency=opacities, bits=4, optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
    return {"image": uri, "columns": columns, "shape": [height, width]}


def pack_floats(values: Tensor) -> str:
    """Write numbers of any shape as float32 in base64, row by row."""
    return base64.b64encode(values.detach().cpu().numpy().astype("<f4").tobytes()).decode("ascii")


def to_bytes(images: Tensor) -> str:
    """Write images in [0, 1], of any shape, as base64 of one byte a pixel."""
    levels = (images.detach().cpu() * 255).round().to(torch.uint8)
    return base64.b64encode(levels.numpy().tobytes()).decode("ascii")


def from_bytes(text: str, shape: tuple[int, ...]) -> Tensor:
    """Read the images of `to_bytes`, float32. ValueError unless the text is base64 of one byte for each pixel."""
    content = base64.b64decode(text, validate=True)
    if len(content) != math.prod(shape):
        raise ValueError(f"text must be base64 of {math.prod(shape)} bytes, got {len(content)} bytes")
    return (torch.frombuffer(bytearray(content), dtype=torch.uint8).to(torch.float32) / 255).reshape(shape)
