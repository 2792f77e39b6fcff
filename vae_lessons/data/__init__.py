"""The data sets: images with the classes they belong to or the factors they are made from, and any other tensors."""

from vae_lessons.data.dataset import Dataset, TensorData
from vae_lessons.data.downloads import DataError, NotOnDiskError
from vae_lessons.data.images import EmbeddedDigitsWarning, ImageData, course_root, data_root, load_images
from vae_lessons.data.shapes import ShapeData, load_shapes
from vae_lessons.data.simulators import (
    DampedOscillator,
    LinearGaussianSimulator,
    Simulator,
    TwoMoons,
    simulations,
)

__all__ = [
    "DampedOscillator",
    "DataError",
    "Dataset",
    "EmbeddedDigitsWarning",
    "ImageData",
    "LinearGaussianSimulator",
    "NotOnDiskError",
    "ShapeData",
    "Simulator",
    "TensorData",
    "TwoMoons",
    "course_root",
    "data_root",
    "load_images",
    "load_shapes",
    "simulations",
]
