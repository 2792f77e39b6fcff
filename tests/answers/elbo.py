"""Answers to the exercises on the ELBO, as students write them."""

import math

import numpy as np
import torch
from torch.distributions import Categorical, MultivariateNormal, Normal, kl_divergence

LOG_TWO_PI = math.log(2 * math.pi)


def kl_to_prior(mu, cov):
    return 0.5 * (mu @ mu + torch.trace(cov) - len(mu) - torch.logdet(cov))


def posterior_of(x, weight, bias, sigma):
    cov = torch.linalg.inv(torch.eye(weight.shape[1]) + weight.T @ weight / sigma**2)
    return MultivariateNormal(cov @ weight.T @ (x - bias) / sigma**2, cov)


def evidence_of(x, weight, bias, sigma):
    return MultivariateNormal(bias, weight @ weight.T + sigma**2 * torch.eye(len(x))).log_prob(x)


def at_mean(x, weight, bias, sigma, mu):
    return Normal(bias + weight @ mu, sigma).log_prob(x).sum()


def elbo_by_hand(x, weight, bias, sigma, mu, cov):
    error = (x - bias - weight @ mu).pow(2).sum() + torch.trace(weight @ cov @ weight.T)
    reconstruction = -0.5 * (len(x) * (LOG_TWO_PI + 2 * math.log(sigma)) + error / sigma**2)
    return reconstruction - kl_to_prior(mu, cov)


def elbo_as_evidence_minus_gap(x, weight, bias, sigma, mu, cov):
    gap = kl_divergence(MultivariateNormal(mu, cov), posterior_of(x, weight, bias, sigma))
    return evidence_of(x, weight, bias, sigma) - gap


def elbo_in_numpy(x, weight, bias, sigma, mu, cov):
    x, weight, bias, mu, cov = (part.double().numpy() for part in (x, weight, bias, mu, cov))
    second_moment = cov + np.outer(mu, mu)
    away = x - bias
    square = away @ away - 2 * away @ weight @ mu + np.sum((weight.T @ weight) * second_moment)
    reconstruction = -0.5 * (len(x) * np.log(2 * np.pi * sigma**2) + square / sigma**2)
    kl = 0.5 * (np.trace(second_moment) - len(mu) - np.linalg.slogdet(cov)[1])
    return float(reconstruction - kl)


def elbo_by_loops(x, weight, bias, sigma, mu, cov):
    total = 0.0
    for n in range(len(x)):
        row = weight[n]
        variance = sum(row[j] * row[k] * cov[j, k] for j in range(len(mu)) for k in range(len(mu)))
        total += Normal(bias[n] + row @ mu, sigma).log_prob(x[n]) - 0.5 * variance / sigma**2
    return total - kl_to_prior(mu, cov)


def elbo_with(spread=None, kl=None):
    """With another spread or another KL term."""

    def elbo(x, weight, bias, sigma, mu, cov):
        cost = 0.5 * torch.trace(weight @ cov @ weight.T) / sigma**2
        reconstruction = at_mean(x, weight, bias, sigma, mu) - (spread(cost, weight, sigma, cov) if spread else cost)
        return reconstruction - (kl(mu, cov) if kl else kl_to_prior(mu, cov))

    return elbo


def elbo_with_pixel_noise(width):
    """With another second argument for Normal."""

    def elbo(x, weight, bias, sigma, mu, cov):
        reconstruction = Normal(bias + weight @ mu, width(sigma)).log_prob(x).sum()
        return reconstruction - 0.5 * torch.trace(weight @ cov @ weight.T) / sigma**2 - kl_to_prior(mu, cov)

    return elbo


def kl_of_diagonal(mu, cov):
    return kl_divergence(Normal(mu, cov.diag().sqrt()), Normal(0.0, 1.0)).sum()


def elbo_of_the_lesson(x, weight, bias, sigma, mu, cov):
    spread = (cov.diag() * weight.pow(2).sum(0)).sum() / (2 * sigma**2)
    return at_mean(x, weight, bias, sigma, mu) - spread - kl_of_diagonal(mu, cov)


def elbo_with_constant(constant):
    def elbo(x, weight, bias, sigma, mu, cov):
        error = (x - bias - weight @ mu).pow(2).sum() + torch.trace(weight @ cov @ weight.T)
        return -0.5 * (len(x) * constant(sigma) + error / sigma**2) - kl_to_prior(mu, cov)

    return elbo


