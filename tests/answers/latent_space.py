"""Answers to the exercises on the latent space of an autoencoder, as students write them."""

import math

import numpy as np
import torch
from scipy.stats import entropy, kendalltau, pearsonr, rankdata, spearmanr
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from torch.distributions import Categorical, MultivariateNormal


def entropy_with_where(p):
    logs = torch.where(p > 0, p, torch.ones_like(p)).log()
    return -(p * logs).sum(1)


def entropy_by_loops(p):
    return torch.tensor([sum(-q * math.log(q) for q in row if q > 0) for row in p.tolist()])


def pearson(a, b):
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()


def ranks(values):
    places = torch.empty(len(values))
    places[values.argsort()] = torch.arange(len(values), dtype=torch.float)
    return places


def spearman_by_differences(a, b):
    d, n = ranks(a) - ranks(b), len(a)
    return 1 - 6 * d.square().sum() / (n * (n**2 - 1))


def spearman_by_counting(a, b):
    below_a = (a[:, None] > a).sum(1)
    below_b = (b[:, None] > b).sum(1)
    return np.corrcoef(below_a, below_b)[0, 1]


def by_sklearn_without_itself(codes, labels, k):
    votes = []
    for i in range(len(codes)):
        rest = [j for j in range(len(codes)) if j != i]
        voters = KNeighborsClassifier(n_neighbors=k).fit(codes[rest].numpy(), labels[rest].numpy())
        votes.append(int(voters.predict(codes[i : i + 1].numpy())[0]))
    return votes


def by_infinite_diagonal(codes, labels, k):
    distances = torch.cdist(codes, codes)
    distances.fill_diagonal_(torch.inf)
    return labels[distances.topk(k, largest=False).indices].mode(dim=1).values


def by_dropping_the_first(codes, labels, k):
    nearest = torch.cdist(codes, codes).argsort(dim=1)[:, 1 : k + 1]
    return torch.nn.functional.one_hot(labels[nearest]).sum(1).argmax(1)


def votes_of(choose):
    """Votes of the neighbours that `choose` takes from all, the nearest (itself) first."""

    def vote(codes, labels, k):
        order = torch.cdist(codes, codes).argsort(dim=1)
        return labels[choose(order, k)].mode(dim=1).values

    return vote


def steps_by_loop(decode, z_a, z_b, n):
    before, lengths = decode(z_a[None])[0], []
    for i in range(1, n):
        t = i / (n - 1)
        now = decode(((1 - t) * z_a + t * z_b)[None])[0]
        lengths.append(float(((now - before) ** 2).sum() ** 0.5))
        before = now
    return torch.tensor(lengths)


def steps_by_broadcasting(decode, z_a, z_b, n):
    t = torch.linspace(0, 1, n).view(n, 1)
    pictures = decode(z_a + t * (z_b - z_a))
    return torch.linalg.matrix_norm(pictures[1:] - pictures[:-1])


def steps(places=lambda n: torch.linspace(0, 1, n), measure=lambda step: step.square().sum((1, 2)).sqrt()):
    """A walk with a mistake in one of its parts."""

    def walk(decode, z_a, z_b, n):
        t = places(n).view(-1, 1)
        return measure(decode((1 - t) * z_a + t * z_b).diff(dim=0))

    return walk


def through_pixels(decode, z_a, z_b, n):
    t = torch.linspace(0, 1, n).view(n, 1, 1)
    first, last = decode(torch.stack([z_a, z_b]))
    return ((1 - t) * first + t * last).diff(dim=0).flatten(1).norm(dim=1)


def from_the_start(decode, z_a, z_b, n):
    t = torch.linspace(0, 1, n).view(n, 1)
    pictures = decode((1 - t) * z_a + t * z_b)
    return (pictures[1:] - pictures[0]).flatten(1).norm(dim=1)


def between_codes(decode, z_a, z_b, n):
    t = torch.linspace(0, 1, n).view(n, 1)
    return ((1 - t) * z_a + t * z_b).diff(dim=0).norm(dim=1)


def never_leaving_the_start(decode, z_a, z_b, n):
    t = torch.linspace(0, 1, n).view(n, 1)
    return decode(z_a + t * z_b).diff(dim=0).flatten(1).norm(dim=1)


