"""Exercises of lesson 2: what the latent space looks like."""

import math
from collections.abc import Callable
from typing import Any

import torch
from scipy.stats import kendalltau, spearmanr
from torch import Generator, Tensor

from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)

SAMPLES = 8000
TRAIN_CODES = 2000
TOO_FAR = 6.0  # standard errors, for nine numbers at once


# The entropy of a judge


def _answers_of_a_judge(generator: Generator) -> tuple[Tensor]:
    """Seven images and ten digits; the first judgement is sure, the second torn between two."""
    p = torch.softmax(2 * torch.randn(7, 10, generator=generator), dim=1)
    first = torch.randint(0, 8, (), generator=generator)
    p[0] = torch.eye(10)[first]
    p[1] = 0.3 * torch.eye(10)[first] + 0.7 * torch.eye(10)[first + 2]
    return (p,)


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p.double()).sum(dim=1)


ENTROPY = Function(
    name="judge-entropy",
    points=2,
    inputs=_answers_of_a_judge,
    answer=_entropy,
    slips=(
        Slip(
            lambda p: -_entropy(p),
            "The sign is flipped. The logarithm of a probability is never positive, and an entropy never negative.",
        ),
        Slip(
            lambda p: _entropy(p) / math.log(2), "These are bits: the logarithm is that to base 2. Asked for is nats."
        ),
        Slip(
            lambda p: _entropy(p) / math.log(10),
            "The logarithm is that to base 10. A clueless judge then gets 1, where it should get log 10 nats.",
        ),
        Slip(
            lambda p: _entropy(p) / p.shape[1],
            "This is a mean over the digits, where the entropy is a sum over them. The weights are in it already.",
        ),
        Slip(
            lambda p: _entropy(p).mean(),
            "This is averaged over the batch. Each picture has an entropy of its own.",
        ),
        Slip(
            lambda p: _entropy(p).sum(),
            "This is summed over the batch. Each picture has an entropy of its own.",
        ),
        Slip(
            lambda p: torch.special.entr(p).sum(dim=0),
            "This is one value for each digit: the sum runs over the pictures. Along which axis do the digits lie?",
        ),
        Slip(
            lambda p: _entropy(torch.softmax(p, dim=1)),
            "The probabilities are taken for logits and put through a softmax once more. That makes every judge look "
            "clueless.",
        ),
        Slip(
            lambda p: -p.amax(dim=1).log(),
            "This is the surprise at the likeliest digit alone. The entropy averages over all of them.",
        ),
        Slip(
            lambda p: 1 - p.amax(dim=1),
            "This is the doubt about the likeliest digit. It is also a measure, but not the entropy.",
        ),
        Slip(
            lambda p: 1 - p.square().sum(dim=1),
            "This is the Gini impurity, 1 minus the sum of the squares. The entropy has a logarithm.",
        ),
        Slip(
            lambda p: p.exp().mul(p).sum(dim=1),
            "There is an exponential where the logarithm belongs.",
        ),
    ),
    hint="Three judges can be had by hand: a sure one has 0 nats, one torn evenly between two digits log 2, one who "
    "thinks all ten equally likely log 10.",
    atol=5e-5,
)


def _judge_entropy(answer: Any) -> str | None:
    function = as_function(answer)
    (p,) = _answers_of_a_judge(fresh_generator())
    (found,) = as_results(call(function, p.clone()))
    if found.shape == (len(p),) and not found[:2].isfinite().all() and found[2:].isfinite().all():
        surprises = -p[2:].double().log()
        if any(
            torch.allclose(found[2:].abs(), bare, rtol=1e-3) for bare in (surprises.sum(dim=1), surprises.mean(dim=1))
        ):
            return (
                "The logarithms are added up as they are, and those of impossible digits are infinite. An entropy is "
                "an average: how much does each digit count?"
            )
        return (
            "A judge who is quite sure gets a NaN or an infinity. Some of its probabilities are exactly 0, whose "
            "logarithm is not finite. What should a digit with probability 0 add to the sum?"
        )
    padded = (p.double() + 1e-3).log().mul(-p).sum(dim=1)
    if found.shape == (len(p),) and torch.allclose(found, padded, rtol=1e-4):
        return "The small number that you add before the logarithm is not small enough: it shows in the third digit."
    return ENTROPY.judge(answer)


