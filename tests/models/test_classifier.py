"""The classifier against log-softmax."""

import torch
from model_helpers import seeded
from torch.nn import functional as nnf

from vae_lessons import Classifier


def test_probabilities_and_loss_match_log_softmax():
    model, x = Classifier((4, 4), 3, (5,), seeded()), torch.rand(6, 4, 4)
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    log_probabilities = nnf.log_softmax(model(x), dim=1)
    torch.testing.assert_close(model.probabilities(x), log_probabilities.exp().detach())
    torch.testing.assert_close(model.loss(x, labels), -log_probabilities[range(6), labels])
