"""The data sets: images with the classes they belong to."""

from vae_lessons.data.downloads import DataError, NotOnDiskError
from vae_lessons.data.images import EmbeddedDigitsWarning, ImageData, course_root, data_root, load_images

__all__ = [
    "DataError",
    "EmbeddedDigitsWarning",
    "ImageData",
    "NotOnDiskError",
    "course_root",
    "data_root",
    "load_images",
]
