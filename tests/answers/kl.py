"""Answers to the exercises on the KL term, as students write them."""

import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence


def kl_by_torch(mu, logvar):
    q = Independent(Normal(mu, logvar.exp().sqrt()), 1)
    return kl_divergence(q, Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1))


def kl_of_sigma(mu, logvar):
    sigma = torch.exp(0.5 * logvar)
    return (-torch.log(sigma) + (sigma**2 + mu**2 - 1) / 2).sum(1)


def kl_by_loops(mu, logvar):
    values = []
    for image in range(mu.shape[0]):
        total = 0.0
        for j in range(mu.shape[1]):
            variance = logvar[image, j].double().exp()
            total = total + 0.5 * (mu[image, j] ** 2 + variance - 1 - variance.log())  # in double precision
        values.append(total)
    return torch.stack(values)


def kl_of_numbers(mu, logvar):
    values = []
    for means, logs in zip(mu.tolist(), logvar.tolist(), strict=True):
        values.append(sum(0.5 * (m**2 + math.exp(v) - 1 - v) for m, v in zip(means, logs, strict=True)))
    return torch.tensor(values)


def kl_in_double(mu, logvar):
    mu, logvar = mu.double(), logvar.double()
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(-1)


def kl_by_torch_in_double(mu, logvar):
    q = MultivariateNormal(mu.double(), torch.diag_embed(logvar.double().exp()))
    return kl_divergence(q, MultivariateNormal(0 * q.loc, torch.eye(mu.shape[1]).double()))


def kl_in_place(mu, logvar):
    mu.pow_(2).add_(logvar.exp()).sub_(logvar).sub_(1)
    return mu.sum(1) / 2


def gradients_by_parts(mu, logvar):
    return 1.0 * mu, (torch.exp(logvar) - 1) / 2


def gradients_with_sigma(mu, logvar):
    sigma = torch.exp(logvar / 2)
    return [mu, 0.5 * (sigma + 1) * (sigma - 1)][0], 0.5 * (sigma**2 - 1)


def general_by_torch(mu_q, cov_q, mu_p, cov_p):
    return kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))


def general_by_solving(mu_q, cov_q, mu_p, cov_p):
    difference = (mu_q - mu_p).unsqueeze(1)
    distance = (difference.T @ torch.linalg.solve(cov_p, difference)).squeeze()
    ratio = torch.linalg.solve(cov_p, cov_q)
    return 0.5 * (torch.trace(ratio) + distance - mu_q.numel() - torch.log(torch.linalg.det(ratio)))


def general_by_inverse(mu_q, cov_q, mu_p, cov_p):
    inverse = torch.linalg.solve(cov_p, torch.eye(len(cov_p)))
    difference = mu_q - mu_p
    distance = difference @ inverse @ difference
    return 0.5 * (torch.trace(inverse @ cov_q) + distance - len(mu_q) + torch.logdet(cov_p) - torch.logdet(cov_q))


def sampling_by_loop(mu, logvar, n_samples):
    total = torch.zeros(len(mu))
    for _ in range(n_samples):
        eps = torch.randn_like(mu)
        z = mu + torch.exp(logvar / 2) * eps
        total = total + 0.5 * (z**2 - logvar - eps**2).sum(1)
    return total / n_samples


def sampling_with_independent(mu, logvar, n_samples):
    q = Independent(Normal(mu, torch.exp(0.5 * logvar)), 1)
    p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    z = q.rsample([n_samples])
    return (q.log_prob(z) - p.log_prob(z)).mean(0)


def sampling_one_image_at_a_time(mu, logvar, n_samples):
    values = []
    for mean, log_variance in zip(mu, logvar, strict=True):
        q, p = Normal(mean, torch.exp(0.5 * log_variance)), Normal(0.0, 1.0)
        values.append(ratio(q, p, q.sample((n_samples,))).sum(dim=1).mean())
    return torch.stack(values)


def sampling_of_copies(mu, logvar, n_samples, order=lambda terms, n: terms.view(n, -1).mean(0)):
    means, root = mu.repeat(n_samples, 1), torch.exp(0.5 * logvar).repeat(n_samples, 1)
    q, p = Normal(means, root), Normal(torch.zeros_like(means), 1.0)
    return order(ratio(q, p, q.sample()).sum(1), n_samples)