JUDGE_ENTROPY = Task(name="judge-entropy", points=2, judgement=_judge_entropy)


# Rank correlation


def _two_lists(generator: Generator) -> tuple[Tensor, Tensor]:
    """Distances of 45 pairs that go together in part; their ranks say something else than they themselves."""
    common, own = torch.randn(2, 45, generator=generator, dtype=torch.float64)  # no ties in double precision
    return common.exp(), (1.5 * (0.8 * common + 0.6 * own)).exp()


def _ranks(values: Tensor) -> Tensor:
    return values.argsort().argsort().double()


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1]


def _rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    return torch.tensor(spearmanr(a, b).statistic)


def _squared_differences(a: Tensor, b: Tensor) -> Tensor:
    return (_ranks(a) - _ranks(b)).square().sum()


RANK_CORRELATION = Function(
    name="rank-correlation",
    points=2,
    inputs=_two_lists,
    answer=_rank_correlation,
    slips=(
        Slip(
            lambda a, b: _pearson(a.argsort(), b.argsort()),
            "These are still not ranks. `argsort` says which pair is the smallest, which comes next, and so on. A rank "
            "says at which place a given pair stands. Try both on (30, 10, 20).",
        ),
        Slip(
            lambda a, b: _pearson(_ranks(a), b.argsort()),
            "The first list is ranked rightly, the second is not yet. Try both on (30, 10, 20).",
        ),
        Slip(
            lambda a, b: _pearson(a.argsort(), _ranks(b)),
            "The second list is ranked rightly, the first is not yet. Try both on (30, 10, 20).",
        ),
        Slip(
            lambda a, b: _pearson(a.sort().values, b.sort().values),
            "Both lists are sorted, each for itself, so that what belongs to one pair no longer stands together. "
            "Two sorted lists always agree.",
        ),
        Slip(
            lambda a, b: torch.tensor(1.0),
            "This gives 1 whatever the lists are. Are the ranks sorted, so that what belongs to one pair no longer "
            "stands together?",
        ),
        Slip(
            lambda a, b: _pearson(a, b),
            "This correlates the distances themselves, so that one pair that is very far apart can decide it. Where "
            "do ranks come in?",
        ),
        Slip(
            lambda a, b: _pearson(a.log(), b.log()),
            "This correlates the logarithms. They tame large distances, but they are no ranks.",
        ),
        Slip(
            lambda a, b: -_rank_correlation(a, b),
            "The sign is flipped: is one list ranked from below and the other from above?",
        ),
        Slip(
            lambda a, b: _rank_correlation(a, b).square(),
            "This is the square. It forgets whether the lists agree or run against each other.",
        ),
        Slip(
            lambda a, b: torch.tensor(kendalltau(a, b).statistic),
            "This is Kendall's rank correlation, which counts pairs in the same order. Asked for is Spearman's.",
        ),
        Slip(
            lambda a, b: 1 - _rank_correlation(a, b),
            "This is 0 for lists in the same order. Is a 1 too many, or one too few?",
        ),
        Slip(
            lambda a, b: torch.stack([_ranks(a), _ranks(b)]).cov()[0, 1],
            "This is the covariance of the ranks. Divided by both deviations, it would lie between -1 and 1.",
        ),
        Slip(
            lambda a, b: torch.stack([_ranks(a), _ranks(b)]).cov(correction=0)[0, 1],
            "This is the covariance of the ranks. It must still be divided by both deviations.",
        ),
        Slip(
            lambda a, b: _rank_correlation(a, b) * 44 / 45,
            "Slightly too small: the covariance is divided by n and the variances by n - 1, or the other way round. "
            "Lists in the same order must give exactly 1.",
        ),
        Slip(
            lambda a, b: _rank_correlation(a, b) * 45 / 44,
            "Slightly too large: the covariance is divided by n - 1 and the deviations by n. Lists in the same order "
            "must give exactly 1.",
        ),
    ),
    hint="Lists in the same order must give 1, in opposite order -1. And replacing each distance by its square must "
    "change nothing.",
    atol=1e-4,
)


