"""The data sets: images with the classes they belong to, and any other tensors."""

from vae_lessons.data.dataset import Dataset, TensorData
from vae_lessons.data.downloads import DataError, NotOnDiskError
from vae_lessons.data.images import EmbeddedDigitsWarning, ImageData, course_root, data_root, load_images

__all__ = [
    "DataError",
    "Dataset",
    "EmbeddedDigitsWarning",
    "ImageData",
    "NotOnDiskError",
    "TensorData",
    "course_root",
    "data_root",
    "load_images",
]
