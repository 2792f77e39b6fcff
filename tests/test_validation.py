"""Checks of arguments: what they accept, and the messages for everything else."""

import math
import re

import numpy as np
import pytest
import torch

from vae_lessons import VAE, Autoencoder, Bernoulli, Classifier, ContinuousBernoulli, Gaussian, elbo
from vae_lessons.evaluation import metrics
from vae_lessons.evaluation.clusters import count_clusters
from vae_lessons.evaluation.report import usable_sigma
from vae_lessons.inference import iwae_bound, log_evidence_quadrature, posterior_quadrature
from vae_lessons.models import LinearGaussian
from vae_lessons.probability import gaussian
from vae_lessons.probability.gradient_estimators import pathwise, score_function
from vae_lessons.validation import check_int, check_positive, first_row


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8])
def test_any_integer_type_is_accepted(kind):
    result = check_int("n", kind(3), maximum=3)
    assert (result, type(result)) == (3, int)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.int64])
def test_any_positive_number_type_is_accepted(kind):
    result = check_positive("sigma", kind(2))
    assert (result, type(result)) == (2, float)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2.5, "n must be a whole number, got 2.5"),
        (3.0, "n must be a whole number, got 3.0"),
        ("3", "n must be a whole number, got '3'"),
        (True, "n must be a whole number, got True"),
        (torch.tensor(3), "n must be a whole number, got 3: take its .item()"),
        (torch.arange(5), "n must be a whole number, got a tensor of shape (5,)"),
        (0, "n must be from 1 to 4, got 0"),
        (5, "n must be from 1 to 4, got 5"),
    ],
    ids=repr,
)
def test_invalid_integer_is_named(value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_int("n", value, maximum=4)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "wide", None, True], ids=repr)
def test_non_positive_number_is_named(value):
    with pytest.raises(ValueError, match=f"^sigma must be a positive number, got {value!r}$"):
        check_positive("sigma", value)


def test_tensor_instead_of_number_suggests_item():
    with pytest.raises(ValueError, match=r"sigma must be a positive number, got 0\.5: take its \.item\(\)"):
        check_positive("sigma", torch.tensor(0.5))


@pytest.mark.parametrize(
    ("mask", "row"),
    [([False, True, True], 1), ([[False, False], [False, True]], 1), ([[[True]], [[True]]], 0)],
    ids=repr,
)
def test_first_row_is_found_for_any_shape(mask, row):
    assert first_row(torch.tensor(mask)) == row


SEED = torch.Generator().manual_seed(0)
X, Z, LABELS = torch.rand(40, 8, 8, generator=SEED), torch.randn(40, 2, generator=SEED), torch.arange(40) % 4
COV = torch.eye(2).repeat(40, 1, 1)
AE, BCE_VAE = Autoencoder((8, 8), 2, (8,), SEED), VAE((8, 8), 2, (8,), likelihood=Bernoulli(), generator=SEED)
CLASSIFIER, PCA = Classifier((8, 8), 4, (8,), SEED), LinearGaussian(torch.rand(64, 2), torch.rand(8, 8), 0.5)
DOORS = {  # each with arguments that it takes
    "Autoencoder": (AE, X),
    "Autoencoder.decode": (AE.decode, Z),
    "VAE": (BCE_VAE, X),
    "VAE.encode": (BCE_VAE.encode, X),
    "VAE.decode": (BCE_VAE.decode, Z),
    "VAE.log_likelihood": (BCE_VAE.log_likelihood, X, Z),
    "Classifier": (CLASSIFIER, X),
    "LinearGaussian.fit": (lambda x: LinearGaussian.fit(x, 2), X),
    "LinearGaussian.decode": (PCA.decode, Z),
    "LinearGaussian.log_likelihood": (PCA.log_likelihood, X, Z),
    "LinearGaussian.posterior": (PCA.posterior, X),
    "LinearGaussian.elbo": (PCA.elbo, X, Z, Z),
    "elbo": (lambda x: elbo(BCE_VAE, x), X),
    "iwae_bound": (lambda x: iwae_bound(BCE_VAE, x, 2), X),
    "log_evidence_quadrature": (lambda x: log_evidence_quadrature(BCE_VAE, x), X[:2]),
    "posterior_quadrature": (lambda x: posterior_quadrature(BCE_VAE, x), X[:2]),
    "kl_to_standard_normal": (gaussian.kl_to_standard_normal, Z, Z),
    "kl_gaussians": (gaussian.kl_gaussians, Z, COV, Z, COV),
    "log_prob": (gaussian.log_prob, Z, Z, Z),
    "reparameterise": (gaussian.reparameterise, Z, Z),
    "pathwise": (lambda mu, logvar: pathwise(lambda z: z.sum(dim=1), mu, logvar, 2), Z, Z),
    "score_function": (lambda mu, logvar: score_function(lambda z: z.sum(dim=1), mu, logvar, 2), Z, Z),
    "Gaussian": (Gaussian().log_prob, X, X),
    "Bernoulli": (Bernoulli().log_prob, X, X),
    "ContinuousBernoulli": (ContinuousBernoulli().log_prob, X, X),
    "knn_accuracy": (lambda codes, test: metrics.knn_accuracy(codes, LABELS, test, LABELS, 3), Z, Z),
    "class_distance_correlation": (lambda z, x: metrics.class_distance_correlation(z, x, LABELS), Z, X),
    "nearest_distance": (metrics.nearest_distance, X, X),
    "off_manifold": (metrics.off_manifold, X, X, X),
    "active_units": (metrics.active_units, Z),
    "count_clusters": (count_clusters, Z),
    "usable_sigma": (usable_sigma, X),
}
DOORS_AND_ARGUMENTS = [
    pytest.param(door, arguments, i, id=f"{name} {i}")
    for name, (door, *arguments) in DOORS.items()
    for i in range(len(arguments))
]


@pytest.mark.parametrize(("door", "arguments", "i"), DOORS_AND_ARGUMENTS)
def test_every_door_says_what_to_do_with_bytes_and_arrays(door, arguments, i):
    door(*arguments)
    own = arguments[i]
    for wrong, remedy in (
        ((255 * own).clamp(0, 255).to(torch.uint8), r"got .*torch\.uint8.*: use \w+(\.to\(torch\.float\d+\))? / 255, "),
        (own.long(), r"got .*torch\.int64.*: use \w+\.(to\(torch\.)?float"),
        (own.numpy(), "must be a tensor, got ndarray: use torch.as_tensor"),
        (own.tolist(), "must be a tensor, got list: use torch.as_tensor"),
    ):
        with pytest.raises((ValueError, TypeError), match=remedy):
            door(*arguments[:i], wrong, *arguments[i + 1 :])


@pytest.mark.parametrize(("door", "arguments", "i"), DOORS_AND_ARGUMENTS)
def test_every_door_takes_float64_beside_float32_or_says_what_to_do(door, arguments, i):
    try:
        door(*arguments[:i], arguments[i].double(), *arguments[i + 1 :])
    except ValueError as error:
        assert re.search(r"got .*torch\.float64.*: use \w+\.to\(", str(error))  # noqa: PT017