# Nearest neighbours among the training codes themselves


def _codes_and_labels(generator: Generator) -> tuple[Tensor, Tensor, int]:
    """Codes of two classes that overlap. In double precision, so that no two distances are nearly equal."""
    labels = 3 + 4 * (torch.rand(60, generator=generator) < 0.5).long()  # 3 and 7
    codes = torch.randn(60, 2, generator=generator).double() + 0.2 * labels.view(-1, 1)
    return codes, labels, 3 + 2 * int(torch.randint(0, 2, (), generator=generator))


def _vote(codes: Tensor, labels: Tensor, order: Callable[[Tensor], Tensor], power: float = 2.0) -> Tensor:
    """order : which neighbours vote, (N, N), nearest first and itself before all others, to (N, k)."""
    distances = (codes.unsqueeze(1) - codes).norm(dim=2, p=power).fill_diagonal_(-1)
    voters = labels[order(distances.argsort(dim=1))]
    return torch.stack([votes.bincount(minlength=10).argmax() for votes in voters])


def _others_vote(codes: Tensor, labels: Tensor, k: int) -> Tensor:
    return _vote(codes, labels, lambda near: near[:, 1 : k + 1])


LEAVE_ONE_OUT = Function(
    name="knn-leave-one-out",
    points=3,
    inputs=_codes_and_labels,
    answer=_others_vote,
    slips=(
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, :k]),
            "Each code votes for itself. It is its own nearest neighbour, at a distance of 0, and it knows the answer.",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:k]),
            "The code itself is left out, but then one voter is missing: there must be k others.",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, : k + 1]),
            "There are k others now, but the code itself still votes with them.",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 2 : k + 2]),
            "The nearest of the others is left out as well. Is the code itself taken away twice?",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, -k:]),
            "These are the votes of the farthest codes. Which end of the order do you take?",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:2]),
            "Only the nearest other code is asked. Let k of them vote.",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1:]),
            "All other codes are asked. Let only the nearest k of them vote.",
        ),
        Slip(
            lambda codes, labels, k: _vote(codes, labels, lambda near: near[:, 1 : k + 1], power=1.0),
            "Distances are added up along the axes, as in a city of blocks. Asked for is the straight-line distance.",
        ),
        Slip(
            lambda codes, labels, k: labels,
            "These are the labels themselves. Does each code have only itself to ask?",
        ),
        Slip(
            lambda codes, labels, k: (_others_vote(codes, labels, k) == labels).double().mean(),
            "This is the share of votes that are right. Asked for are the votes, one label for each code.",
        ),
        Slip(
            lambda codes, labels, k: (_others_vote(codes, labels, k) == labels).double(),
            "This says where the vote is right. Asked for is what is voted for.",
        ),
        *(
            Slip(
                lambda codes, labels, k, rounding=rounding: rounding(
                    labels[(codes.unsqueeze(1) - codes).norm(dim=2).fill_diagonal_(-1).argsort(dim=1)[:, 1 : k + 1]]
                    .double()
                    .mean(dim=1)
                ),
                "The labels are averaged. Half way between a 3 and a 7 is no 5: let them vote.",
            )
            for rounding in (lambda mean: mean, torch.round, torch.floor)
        ),
    ),
    hint="Try four codes on a line, at 0, 1, 10 and 11. The first two have one label, the others another; with k = 1 "
    "every vote is right. Then change the label of the first. Only its neighbour's vote may change.",
)


# How far each step of a walk goes


def _walks(generator: Generator) -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor, int]:
    into, out = torch.randn(2, 8, generator=generator), torch.randn(8, 12, generator=generator)

    def decode(z: Tensor) -> Tensor:
        return torch.sigmoid(torch.tanh(z.to(into) @ into) @ out).unflatten(-1, (3, 4))

    z_a, z_b = 1.5 * torch.randn(2, 2, generator=generator)
    return decode, z_a, z_b, int(torch.randint(5, 9, (), generator=generator))


def _steps(pictures: Tensor) -> Tensor:
    return pictures.diff(dim=0).flatten(1).norm(dim=1)


def _line(z_a: Tensor, z_b: Tensor, t: Tensor) -> Tensor:
    return torch.lerp(z_a, z_b, t.unsqueeze(1))