def elbo_per_pixel(x, weight, bias, sigma, mu, cov):
    reconstruction = elbo_by_hand(x, weight, bias, sigma, mu, cov) + kl_to_prior(mu, cov)
    return reconstruction / len(x) - kl_to_prior(mu, cov)


def elbo_by_sampling(x, weight, bias, sigma, mu, cov):
    z = MultivariateNormal(mu, cov).sample((1000,))
    return Normal(z @ weight.T + bias, sigma).log_prob(x).sum(1).mean() - kl_to_prior(mu, cov)


def reconstruction_minus_gap(x, weight, bias, sigma, mu, cov):
    gap = kl_divergence(MultivariateNormal(mu, cov), posterior_of(x, weight, bias, sigma))
    return elbo_by_hand(x, weight, bias, sigma, mu, cov) + kl_to_prior(mu, cov) - gap


def prior_of(mu):
    return MultivariateNormal(torch.zeros_like(mu), torch.eye(len(mu)))


def gap_by_definition(log_joint, log_q, step):
    log_posterior = log_joint - log_joint.logsumexp(0) - math.log(step)
    return (log_q.exp() * (log_q - log_posterior)).sum() * step


def gap_by_cells(log_joint, log_q, step):
    q = log_q.softmax(0)
    return (q * (q.clamp(min=1e-300).log() - log_joint.log_softmax(0))).sum()


def gap_by_trapezoids(log_joint, log_q, step):
    top = log_joint.max()
    log_evidence = top + torch.trapezoid((log_joint - top).exp(), dx=step).log()
    return log_evidence - torch.trapezoid(log_q.exp() * (log_joint - log_q), dx=step)


def gap_in_numpy(log_joint, log_q, step):
    log_joint, log_q = log_joint.numpy(), log_q.numpy()
    log_evidence = np.logaddexp.reduce(log_joint) + np.log(step)
    return np.sum(np.exp(log_q) * (log_q - log_joint)) * step + log_evidence


def naive_gap(log_joint, log_q, step):
    joint = log_joint.exp()
    posterior = joint / (joint.sum() * step)
    return (log_q.exp() * (log_q - posterior.log())).sum() * step


def gap_shifted_but_not_in_logarithms(log_joint, log_q, step):
    p = (log_joint - log_joint.max()).exp()
    p = p / (p.sum() * step)
    return (log_q.exp() * (log_q - p.log())).sum() * step


def infinite_on_some_inputs(log_joint, log_q, step):
    infinite_on_some_inputs.calls += 1
    return 0.0 if infinite_on_some_inputs.calls % 2 else math.inf


infinite_on_some_inputs.calls = 0


def swapped_gap(log_joint, log_q, step):
    log_posterior = log_joint - log_joint.logsumexp(0) - math.log(step)
    return (log_posterior.exp() * (log_posterior - log_q)).sum() * step


def gap_with(log_evidence=None, average=None):
    def gap(log_joint, log_q, step):
        evidence = (log_evidence or (lambda j, s: j.logsumexp(0) + math.log(s)))(log_joint, step)
        terms = log_q - log_joint + evidence
        return average(terms, log_q, step) if average else (log_q.exp() * terms).sum() * step

    return gap


def estimates_by_hand(x, w, sigma, mu, logvar, eps):
    variance = logvar.exp()
    z = mu + variance.sqrt() * eps
    reconstruction = -0.5 * (LOG_TWO_PI + 2 * sigma.log() + (x - w * z) ** 2 / sigma**2)
    log_ratio = 0.5 * (eps**2 + logvar - z**2)
    return reconstruction + log_ratio, reconstruction - 0.5 * (mu**2 + variance - 1 - logvar)


def estimates_by_loop(x, w, sigma, mu, logvar, eps):
    first, second = [], []
    x, w, sigma, mu, logvar = (float(number) for number in (x, w, sigma, mu, logvar))
    q, p = Normal(mu, math.exp(logvar / 2)), Normal(0.0, 1.0)
    for e in eps:
        z = mu + math.exp(logvar / 2) * e
        reconstruction = Normal(w * z, sigma).log_prob(torch.tensor(x))
        first.append(reconstruction + p.log_prob(z) - q.log_prob(z))
        second.append(reconstruction - kl_divergence(q, p))
    return torch.stack(first), torch.stack(second)