def fitted_by_torch(codes, n):
    return MultivariateNormal(codes.mean(0), codes.T.cov()).sample((n,))


def fitted_by_eigenvectors(codes, n):
    values, vectors = torch.linalg.eigh(torch.cov(codes.T))
    return codes.mean(0) + torch.randn(n, codes.shape[1]) * values.sqrt() @ vectors.T


def fitted_by_sklearn(codes, n):
    return GaussianMixture(1).fit(codes.double().numpy()).sample(n)[0]


def fitted_by_numpy(codes, n):
    points = codes.numpy()
    return np.random.default_rng().multivariate_normal(points.mean(axis=0), np.cov(points, rowvar=False), size=n)


def fitted_in_antithetic_pairs(codes, n):
    eps = torch.randn(n // 2, codes.shape[1])
    return codes.mean(0) + torch.cat([eps, -eps]) @ root(codes)


def moved_a_little(codes, n):
    return codes[torch.randint(len(codes), (n,))] + 1e-3 * torch.randn(n, codes.shape[1])


def seeded(codes, n):
    torch.manual_seed(0)
    return fitted_by_torch(codes, n)


def fitted(factor, centre=lambda codes: codes.mean(0), noise=torch.randn):
    """Samples with a mistake in one of their parts."""
    return lambda codes, n: centre(codes) + noise(n, codes.shape[1]) @ factor(codes)


def root(codes):
    return torch.linalg.cholesky(codes.T.cov()).T


RIGHT = {
    "judge-entropy": [
        entropy_with_where,
        entropy_by_loops,
        lambda p: entropy(p.numpy(), axis=1),
        lambda p: Categorical(probs=p).entropy(),
        lambda p: -(p * (p + 1e-8).log()).sum(-1),
        lambda p: -torch.xlogy(p.double(), p.double()).sum(dim=1),
        lambda p: -(p * p.log()).nan_to_num().sum(dim=1),
        lambda p: -(p * p.clamp(min=1e-12).log()).sum(dim=1),
    ],
    "rank-correlation": [
        spearman_by_differences,
        spearman_by_counting,
        lambda a, b: spearmanr(a, b).statistic,
        lambda a, b: pearson(a.argsort(descending=True).argsort(), b.argsort(descending=True).argsort()),
        lambda a, b: pearsonr(rankdata(a), rankdata(b))[0],
    ],
    "knn-leave-one-out": [by_sklearn_without_itself, by_infinite_diagonal, by_dropping_the_first],
    "walk-steps": [steps_by_loop, steps_by_broadcasting, steps()],
    "strict-yardstick": ["C", "(c)"],
    "fitted-codes": [
        fitted_by_torch,
        fitted_by_eigenvectors,
        fitted_by_sklearn,
        fitted_by_numpy,
        fitted_in_antithetic_pairs,
        fitted(root),
    ],
}

WRONG = {
    "judge-entropy": [
        (lambda p: -(p * p.log()).sum(dim=1), "exactly 0"),
        (lambda p: -p.log().sum(dim=1), "how much does each digit count"),
        (lambda p: -(p * (p + 1e-3).log()).sum(dim=1), "not small enough"),
        (lambda p: -(p * (p + 1e-4).log()).sum(dim=1), "a small number is added"),
        (lambda p: -(p * p.clamp(min=1e-2).log()).sum(dim=1), "raised to it"),
        (lambda p: (torch.special.entr(p).sum(dim=1), p), "asks for one result"),
        (lambda p: torch.xlogy(p, p).sum(dim=1), "sign is flipped"),
        (lambda p: entropy(p.numpy(), axis=1, base=2), "These are bits"),
        (lambda p: entropy(p.numpy(), axis=1, base=10), "base 10"),
        (lambda p: torch.special.entr(p).mean(dim=1), "mean over the digits"),
        (lambda p: torch.special.entr(p).sum(dim=1).mean(), "averaged over the batch"),
        (lambda p: torch.special.entr(p).sum(), "summed over the batch"),
        (lambda p: torch.special.entr(p).sum(0), "one value for each digit"),
        (lambda p: Categorical(logits=p).entropy(), "taken for logits"),
        (lambda p: -p.max(dim=1).values.log(), "log p of the likeliest digit"),
        (lambda p: 1 - p.max(dim=1).values, "doubt about the likeliest digit"),
        (lambda p: (p * (1 - p)).sum(dim=1), "Gini"),
        (lambda p: (p * p.exp()).sum(dim=1), "an exponential"),
        (lambda p: p.sum(dim=1), "Three cases can be done"),
        (lambda p: torch.special.entr(p), "where the task asks for"),
    ],
    "rank-correlation": [
        (lambda a, b: pearson(a.argsort(), b.argsort()), "still not ranks"),
        (lambda a, b: pearson(a.argsort().argsort(), b.argsort()), "second is not yet"),
        (lambda a, b: pearson(a.argsort(), b.argsort().argsort()), "first is not yet"),
        (lambda a, b: pearson(a.sort().values, b.sort().values), "Both lists are sorted"),
        (lambda a, b: pearson(ranks(a).sort().values, ranks(b).sort().values), "gives 1 whatever"),
        (pearson, "the distances themselves"),
        (lambda a, b: pearson(a.log(), b.log()), "the logarithms"),
        (lambda a, b: pearson(ranks(a), ranks(-b)), "sign is flipped"),
        (lambda a, b: spearman_by_differences(a, b) ** 2, "This is the square"),
        (lambda a, b: kendalltau(a, b).statistic, "Kendall"),
        (lambda a, b: 1 - spearman_by_differences(a, b), "0 for lists in the same order"),
        (lambda a, b: np.cov(rankdata(a), rankdata(b))[0, 1], "covariance of the ranks. Divided"),
        (lambda a, b: np.cov(rankdata(a), rankdata(b), ddof=0)[0, 1], "must still be divided"),
        (
            lambda a, b: np.cov(rankdata(a), rankdata(b), ddof=0)[0, 1] / ranks(a).std() / ranks(b).std(),
            "Slightly too small",
        ),
        (
            lambda a, b: np.cov(ranks(a), ranks(b))[0, 1] / np.std(ranks(a).numpy()) / np.std(ranks(b).numpy()),
            "Slightly too large",
        ),
        (
            lambda a, b: 1 - 6 * (ranks(a) - ranks(b)).square().sum() / len(a) ** 3,
            "order must give exactly -1",
        ),
        (lambda a, b: (ranks(a) == ranks(b)).double().mean(), "Lists in the same order must give 1"),
    ],
    "knn-leave-one-out": [
        (votes_of(lambda order, k: order[:, :k]), "votes for itself"),
        (votes_of(lambda order, k: order[:, 1:k]), "one voter is missing"),
        (votes_of(lambda order, k: order[:, : k + 1]), "still votes with them"),
        (votes_of(lambda order, k: order[:, 2 : k + 2]), "taken away twice"),
        (votes_of(lambda order, k: order[:, -k:]), "farthest codes"),
        (votes_of(lambda order, k: order[:, 1:2]), "Only the nearest other code"),
        (votes_of(lambda order, k: order[:, 1:]), "All other codes"),
        (
            lambda codes, labels, k: (
                labels[torch.cdist(codes, codes, p=1).argsort(dim=1)[:, 1 : k + 1]].mode(dim=1).values
            ),
            "city of blocks",
        ),
        (votes_of(lambda order, k: order[:, :1]), "labels themselves"),
        (
            lambda codes, labels, k: (by_infinite_diagonal(codes, labels, k) == labels).float().mean(),
            "the share of votes that are right",
        ),
        (lambda codes, labels, k: by_infinite_diagonal(codes, labels, k) == labels, "where the vote is right"),
        (
            lambda codes, labels, k: (
                labels[torch.cdist(codes, codes).argsort(dim=1)[:, 1 : k + 1]].float().mean(dim=1).round()
            ),
            "The labels are averaged",
        ),
        (lambda codes, labels, k: by_infinite_diagonal(codes, labels, 3), "the others another"),
        (lambda codes, labels, k: 10 - by_infinite_diagonal(codes, labels, k), "four codes on a line"),
    ],
    "walk-steps": [
        (steps(lambda n: torch.linspace(1, 0, n)), "from `z_b` to `z_a`"),
        (steps(lambda n: torch.arange(n) / n), "one step before"),
        (steps(lambda n: torch.arange(1, n + 1) / n), "one step after"),
        (steps(lambda n: torch.linspace(0, 1, n + 2)[1:-1]), "Both ends are left out"),
        (steps(lambda n: torch.linspace(0, 1, n + 1)), "one step too many"),
        (never_leaving_the_start, "ends at `z_a` + `z_b`"),
        (steps(measure=lambda step: step.square().sum((1, 2))), "squared distances"),
        (steps(measure=lambda step: step.square().mean((1, 2)).sqrt()), "averaged over the pixels"),
        (steps(measure=lambda step: step.square().mean((1, 2))), "mean squared errors"),
        (steps(measure=lambda step: step.abs().sum((1, 2))), "absolute differences"),
        (steps(measure=lambda step: torch.linalg.norm(step, 2, dim=(1, 2))), "norms of the differences as matrices"),
        (from_the_start, "from the first picture"),
        (through_pixels, "blend the two end pictures"),
        (between_codes, "between codes"),
        (steps(measure=lambda step: step.square().sum((1, 2)).sqrt().sum()), "length of the whole way"),
        (steps(measure=lambda step: step.norm(dim=2)), "has shape"),
        (lambda decode, z_a, z_b, n: torch.ones(n - 1), "no step goes anywhere"),
    ],
    "strict-yardstick": [
        ("a", "what counts as far is not"),
        ("b", "Suppose that the limit moves"),
        ("d", "from the pictures of the grid themselves"),
    ],
    "fitted-codes": [
        (lambda codes, n: torch.randn(n, codes.shape[1]), "draws from N(0, I)"),
        (lambda codes, n: codes.mean(0) + torch.randn(n, codes.shape[1]), "The spread is 1 in each direction"),
        (fitted(lambda codes: codes.std(0).diag()), "yours are independent, and"),
        (fitted(lambda codes: codes.var(0).diag()), "multiplied by variances"),
        (fitted(lambda codes: codes.std(0).sqrt().diag()), "roots of the deviations"),
        (fitted(lambda codes: codes.T.cov()), "by the covariance itself"),
        (fitted(lambda codes: root(codes).T), "Cholesky factor is on the wrong side"),
        (
            lambda codes, n: (
                codes.mean(0)
                + torch.randn(n, codes.shape[1])
                * torch.linalg.eigvalsh(codes.T.cov()).sqrt()
                @ torch.linalg.eigh(codes.T.cov())[1]
            ),
            "eigenvectors are on the wrong side",
        ),
        (fitted(lambda codes: torch.linalg.eigvalsh(codes.T.cov()).sqrt().diag()), "own axes"),
        (
            lambda codes, n: (
                codes.mean(0)
                + torch.randn(n, codes.shape[1])
                * torch.linalg.eigvalsh(codes.T.cov())
                @ torch.linalg.eigh(codes.T.cov())[1].T
            ),
            "or by its eigenvalues",
        ),
        (fitted(root, centre=lambda codes: 0), "samples lie about 0"),
        (fitted(root, centre=lambda codes: codes.mean()), "mean is not that of the codes"),
        (fitted(root, noise=lambda n, k: torch.randn(n, 1).expand(n, k)), "is one shared"),
        (fitted(root, noise=lambda n, k: 12**0.5 * (torch.rand(n, k) - 0.5)), "not draws from a Gaussian"),
        (lambda codes, n: codes[torch.randint(len(codes), (n,))], "training codes again"),
        (moved_a_little, "moved a little"),
        (lambda codes, n: GaussianMixture(10).fit(codes.numpy()).sample(n)[0], "draws from a mixture"),
        (seeded, "is there a seed"),
        (lambda codes, n: 2 * fitted_by_torch(codes, n), "do not spread as the codes do"),
        (lambda codes, n: fitted_by_torch(codes, 1), "has shape (1, "),
        (lambda codes, n: fitted_by_torch(codes, n).log(), "root of a negative number"),
    ],
}
