"""The data sets: images with the classes they belong to or the factors they are made from, graphs, any tensors."""

from vae_lessons.data.dataset import Dataset, TensorData
from vae_lessons.data.downloads import DataError, NotOnDiskError
from vae_lessons.data.graphs import Graph, LinkData, block_graph, karate_club, load_cora, neighbour_graph
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
    "Graph",
    "ImageData",
    "LinearGaussianSimulator",
    "LinkData",
    "NotOnDiskError",
    "ShapeData",
    "Simulator",
    "TensorData",
    "TwoMoons",
    "block_graph",
    "course_root",
    "data_root",
    "karate_club",
    "load_cora",
    "load_images",
    "load_shapes",
    "neighbour_graph",
    "simulations",
]
