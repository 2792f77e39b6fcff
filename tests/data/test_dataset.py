"""Data sets of any tensors: their checks and their fingerprint."""

import pytest
import torch

from vae_lessons import TensorData, load_images

POINTS = torch.linspace(-1, 1, 8).view(4, 2)


def test_columns_are_those_given():
    theta, x = torch.zeros(3, 1), torch.ones(3, 5, dtype=torch.int64)
    pairs = TensorData("pairs", train=(theta, x), test=(theta[:1], x[:1]))
    assert pairs.columns("train")[1] is x
    assert [len(column) for column in pairs.columns("test")] == [1, 1]


def test_images_and_labels_are_columns():
    digits = load_images("digits")
    assert digits.columns("train") == (digits.train, digits.train_labels)
    assert digits.columns("test") == (digits.test, digits.test_labels)


def test_columns_of_a_graph_need_no_rows_in_common():
    graph = (POINTS, torch.tensor([[0, 1], [1, 2]]))
    assert len(TensorData("graph", graph, graph, whole=True).columns("train")) == 2
    with pytest.raises(ValueError, match=r"train\[0\] and train\[1\] must have as many rows, got train\[0\] 4, .* 2"):
        TensorData("graph", graph, graph)


@pytest.mark.parametrize(
    ("train", "error", "message"),
    [
        (POINTS, TypeError, r"train must be a tuple of tensors, got Tensor: write train=\(x,\) for one column"),
        ([POINTS], TypeError, "train must be a tuple of tensors, got list"),
        ((POINTS.numpy(),), TypeError, r"train\[0\] must be a tensor, got ndarray: use torch\.as_tensor$"),
        ((POINTS, None), TypeError, r"train\[1\] must be a tensor, got NoneType"),
        ((), ValueError, r"at least one row, got shapes \[\]"),
        ((POINTS[:0],), ValueError, r"at least one row, got shapes \[\(0, 2\)\]"),
        ((torch.tensor(1.0),), ValueError, r"columns \(M, \.\.\.\) with at least one row, got shapes \[\(\)\]"),
        ((POINTS / 0,), ValueError, r"train\[0\] must be finite, row 0 is not"),
        ((POINTS, POINTS), ValueError, "train and test must have the same kinds of columns"),
        ((POINTS.double(),), ValueError, "the same kinds of columns, got .*float64.*float32"),
        ((POINTS.view(2, 4),), ValueError, r"the same kinds of columns, got .*\(4,\).*\(2,\)"),
    ],
)
def test_unsuitable_columns_are_named(train, error, message):
    with pytest.raises(error, match=message):
        TensorData("points", train, (POINTS,))


def test_fingerprint_tells_contents_types_and_shapes():
    def fingerprint(*train):
        return TensorData("any", train, train).fingerprint

    same = [fingerprint(POINTS), fingerprint(POINTS.clone().requires_grad_()), fingerprint(POINTS.T.contiguous().T)]
    others = [POINTS + 1e-6, POINTS[:3], POINTS.view(2, 4), POINTS.double(), POINTS.view(torch.int32), POINTS > 0]
    assert len(set(same)) == 1
    assert len({*same, fingerprint(POINTS, POINTS), *map(fingerprint, others)}) == 2 + len(others)
