"""Figures as WebP without loss: the same pixels as in the PNG, in half the bytes. A click still leads to the PNG."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

SHOWN_PNG = re.compile(r'(?<= src=")([^"]*\b_images/[^"]+)\.png(?=")')


def show_webp(page: str) -> str:
    """The page with the WebP of each PNG in its place."""
    return SHOWN_PNG.sub(r"\1.webp", page)


def write_webp(images: Path) -> None:
    """Put a WebP beside each PNG of the written site that has none; a PNG's name is made of what is in it."""
    new = [file for file in images.glob("*.png") if not file.with_suffix(".webp").exists()]
    with ThreadPoolExecutor() as pool:  # Pillow lets others run while it packs
        list(pool.map(_write_webp_of, new))


def _write_webp_of(file: Path) -> None:
    with Image.open(file) as image:
        image.save(file.with_suffix(".webp"), lossless=True)