def _walk_steps(decode: Callable, z_a: Tensor, z_b: Tensor, n: int) -> Tensor:
    return _steps(decode(_line(z_a, z_b, torch.linspace(0, 1, n))))


WALK_STEPS = Function(
    name="walk-steps",
    points=3,
    inputs=_walks,
    answer=_walk_steps,
    slips=(
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_b, z_a, n),
            "The walk goes from `z_b` to `z_a`. Put t = 0: where should you be?",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(n) / n))),
            "The walk stops one step before `z_b`. With n pictures, how many gaps are there to divide the way into?",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(1, n + 1) / n))),
            "The walk starts one step after `z_a`. The first picture is that of `z_a` itself.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(1, n + 1) / (n + 1)))),
            "Both ends are left out. The first picture is that of `z_a`, the last that of `z_b`.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n + 1),
            "There is one step too many. n pictures, both ends among them, have fewer gaps between them than n.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_a + z_b, n),
            "The walk ends at `z_a` + `z_b`. What becomes of `z_a` as t grows?",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).square(),
            "These are squared distances. Asked for is how far each step goes.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n) / math.sqrt(12),
            "The squared differences are averaged over the pixels, where a distance sums them.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).square() / 12,
            "These are mean squared errors. A distance sums over the pixels, and takes the root.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: (
                decode(_line(z_a, z_b, torch.linspace(0, 1, n))).diff(dim=0).abs().flatten(1).sum(dim=1)
            ),
            "The absolute differences are added up. Asked for is the Euclidean distance.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: (lambda path: (path[1:] - path[:1]).flatten(1).norm(dim=1))(
                decode(_line(z_a, z_b, torch.linspace(0, 1, n)))
            ),
            "These are distances from the first picture. Asked for is the distance from each picture to the next.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: (
                (decode(z_a.view(1, 2)) - decode(z_b.view(1, 2))).flatten(1).norm(dim=1) / (n - 1)
            ).expand(n - 1),
            "All steps are equally long: you blend the two end pictures. The walk goes through the codes, and each of "
            "them is decoded.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: ((z_a - z_b).norm() / (n - 1)).expand(n - 1),
            "All steps are equally long: these are distances between codes. Asked for are those between pictures.",
        ),
        Slip(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).sum(),
            "This is the length of the whole way. Asked for is each step of it.",
        ),
    ),
    hint="If both codes are the same, no step goes anywhere. With n = 2 there is one step: the distance between the "
    "two end pictures. With n = 3 there are two, and `z_a` and `z_b` have their mean between them.",
)

STRICT_YARDSTICK = Choice(
    name="strict-yardstick",
    points=1,
    right="c",
    wrong={
        "a": "The grid and the training images are the same, but what counts as far is not. Which pictures set "
        "the limit, and how near to a training image are hers?",
        "b": "You have the direction of the limit right, perhaps, but not what follows. Suppose that the limit moves "
        "towards 0: which pictures of the grid lie beyond it?",
        "d": "That would be so if the limit came from the pictures of the grid themselves. Hers are the copies of "
        "training images.",
    },
)


# Sampling where the codes are


def _judge_fitted(answer: Any) -> str | None:
    """By mean and covariance of many samples, for codes that are correlated, off centre and of unequal widths."""
    function, generator = as_function(answer), fresh_generator()
    mixing = torch.tensor([[2.0, 0.0, 0.0], [1.2, 0.8, 0.0], [-0.5, 0.6, 0.4]])
    mixing = mixing + 0.1 * torch.rand(3, 3, generator=generator).tril()
    shift = torch.tensor([2.0, -1.5, 4.0]) + torch.rand(3, generator=generator)
    codes = torch.randn(TRAIN_CODES, 3, generator=generator) @ mixing.T + shift
    (z,) = as_results(call(function, codes.clone(), SAMPLES))
    if z.shape != (SAMPLES, 3):
        return f"Your result has shape {tuple(z.shape)}; {SAMPLES} codes of 3 numbers have {(SAMPLES, 3)}."
    if not z.isfinite().all():
        return "There is a NaN or an infinity in your samples. Did you take the root of a negative number?"
    if torch.isin(z, codes.double()).double().mean() > 0.5:  # a few numbers coincide by chance
        return "These are training codes again. New digits need new codes: draw from a density that you fit to them."
    centre, cov = codes.double().mean(dim=0), codes.T.double().cov()
    return _about_spread(z, centre, cov) or _about_centre(z, centre) or _about_shape(z)