def sampling_with(noise, change=lambda log_ratios: log_ratios):
    """An estimate with noise (n, B, K) of any kind, whose log-ratios may be changed before the average."""

    def estimate(mu, logvar, n_samples):
        eps = noise(n_samples, *mu.shape)
        z = mu + torch.exp(logvar / 2) * eps
        return change(0.5 * (z**2 - logvar - eps**2).sum(2)).mean(0)

    return estimate


def antithetic(n, *shape):
    """Pairs of one image; an odd one is left alone."""
    eps = torch.randn((n + 1) // 2, *shape)
    return torch.cat([eps, -eps])[:n]


def antithetic_images(n, n_images, n_dims):
    """Pairs of neighbouring images."""
    eps = torch.randn(n, (n_images + 1) // 2, n_dims)
    return torch.cat([eps, -eps], dim=1)[:, :n_images]


def stratified(n, *shape):
    """One draw from each n-th part of the distribution, in random order."""
    strata = torch.rand(n, *shape).argsort(dim=0)
    return torch.special.ndtri(((strata + torch.rand(n, *shape)) / n).double().clamp(1e-9, 1 - 1e-9)).float()


def scrambled(n, n_images, n_dims):
    """A Sobol sequence over samples and images."""
    uniform = torch.quasirandom.SobolEngine(n_dims, scramble=True).draw(n * n_images, dtype=torch.float64)
    uniform = uniform[torch.randperm(len(uniform))].clamp(1e-9, 1 - 1e-9)
    return torch.special.ndtri(uniform).float().view(n, n_images, n_dims)


def shared_by_two(n, n_images, n_dims):
    return torch.randn(n, n_images, n_dims)[:, :, [0, 1, *range(1, n_dims - 1)]]


def by_cross_entropy(mu, logvar, n_samples):
    """The entropy of q is exact; only log p is averaged."""
    z = mu + torch.exp(logvar / 2) * torch.randn(n_samples, *mu.shape)
    return 0.5 * (z**2 - logvar - 1).sum(2).mean(0)


def in_half_precision(mu, logvar, n_samples):
    return sampling_by_loop(mu.half(), logvar.half(), n_samples).float()


def sampling_of_the_first(mu, logvar, n_samples):
    return sampling_by_loop(mu[:1].expand_as(mu), logvar[:1].expand_as(mu), n_samples)


def seeded(mu, logvar, n_samples):
    torch.manual_seed(0)
    return sampling_by_loop(mu, logvar, n_samples)


def sampling_from(draw, densities, reduce):
    """A function that samples, with a mistake in one of its parts."""

    def estimate(mu, logvar, n_samples):
        q, p = Normal(mu, torch.exp(0.5 * logvar)), Normal(torch.zeros_like(mu), torch.ones_like(mu))
        return reduce(densities(q, p, draw(q, p, n_samples)))

    return estimate


def from_q(q, _p, n):
    return q.sample((n,))


def from_p(_q, p, n):
    return p.sample((n,))


def ratio(q, p, z):
    return q.log_prob(z) - p.log_prob(z)


def mean_of_sums(terms):
    return terms.sum(2).mean(0)


RIGHT = {
    "kl": [
        kl_by_loops,
        kl_in_double,
        kl_in_place,
        kl_of_sigma,
        lambda mu, logvar: kl_by_torch(mu.double(), logvar.double()),
        kl_by_torch_in_double,
        lambda mu, logvar: 0.5 * torch.einsum("bk->b", mu * mu + torch.expm1(logvar) - logvar),
        lambda mu, logvar: torch.vmap(lambda m, v: 0.5 * (m @ m + (v.exp() - 1 - v).sum()))(mu, logvar),
    ],
    "kl-gradients": [
        gradients_by_parts,
        gradients_with_sigma,
        lambda mu, logvar: [mu, (logvar.exp() - 1) / 2],
    ],
    "kl-general": [general_by_torch, general_by_solving, general_by_inverse],
    "kl-direction": ["B", " (b) "],
    "kl-bits": [lambda nats: nats * math.log2(math.e), lambda nats: [float(n) / math.log(2) for n in nats]],
    "kl-monte-carlo": [
        sampling_by_loop,
        sampling_with_independent,
        sampling_one_image_at_a_time,
        sampling_of_copies,
        by_cross_entropy,
        sampling_with(antithetic),
        sampling_with(antithetic_images),
        sampling_with(stratified),
        sampling_with(scrambled),
    ],
}

WRONG = {
    "kl": [
        (lambda mu, logvar: 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1), "sign is flipped"),
        (lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).sum(1), "twice too large"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar).sum(1), "term of the bracket is missing"),
        (lambda mu, logvar: 0.5 * (mu**2 + (0.5 * logvar).exp() - 1 - logvar).sum(1), "σ stands where σ² belongs"),
        (lambda mu, logvar: 0.5 * (mu**2 + (logvar / 2).exp() - 1 - logvar / 2).sum(1), "those of σ, not of σ²"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() ** 2 - 1 - 2 * logvar).sum(1), "read as log σ"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - 0.5 * logvar).sum(1), "logarithm is that of σ"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(1), "last term has the wrong sign"),
        (lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(1), "not squared"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1), "mean over the latent dimensions"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(), "one number for the whole batch"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean(), "averaged over the batch"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar), "parts of the single dimensions"),
        (
            lambda mu, logvar: 0.5 * ((mu**2 + 1) / logvar.exp() - 1 + logvar).sum(1),
            "the other direction",
        ),
        (lambda mu, logvar: mu.abs().sum(1), "by hand"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() + 1 - logvar).sum(1), "The 1 has the wrong sign"),
        (lambda mu, logvar: 0.5 * (mu**2).sum(1), "Only the mean counts"),
        (lambda mu, logvar: 0.5 * (logvar.exp() - 1 - logvar).sum(1), "Only the width counts"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1).sum(1), "The logarithm is missing"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar)[:, 0], "Only the first dimension"),
        (lambda mu, logvar: kl_in_double(mu, logvar) / math.log(2), "These are bits"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar)[:, -1], "Only the last dimension"),
        (lambda mu, logvar: 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 1), "subtracted once for each code"),
        (lambda mu, logvar: 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - len(mu)), "number of images is subtracted"),
        (lambda mu, logvar: 0.5 * (mu.sum(1) ** 2 + (logvar.exp() - 1 - logvar).sum(1)), "before they are squared"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() ** 2 - 1 - logvar).sum(1), "its square stands"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(0), "The sum runs over the images"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(), "averaged over everything"),
        (lambda mu, logvar: 0.5 * (mu**2 + (-logvar).exp() - 1 + logvar).sum(1), "upside down"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar**2 - 1 - 2 * logvar.abs().log()).sum(1), "for σ itself"),
        (lambda mu, logvar: 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(1), "enters by its size"),
        (lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar).mean(1), "the factor before the sum is lost, and"),
        (lambda mu, logvar: 0.5 * (1 + logvar - mu**2 - logvar.exp()).mean(1), "the sign is flipped, and"),
        (lambda mu, logvar: 3 * kl_in_double(mu, logvar) / mu.shape[1], "another one for inputs of another shape"),
        (lambda mu, logvar: 0.25 * (mu**2 + logvar.exp() - 1 - logvar).sum(1), "Each term counts 0.5 times"),
        (lambda mu, logvar: 0.99 * kl_in_double(mu, logvar), "Each term counts 0.99 times"),
        (lambda mu, logvar: 0.5 * (logvar.exp() - mu**2 - 1 - logvar).sum(1), "square of the mean has the wrong sign"),
        (lambda mu, logvar: 0.5 * (mu**2 - logvar.exp() - 1 - logvar).sum(1), "term with σ² has the wrong sign"),
        (lambda mu, logvar: 0.5 * (mu**2 + 2 * logvar.exp() - 1 - logvar).sum(1), "term with σ² counts 2 times"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar).sum(1) - 1.5, "is a size written into the code"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar.exp().log()).sum(1), "have log σ² already"),
        (kl_by_torch, "you used it rightly: it takes that logarithm too"),
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar**2).sum(1), "logarithm is squared"),
        (lambda mu, logvar: kl_in_double(mu, logvar).detach(), "no gradient passes from them to `mu`"),
        (kl_of_numbers, "The values are right. But no gradient passes"),
        (lambda mu, logvar: kl_in_double(torch.from_numpy(mu.numpy()), logvar), "to `mu`, and a network is"),
        (torch.no_grad()(kl_in_double), "and a network is to be trained"),
        (lambda mu, logvar: kl_in_double(mu.clone(), logvar.detach()), "no gradient passes from them to `logvar`"),
        (lambda mu, logvar: kl_in_double(mu, logvar) - mu.sum(1) + mu.sum(1).detach(), "gradient in `mu` is not"),
        (lambda mu, logvar: sampling_with(torch.randn)(mu, logvar, 1000), "give two different results"),
        (lambda mu, logvar: kl_in_double(mu, logvar.clamp(-20, 20)), "Right for codes of the usual width, but not"),
    ],
    "kl-gradients": [
        (lambda mu, logvar: (-mu, 0.5 * (1 - logvar.exp())), "signs are flipped"),
        (lambda mu, logvar: (2 * mu, logvar.exp() - 1), "Both are twice too large"),
        (lambda mu, logvar: (mu, logvar.exp() - 1), "Where is the half?"),
        (lambda mu, logvar: (mu, 0.5 * logvar.exp()), "not 0 at σ = 1"),
        (lambda mu, logvar: (mu, 0.5 - 0.5 / logvar.exp()), "gradient in σ² itself"),
        (lambda mu, logvar: (mu, (logvar / 2).exp() - (-logvar / 2).exp()), "gradient in σ."),
        (lambda mu, logvar: (mu, 0.5 - 0.5 * logvar.exp()), "the one in log σ² has its sign flipped"),
        (lambda mu, logvar: (mu, 0.5 * ((0.5 * logvar).exp() - 1)), "In the other one σ stands"),
        (lambda mu, logvar: (2 * mu, 0.5 * (logvar.exp() - 1)), "the one in mu is twice too large"),
        (lambda mu, logvar: (0.5 * mu, 0.5 * (logvar.exp() - 1)), "half of what it should be"),
        (lambda mu, logvar: (0.5 * mu**2, 0.5 * (logvar.exp() - 1)), "not differentiated"),
        (lambda mu, logvar: gradients_by_parts(mu, logvar)[::-1], "in the wrong order"),
        (lambda mu, logvar: tuple(g / mu.shape[1] for g in gradients_by_parts(mu, logvar)), "mean over the latent"),
        (lambda mu, logvar: tuple(g / len(mu) for g in gradients_by_parts(mu, logvar)), "average over the batch"),
        (lambda mu, logvar: mu, "asks for 2 results"),
        (lambda mu, logvar: (mu, ...), "Result 2 of yours is still missing"),
        (lambda mu, logvar: [None, logvar], "Result 1 of yours"),
    ],
    "kl-general": [
        (
            lambda mu_q, cov_q, mu_p, cov_p: general_by_torch(mu_q, cov_q, mu_p, cov_p) + len(mu_q),
            "number of dimensions is still added",
        ),
        (lambda *pair: general_by_torch(*pair) + len(pair[0]) / 2, "missing altogether"),
        (lambda *pair: general_by_torch(*pair) + len(pair[0]) / 2 - 1.5, "is a size written into the code"),
        (lambda mu_q, cov_q, mu_p, cov_p: general_by_torch(mu_q, cov_q, mu_q, cov_p), "two means play no part"),
        (
            lambda mu_q, cov_q, mu_p, cov_p: (
                general_by_torch(mu_q, cov_q, mu_p, cov_p) + torch.logdet(cov_q) - torch.logdet(cov_p)
            ),
            "wrong way round",
        ),
        (lambda mu_q, cov_q, mu_p, cov_p: general_by_torch(mu_p, cov_p, mu_q, cov_q), "changed places"),
        (lambda *pair: 2 * general_by_torch(*pair), "twice too large"),
        (lambda mu_q, *rest: general_by_inverse(mu_q.double(), *rest), "must have the `dtype`"),
    ],
    "kl-direction": [("a", "averages over the prior"), ("c", "not a distance"), ("d", "not because codes ought to")],
    "kl-bits": [
        (lambda nats: nats * math.log(2), "Multiplied where it should be divided"),
        (lambda nats: nats / math.log(10), "base 10"),
        (lambda nats: nats, "Nothing has been converted"),
        (lambda nats: nats / 8, "bits to bytes"),
        (torch.log2, "logarithm already"),
    ],
    "kl-monte-carlo": [
        (sampling_from(from_p, ratio, mean_of_sums), "drawn from the prior"),
        (sampling_from(from_q, lambda q, p, z: p.log_prob(z) - q.log_prob(z), mean_of_sums), "upside down"),
        (sampling_from(from_p, lambda q, p, z: p.log_prob(z) - q.log_prob(z), mean_of_sums), "estimates KL(p || q)"),
        (sampling_from(from_q, ratio, lambda terms: terms.sum(2).sum(0)), "added up, and not averaged"),
        (sampling_from(from_q, ratio, lambda terms: terms.mean(2).mean(0)), "mean over the latent dimensions"),
        (sampling_from(from_q, ratio, lambda terms: terms.sum(2)[0]), "four samples spread as much as one"),
        (sampling_from(from_q, ratio, lambda terms: terms.sum(2).mean()), "one value for each"),
        (sampling_from(lambda q, _p, n: q.sample((n,)).mean(0), ratio, lambda terms: terms.sum(1)), "at their mean"),
        (
            sampling_from(from_q, ratio, lambda terms: terms.sum(2).sum(0) / (len(terms) + (len(terms) > 1))),
            "but not for four",
        ),
        (
            lambda mu, logvar, n: sampling_of_copies(mu, logvar, n, lambda terms, n: terms.view(-1, n).mean(1)),
            "not in a batch of different ones",
        ),
        (sampling_of_the_first, "Follow one image"),
        (sampling_with(torch.randn, torch.abs), "None of your values is negative"),
        (sampling_with(torch.randn, lambda r: 0.5 * r**2), "without `abs` or a square"),
        (sampling_with(torch.randn, lambda r: r.clamp(min=0)), "exactly 0"),
        (sampling_with(torch.randn, lambda r: r.clamp(-4, 4)), "exactly 4"),
        (sampling_with(torch.randn, lambda r: r.clamp(-5, 5)), "clamped, its average is no longer the KL"),
        (sampling_with(torch.randn, lambda r: r.clamp(-1000, 1000)), "Is something clamped?"),
        (in_half_precision, "half precision"),
        (sampling_with(torch.randn, lambda r: 0.95 * r), "multiplied by 0.95"),
        (sampling_with(torch.randn, lambda r: r / 2), "half of the KL"),
        (sampling_with(torch.randn, lambda r: r / math.log(2)), "These are bits"),
        (sampling_with(shared_by_two), "Has each dimension its own noise?"),
        (sampling_with(lambda n, n_images, _: torch.randn(n, n_images, 3)), "Your function raised"),
        (lambda mu, logvar, n: sampling_by_loop(mu, 2 * logvar, n), "q is not the one meant"),
        (lambda mu, logvar, n: sampling_by_loop(0 * mu, logvar, n), "more than chance explains"),
        (seeded, "is there a seed"),
        (lambda *args: (sampling_by_loop(*args), args[0]), "asks for one result; yours has 2"),
        (lambda mu, logvar, _n: kl_by_torch(mu, logvar), "closed form"),
        (
            lambda mu, logvar, n: mean_of_sums(
                ratio(
                    Normal(mu, torch.exp(0.5 * logvar)),
                    Normal(torch.zeros_like(mu), 1.0),
                    mu + torch.exp(0.5 * logvar) * torch.randn(n, 1, mu.shape[1]),
                )
            ),
            "Is there a draw for each?",
        ),
        (
            lambda mu, logvar, n: mean_of_sums(
                ratio(
                    Normal(mu, torch.exp(0.5 * logvar)),
                    Normal(torch.zeros_like(mu), 1.0),
                    mu + logvar.exp() * torch.randn(n, *mu.shape),
                )
            ),
            "drawn with the width σ²",
        ),
    ],
}