def estimates_in_double(x, w, sigma, mu, logvar, eps):
    x, w, sigma, mu, logvar, eps = (part.double() for part in (x, w, sigma, mu, logvar, eps))
    return estimates_by_hand(x, w, sigma, mu, logvar, eps)


def estimates_with(first=None, second=None, width=None, noise=None, decoded_at=None):
    """With a mistake in one of its parts."""

    def estimates(x, w, sigma, mu, logvar, eps):
        root = torch.exp(0.5 * logvar)
        q, p = Normal(mu, root), Normal(torch.zeros(()), torch.ones(()))
        z = mu + (width(logvar) if width else root) * eps
        reconstruction = Normal(w * (mu + 0 * eps if decoded_at else z), noise(sigma) if noise else sigma).log_prob(x)
        one = first(reconstruction, q, p, z, eps, root) if first else reconstruction + p.log_prob(z) - q.log_prob(z)
        return one, second(reconstruction, q, p, x, w, sigma) if second else reconstruction - kl_divergence(q, p)

    return estimates


def estimates_with_variance(x, w, sigma_x, mu, logvar, eps):
    s = logvar.exp()
    q, z = Normal(mu, s), mu + s * eps
    reconstruction = Normal(w * z, sigma_x).log_prob(x)
    return reconstruction + Normal(0, 1).log_prob(z) - q.log_prob(z), reconstruction - kl_divergence(q, Normal(0, 1))


def estimates_exchanged(x, w, sigma_x, mu, logvar, eps):
    s = torch.exp(logvar / 2)
    q, z = Normal(mu, s), mu + sigma_x * eps
    reconstruction = Normal(w * z, s).log_prob(x)
    return reconstruction + Normal(0, 1).log_prob(z) - q.log_prob(z), reconstruction - kl_divergence(q, Normal(0, 1))


def estimates_plus(constant):
    def estimates(x, w, sigma_x, mu, logvar, eps):
        return tuple(part + constant(sigma_x) for part in estimates_by_hand(x, w, sigma_x, mu, logvar, eps))

    return estimates


def loss_by_shift(losses):
    top = (-losses).max(dim=0).values
    return -(top + torch.exp(-losses - top).mean(dim=0).log())


def loss_in_numpy(losses):
    return math.log(losses.shape[0]) - np.logaddexp.reduce(-losses.numpy(), axis=0)


def loss_by_loop(losses):
    values = []
    for image in losses.T:
        best = min(image)
        values.append(best - math.log(sum(math.exp(best - loss) for loss in image) / len(image)))
    return torch.tensor(values)


def wrong_importance_loss(losses):
    weights = torch.softmax(losses, dim=0)
    return (weights * losses).sum(dim=0)


RIGHT = {
    "elbo-full": [elbo_by_hand, elbo_as_evidence_minus_gap, elbo_in_numpy, elbo_by_loops],
    "elbo-gap": [gap_by_definition, gap_by_cells, gap_by_trapezoids, gap_in_numpy],
    "elbo-estimators": [
        estimates_by_hand,
        estimates_by_loop,
        estimates_in_double,
        lambda *args: list(estimates_by_hand(*args)),
    ],
    "elbo-importance": [loss_by_shift, loss_in_numpy, loss_by_loop],
    "elbo-rise": ["c", "(C)"],
    "elbo-noise": [1.5, torch.tensor(0.27 * 20 / 3.6)],
}