def _about_spread(z: Tensor, centre: Tensor, cov: Tensor) -> str | None:
    found = z.T.cov()
    if float(torch.linalg.eigvalsh(found)[0]) < 1e-4:
        return (
            "All samples lie on a line or in a plane. Does each dimension of each sample have a draw of its own, or is "
            "one shared?"
        )
    if _covariance_is(z, cov):
        return None
    if _covariance_is(z, torch.eye(3).double()):
        if _mean_is(z, torch.zeros(3).double()):
            return "These are draws from N(0, I). But that is not where the codes are: look at their mean and spread."
        return (
            "The spread is 1 in each direction. That of the codes is not: their widths differ, and they are correlated."
        )
    deviations, factor = cov.diagonal().sqrt(), torch.linalg.cholesky(cov)
    values, vectors = torch.linalg.eigh(cov)
    usual = [
        (
            cov.diagonal().diag(),
            "Each dimension has the right mean and width, but yours are independent, and the codes' are not. Draw a "
            "scatter of both and compare.",
        ),
        (
            cov.diagonal().square().diag(),
            "Two things: the draws are multiplied by variances, where the deviations belong; and the dimensions are "
            "independent, which those of the codes are not.",
        ),
        (
            deviations.diag(),
            "Two things: the widths are the roots of the deviations; and the dimensions are independent, which those "
            "of the codes are not.",
        ),
        (
            cov @ cov,
            "The draws are multiplied by the covariance itself, or by its eigenvalues, which are variances. As σ is "
            "the root of σ², a matrix is wanted here that, times its own transpose, gives the covariance.",
        ),
        (
            factor.T @ factor,
            "The Cholesky factor is on the wrong side, or must be transposed: its rows and columns have changed "
            "places. Which covariance has ε times your matrix?",
        ),
        (
            vectors.T @ values.diag() @ vectors,
            "The eigenvectors are on the wrong side, or must be transposed. Which covariance has ε times your matrix?",
        ),
        (
            values.diag(),
            "The widths are those along the codes' own axes, but the samples have not been turned into those axes.",
        ),
    ]
    for expected, says in usual:
        if _covariance_is(z, expected):
            return says
    return (
        "The samples do not spread as the codes do. Print the covariance matrix of both (`torch.cov` wants one "
        "variable a row) and compare."
    )


def _about_centre(z: Tensor, centre: Tensor) -> str | None:
    if _mean_is(z, centre):
        return None
    if _mean_is(z, torch.zeros(3).double()):
        return "The spread is right, but the samples lie about 0. Where do the codes lie?"
    return "The spread is right, but the mean is not that of the codes."


def _about_shape(z: Tensor) -> str | None:
    white = (z - z.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T
    if ((white**4).mean(dim=0) - 3).abs().max() > 0.6:
        return "Mean and spread are right, but these are not draws from a Gaussian. What is ε drawn from?"
    return None


def _covariance_is(z: Tensor, expected: Tensor) -> bool:
    variances = expected.diagonal()
    errors = ((torch.outer(variances, variances) + expected.square()) / len(z)).sqrt()
    return bool(((z.T.cov() - expected).abs() <= TOO_FAR * errors + 2e-3 * expected.abs().max()).all())


def _mean_is(z: Tensor, expected: Tensor) -> bool:
    return bool(((z.mean(dim=0) - expected).abs() <= TOO_FAR * z.std(dim=0) / math.sqrt(len(z))).all())


FITTED_CODES = Task(name="fitted-codes", points=3, judgement=_judge_fitted)

EXERCISES: tuple[Exercise, ...] = (
    JUDGE_ENTROPY,
    RANK_CORRELATION,
    LEAVE_ONE_OUT,
    WALK_STEPS,
    STRICT_YARDSTICK,
    FITTED_CODES,
)
