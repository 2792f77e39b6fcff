"""The exercise "find the mistake"."""

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _two_lists(generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw distances of a few pairs that agree in part, and whose ranks say something else than they do."""
    n = int(torch.randint(8, 11, (), generator=generator))
    common, own = torch.randn(2, n, generator=generator, dtype=torch.float64)  # no ties in double precision
    return common.exp(), (1.5 * (0.8 * common + 0.6 * own)).exp()


def _ranks(values: Tensor) -> Tensor:
    return values.argsort().argsort().double()


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1]


def _rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    from scipy.stats import spearmanr  # here, since importing it takes a second

    return torch.tensor(spearmanr(a, b).statistic)


def _kendall(a: Tensor, b: Tensor) -> Tensor:
    from scipy.stats import kendalltau

    return torch.tensor(kendalltau(a, b).statistic)


RANK_CORRELATION = Function(
    name="rank-correlation",
    points=2,
    inputs=_two_lists,
    answer=_rank_correlation,
    mistakes=(
        Mistake(
            lambda a, b: _pearson(a.argsort(), b.argsort()),
            "These are still not ranks. `argsort` says which pair is the smallest, which comes next, and so on. A rank "
            "says at which place a given pair stands. Try both on (30, 10, 20).",
        ),
        Mistake(
            lambda a, b: _pearson(_ranks(a), b.argsort()),
            "The first list is ranked rightly, the second is not yet. Try both on (30, 10, 20).",
        ),
        Mistake(
            lambda a, b: _pearson(a.argsort(), _ranks(b)),
            "The second list is ranked rightly, the first is not yet. Try both on (30, 10, 20).",
        ),
        Mistake(
            lambda a, b: _pearson(a.sort().values, b.sort().values),
            "Both lists are sorted, each for itself, so that what belongs to one pair no longer stands together. "
            "Two sorted lists always agree.",
        ),
        Mistake(
            lambda a, b: torch.tensor(1.0),
            "This gives 1 whatever the lists are. Are the ranks sorted, so that what belongs to one pair no longer "
            "stands together?",
        ),
        Mistake(
            lambda a, b: _pearson(a, b),
            "This correlates the distances themselves, so one pair that is very far apart can dominate it. Where do "
            "ranks come in?",
        ),
        Mistake(
            lambda a, b: _pearson(a.log(), b.log()),
            "This correlates the logarithms. They reduce large distances, but they are not ranks.",
        ),
        Mistake(
            lambda a, b: -_rank_correlation(a, b),
            "The sign is flipped: is one list ranked from below and the other from above?",
        ),
        Mistake(
            lambda a, b: _rank_correlation(a, b).square(),
            "This is the square. It does not show whether the lists agree or are in opposite order.",
        ),
        Mistake(
            _kendall,
            "This is Kendall's rank correlation, which counts pairs in the same order. The task asks for Spearman's.",
        ),
        Mistake(
            lambda a, b: 1 - _rank_correlation(a, b),
            "This is 0 for lists in the same order. Is a 1 too many, or one too few?",
        ),
        Mistake(
            lambda a, b: torch.stack([_ranks(a), _ranks(b)]).cov()[0, 1],
            "This is the covariance of the ranks. Divided by both deviations, it would lie between -1 and 1.",
        ),
        Mistake(
            lambda a, b: torch.stack([_ranks(a), _ranks(b)]).cov(correction=0)[0, 1],
            "This is the covariance of the ranks. It must still be divided by both deviations.",
        ),
        Mistake(
            lambda a, b: _rank_correlation(a, b) * (len(a) - 1) / len(a),
            "Slightly too small: the covariance is divided by n and the variances by n - 1, or the other way round. "
            "Lists in the same order must give exactly 1.",
        ),
        Mistake(
            lambda a, b: _rank_correlation(a, b) * len(a) / (len(a) - 1),
            "Slightly too large: the covariance is divided by n - 1 and the deviations by n. Lists in the same order "
            "must give exactly 1.",
        ),
        Mistake(
            lambda a, b: 1 - (1 - _rank_correlation(a, b)) * (1 - 1 / len(a) ** 2),
            "Nearly: the squared differences of the ranks are divided by n³, which is a little too much. Lists in "
            "opposite order must give exactly -1.",
        ),
    ),
    hint="Lists in the same order must give 1, in opposite order -1. And replacing each distance by its square must "
    "change nothing.",
    rtol=1e-4,
    atol=1e-4,
)
