"""The exercise "two estimates of one bound"."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake


def _draws(generator: Generator, n_draws: int) -> tuple[Tensor, ...]:
    x, mu, w = torch.randn(3, generator=generator)
    sigma, logvar = 0.4 + 0.3 * torch.rand(1, generator=generator)[0], -1 - torch.rand(1, generator=generator)[0]
    return x, 1.5 + w.abs(), sigma, mu, logvar, torch.randn(n_draws, generator=generator)


class _Estimates:
    """The logarithms of the densities of one code and one pixel, and what one-sample estimates are made of."""

    def __init__(self, x: Tensor, w: Tensor, sigma: Tensor, mu: Tensor, logvar: Tensor, eps: Tensor) -> None:
        root = torch.exp(0.5 * logvar)
        q, prior = Normal(mu, root), Normal(0.0, 1.0)
        self.at = lambda z, noise=sigma: Normal(w * z, noise).log_prob(x)
        self.z = q.mean + q.stddev * eps
        self.likelihood, self.log_q, self.log_prior = self.at(self.z), q.log_prob(self.z), prior.log_prob(self.z)
        self.kl, self.kl_swapped = kl_divergence(q, prior), kl_divergence(prior, q)
        self.plug_in = self.at(mu).expand_as(eps)
        self.log_root, self.log_eps = 0.5 * logvar, prior.log_prob(eps)
        self.without_two_pi = self.likelihood + 0.5 * math.log(2 * math.pi)
        self.without_constant = self.without_two_pi + sigma.log()

    def pair(self, likelihood: Tensor | None = None) -> tuple[Tensor, Tensor]:
        likelihood = self.likelihood if likelihood is None else likelihood
        return likelihood + self.log_prior - self.log_q, likelihood - self.kl


def _of_estimates(compute: Callable[[_Estimates], tuple]) -> Callable[..., tuple]:
    return lambda *args: compute(_Estimates(*args))


def _with_widths(
    drawn: Callable[[Tensor, Tensor], Tensor] = lambda root, sigma: root,
    q: Callable[[Tensor, Tensor], Tensor] = lambda root, sigma: root,
    pixel: Callable[[Tensor, Tensor], Tensor] = lambda root, sigma: sigma,
) -> Callable[..., tuple]:
    """Return the estimates of a student who draws z, or takes the density of z or of the pixel, with a wrong width."""

    def result(x: Tensor, w: Tensor, sigma: Tensor, mu: Tensor, logvar: Tensor, eps: Tensor) -> tuple:
        widths = torch.exp(0.5 * logvar), sigma
        eps = eps * drawn(*widths) / q(*widths)
        return _Estimates(x, w, pixel(*widths), mu, 2 * q(*widths).log(), eps).pair()

    return result


NOT_THIS_Q = "q is not the one meant: `logvar` is log σ², and `Normal` and z = μ + σ ε take σ, its square root."


EXCHANGED = "z must be drawn with the σ of q, and the pixel has the noise `sigma_x`."


ESTIMATORS = Function(
    name="elbo-estimators",
    points=3,
    inputs=_draws,
    answer=_of_estimates(lambda e: e.pair()),
    mistakes=(
        Mistake(_of_estimates(lambda e: e.pair()[::-1]), "Both are right, but in the wrong order."),
        Mistake(
            _of_estimates(lambda e: tuple(-part for part in e.pair())),
            "Both signs are flipped: these are losses. The ELBO goes up.",
        ),
        Mistake(
            _with_widths(drawn=lambda root, sigma: root.square()),
            "z is drawn with width σ², where it should be σ. What `logvar` holds is log σ².",
        ),
        Mistake(
            _with_widths(drawn=lambda root, sigma: 2 * root.log()),
            "z is drawn with the width `logvar`, and that is a logarithm. It is even negative here.",
        ),
        Mistake(_with_widths(drawn=lambda root, sigma: root.square(), q=lambda root, sigma: root.square()), NOT_THIS_Q),
        Mistake(_with_widths(q=lambda root, sigma: root.square()), NOT_THIS_Q),
        Mistake(_with_widths(drawn=lambda root, sigma: sigma), EXCHANGED),
        Mistake(_with_widths(pixel=lambda root, sigma: root), EXCHANGED),
        Mistake(_with_widths(drawn=lambda root, sigma: sigma, pixel=lambda root, sigma: root), EXCHANGED),
        Mistake(_with_widths(drawn=lambda root, sigma: sigma, q=lambda root, sigma: sigma), EXCHANGED),
        Mistake(
            _with_widths(lambda root, sigma: sigma, lambda root, sigma: sigma, lambda root, sigma: root),
            EXCHANGED,
        ),
        Mistake(
            _with_widths(pixel=lambda root, sigma: sigma.square()),
            "`Normal` takes a standard deviation; the likelihood gets a variance.",
        ),
        Mistake(
            _of_estimates(lambda e: e.pair(e.without_two_pi)),
            "The constant with 2π is missing in the log-density of the pixel.",
        ),
        Mistake(
            _of_estimates(lambda e: e.pair(e.without_constant)),
            "The log-density of the pixel lacks its constant. Without it, these are not estimates of a bound on "
            "log p(x).",
        ),
        Mistake(
            _of_estimates(lambda e: e.pair(e.plug_in)),
            "The likelihood is taken at the mean of q, and so is the same for each draw. It has to be that of the "
            "drawn code.",
        ),
        Mistake(
            _with_widths(pixel=lambda root, sigma: sigma.sqrt()),
            "The pixel's noise has the variance `sigma_x`. It is a standard deviation.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood + e.log_prior - e.log_eps, e.pair()[1])),
            "The second is right. The first has the density of ε in the place of q's density of z: a narrower "
            "distribution has a higher density, and that factor is missing.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood + e.log_prior - e.log_eps - e.log_root, e.pair()[1])),
            "The second is right. In the first, the width of q has entered its log-density with the wrong sign: is a "
            "narrow distribution dense or thin?",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood - e.log_prior + e.log_q, e.pair()[1])),
            "The second is right. In the first, p(z) and q(z) have changed places.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood + e.log_prior + e.log_q, e.pair()[1])),
            "The second is right. In the first, log q(z) has the wrong sign.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood - e.log_q, e.pair()[1])),
            "The second is right. In the first, the joint density has a second factor, the prior.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.likelihood + e.log_prior, e.pair()[1])),
            "The second is right. The first is the joint density alone, without q.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood + e.kl)),
            "The first is right. In the second, the KL term is added where it should be subtracted.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood - e.kl_swapped)),
            "The first is right. In the second, q and the prior have changed places in the divergence.",
        ),
        Mistake(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood)),
            "The first is right. The second is the reconstruction term alone; where is the KL term?",
        ),
        Mistake(
            _of_estimates(lambda e: (e.pair()[0], e.plug_in - e.kl)),
            "The first is right. The second decodes the mean of q, so that ε plays no part in it. That is not a bound.",
        ),
        Mistake(
            _of_estimates(lambda e: tuple(part.mean() for part in e.pair())),
            "These are averages over the draws. The task asks for one estimate for each draw, since it is their "
            "spread that you will look at.",
        ),
    ),
    hint="Use the ε that you are given, and draw nothing yourself. Take mu = 0, logvar = log 4 (so σ = 2), sigma_x = "
    "3, x = 0, ε = 0, and work both out by hand: the KL term is 0.807 nats. Then take ε = 1, for which z is 2.",
    remark="At the posterior the first has no spread: it is log p(x) for every z. The second spreads, since its "
    "reconstruction term varies and nothing cancels it.",
    rtol=1e-3,
    atol=1e-3,
)
