"""Equations of the conditional VAE: in models with finitely many images, codes and classes, all averages are sums."""

import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from scipy.stats import entropy

from equations import equation

CODES, IMAGES, CLASSES = 4, 12, 10


def table(generator, *shape):
    """Draw a distribution over the last axis for each index of the others."""
    weights = torch.rand(*shape, generator=generator).double().numpy() + 0.05
    return weights / weights.sum(axis=-1, keepdims=True)


@equation("eq-conditional-elbo")
def conditional_elbo(generator):
    """Sum over the codes, for each image and class: the gap is the KL to the posterior given both."""
    prior, decoder = table(generator, CLASSES, CODES), table(generator, CLASSES, CODES, IMAGES)
    q = table(generator, CLASSES, IMAGES, CODES)  # any encoder
    joint = (prior[:, :, None] * decoder).transpose(0, 2, 1)  # p(x, z | c), (CLASSES, IMAGES, CODES)
    evidence = joint.sum(axis=2)
    assert evidence.sum(axis=1) == pytest.approx(np.ones(CLASSES))
    posterior = joint / evidence[:, :, None]
    for of_q in (q, posterior, np.broadcast_to(q[:1], q.shape)):  # the last one ignores the class
        reconstruction = (of_q * np.log(decoder.transpose(0, 2, 1))).sum(axis=2)
        elbo = reconstruction - rel_entr(of_q, prior[:, None, :]).sum(axis=2)
        gap = rel_entr(of_q, posterior).sum(axis=2)
        np.testing.assert_allclose(np.log(evidence), elbo + gap, rtol=1e-12)
        assert (elbo <= np.log(evidence) + 1e-12).all()


@equation("eq-label-limit")
def label_limit(generator):
    """Compare each image with Bayes' rule by counting, and the average with the mutual information."""
    given_class = table(generator, CLASSES, IMAGES)
    joint = given_class / CLASSES
    image = joint.sum(axis=0)
    label_of_image = joint / image  # p(c | x), its columns add up to 1
    saved = np.log(given_class) - np.log(image)
    np.testing.assert_allclose(saved, math.log(10) + np.log(label_of_image), rtol=0, atol=1e-12)
    assert saved.max() < math.log(10)
    average = (joint * saved).sum()
    assert average == pytest.approx(entropy(joint.ravel(), np.outer(joint.sum(axis=1), image).ravel()))
    assert average == pytest.approx(math.log(10) - image @ entropy(label_of_image, axis=0))