WRONG = {
    "elbo-full": [
        (lambda *args: -elbo_by_hand(*args), "this is the loss"),
        (elbo_with(spread=lambda cost, w, s, c: 0), "value at the mean of q"),
        (elbo_with(spread=lambda cost, w, s, c: 0.5 * c.diag() @ (w**2).sum(0) / s**2), "has covariances too"),
        (elbo_of_the_lesson, "lesson's diagonal q"),
        (elbo_with(kl=kl_of_diagonal), "The reconstruction term is right; the KL term has used"),
        (elbo_with(spread=lambda cost, w, s, c: 0.5 * (w @ c @ w.T).sum() / s**2), "sum the variances of the D"),
        (
            elbo_with(spread=lambda cost, w, s, c: 0.5 * torch.trace(w.T @ w) * torch.trace(c) / s**2),
            "none of their covariances",
        ),
        (elbo_with_pixel_noise(lambda sigma: sigma**2), "yours gets σ²"),
        (lambda x, w, b, s, mu, cov: elbo_by_hand(x, w, b, s**2, mu, cov), "`Normal` takes a standard deviation"),
        (elbo_with(spread=lambda cost, w, s, c: torch.trace(w.T @ w @ c) / s**2), "must be halved"),
        (elbo_with(spread=lambda cost, w, s, c: 0.5 * torch.trace(w.T @ w @ c)), "divided by the noise's variance"),
        (elbo_with(spread=lambda cost, w, s, c: -cost), "raises the reconstruction term"),
        (elbo_with(kl=lambda mu, cov: -kl_to_prior(mu, cov)), "The KL term is added"),
        (elbo_with(kl=lambda mu, cov: 0), "infinitely narrow q"),
        (
            elbo_with(kl=lambda mu, cov: kl_divergence(prior_of(mu), MultivariateNormal(mu, cov))),
            "prior have changed places",
        ),
        (reconstruction_minus_gap, "the other the gap"),
        (elbo_with(kl=lambda mu, cov: 2 * kl_to_prior(mu, cov)), "KL term is twice too large"),
        (elbo_with(kl=lambda mu, cov: kl_to_prior(mu, cov) + len(mu) / 2), "At q = prior"),
        (elbo_with(kl=lambda mu, cov: 0.5 * (mu @ mu + cov.trace() - len(mu))), "log-determinant of q's"),
        (elbo_with_constant(lambda sigma: 0), "models with different σ"),
        (elbo_with_constant(lambda sigma: 2 * math.log(sigma)), "constant with 2π"),
        (elbo_per_pixel, "code becomes too expensive"),
        (lambda x, w, b, s, mu, cov: elbo_by_hand(x, w, b, s**0.5, mu, cov), "where it should have σ²"),
        (lambda x, w, b, s, mu, cov: evidence_of(x, w, b, s), "which no q enters"),
        (
            lambda x, w, b, s, mu, cov: kl_divergence(MultivariateNormal(mu, cov), posterior_of(x, w, b, s)),
            "This is the gap",
        ),
        (elbo_by_sampling, "you have sampled"),
    ],
    "elbo-gap": [
        (lambda j, q, s: kl_divergence(Categorical(logits=q), Categorical(logits=j)), "of two Categoricals"),
        (lambda j, q, s: (q.exp() * (q - j)).sum() * s, "minus the ELBO"),
        (lambda j, q, s: (q.exp() * (j - q)).sum() * s, "This is the ELBO"),
        (lambda j, q, s: j.logsumexp(0) + math.log(s), "This is log p(x)"),
        (swapped_gap, "have changed places"),
        (gap_with(log_evidence=lambda j, s: j.logsumexp(0)), "fineness of the grid"),
        (gap_with(log_evidence=lambda j, s: j.logsumexp(0) - math.log(s)), "wrong side"),
        (gap_with(average=lambda terms, q, s: (q.exp() * terms).sum()), "the step is not"),
        (
            gap_with(lambda j, s: j.logsumexp(0), lambda terms, q, s: (q.exp() * terms).sum()),
            "missing in both integrals",
        ),
        (lambda j, q, s: -gap_by_definition(j, q, s), "sign is flipped"),
        (gap_with(average=lambda terms, q, s: terms.mean()), "an average over the grid"),
        (gap_with(average=lambda terms, q, s: terms.sum() * s), "an integral over the grid"),
        (naive_gap, "As they come"),
        (gap_shifted_but_not_in_logarithms, "far out on the grid still have"),
        (infinite_on_some_inputs, "There is a NaN or an infinity"),
        (gap_with(average=lambda terms, q, s: (q.exp() * terms.abs()).sum() * s), "Two things to check"),
    ],
    "elbo-estimators": [
        (lambda *args: estimates_by_hand(*args)[::-1], "wrong order"),
        (lambda *args: tuple(-part for part in estimates_by_hand(*args)), "these are losses"),
        (estimates_with(width=torch.exp), "width σ²"),
        (estimates_with(width=lambda logvar: logvar), "even negative"),
        (estimates_with_variance, "q is not the one meant"),
        (estimates_with(noise=torch.square), "the likelihood gets a variance"),
        (estimates_exchanged, "drawn with the σ of q"),
        (estimates_plus(lambda sigma_x: LOG_TWO_PI / 2), "constant with 2π"),
        (estimates_plus(lambda sigma_x: LOG_TWO_PI / 2 + sigma_x.log()), "lacks its constant"),
        (estimates_with(decoded_at="mean"), "same for each draw"),
        (estimates_with(noise=torch.sqrt), "It is a standard deviation"),
        (
            estimates_with(lambda reconstruction, q, p, z, eps, root: reconstruction + p.log_prob(z) - p.log_prob(eps)),
            "has a higher density",
        ),
        (
            estimates_with(
                lambda reconstruction, q, p, z, eps, root: reconstruction + p.log_prob(z) - p.log_prob(eps) - root.log()
            ),
            "dense or thin",
        ),
        (
            estimates_with(lambda reconstruction, q, p, z, eps, root: reconstruction - p.log_prob(z) + q.log_prob(z)),
            "p(z) and q(z)",
        ),
        (
            estimates_with(lambda reconstruction, q, p, z, eps, root: reconstruction + p.log_prob(z) + q.log_prob(z)),
            "log q(z) has the",
        ),
        (estimates_with(lambda reconstruction, q, p, z, eps, root: reconstruction - q.log_prob(z)), "second factor"),
        (
            estimates_with(lambda reconstruction, q, p, z, eps, root: reconstruction + p.log_prob(z)),
            "joint density alone",
        ),
        (
            estimates_with(second=lambda reconstruction, q, p, *_: reconstruction + kl_divergence(q, p)),
            "KL term is added",
        ),
        (
            estimates_with(second=lambda reconstruction, q, p, *_: reconstruction - kl_divergence(p, q)),
            "prior have changed places",
        ),
        (estimates_with(second=lambda reconstruction, q, p, *_: reconstruction), "where is the KL term"),
        (
            estimates_with(
                second=lambda reconstruction, q, p, x, w, sigma: (
                    Normal(w * q.mean, sigma).log_prob(x) - kl_divergence(q, p) + 0 * reconstruction
                )
            ),
            "decodes the mean of q",
        ),
        (lambda *args: tuple(part.mean() for part in estimates_by_hand(*args)), "averages over the draws"),
        (
            lambda x, w, sigma, mu, logvar, eps: estimates_by_hand(x, w, sigma, mu, logvar, torch.randn(len(eps))),
            "draw nothing yourself",
        ),
        (lambda *args: estimates_by_hand(*args)[0], "asks for 2 results"),
    ],
    "elbo-importance": [
        (wrong_importance_loss, "still the function from the task"),
        (lambda losses: (torch.softmax(-losses, 0).detach() * losses).sum(0), "only has the right gradient"),
        (lambda losses: -loss_by_shift(losses), "a loss is minus a bound"),
        (lambda losses: losses.mean(0), "mean of the losses"),
        (lambda losses: losses.min(0).values, "best sample alone"),
        (lambda losses: -torch.logsumexp(-losses, 0), "falls with every sample"),
        (lambda losses: -torch.logsumexp(-losses, 0) - math.log(len(losses)), "wrong sign"),
        (lambda losses: torch.logsumexp(losses, 0) - math.log(len(losses)), "averages the inverse weights"),
        (lambda losses: -(torch.logsumexp(losses, 0) - math.log(len(losses))), "The sign before it is wrong too"),
        (lambda losses: -torch.log(torch.exp(-losses).mean(0)), "every weight is exactly 0"),
        (lambda losses: loss_by_shift(losses).mean(), "averaged over the images"),
        (lambda losses: -torch.log(torch.exp(-losses).clamp(1e-30, 1e30).mean(0)), "Three cases"),
        (lambda losses: torch.softmax(-losses, 1), "where the task asks for"),
        (lambda losses: math.log(7) - (-losses).logsumexp(0), "is a size written into the code"),
        (
            lambda losses: losses.min() - torch.exp(losses.min() - losses).mean(0).log(),
            "nor for one of -900",
        ),
    ],
    "elbo-rise": [("a", "both have moved"), ("b", "smaller gap alone"), ("d", "Something does follow")],
    "elbo-noise": [
        (0.075, "spread of single estimates"),
        (30, "Which power"),
        (-1.5, "The size is right"),
        (0.27, "difference in nats"),
        (0.18, "That is the standard error"),
        (0.667, "upside down"),
        (0.417, "spread is squared"),
        (2.0, "How often does it fit"),
    ],
}
