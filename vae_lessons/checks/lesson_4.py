"""Exercises of lesson 4: the evidence lower bound."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae_lessons.checks.calls import NoAnswerError
from vae_lessons.checks.exercises import Choice, Exercise, Function, Number, Slip, Task, as_results


def _in_other_words(function: Function, infinite: str) -> Task:
    """`function`, with words of its own for results that are not finite."""

    def judgement(answer: object) -> str | None:
        seen: list[object] = []

        def watched(*args: object) -> object:
            seen.append(answer(*args))
            return seen[-1]

        said = function.judge(watched if callable(answer) else answer)
        nameless = said is not None and (said == function.hint or "is not finite" in said)
        return infinite if nameless and not all(map(_is_finite, seen)) else said

    return Task(function.name, function.points, judgement, function.remark)


def _is_finite(result: object) -> bool:
    """Also of what is no result at all, for which there are other words."""
    try:
        return all(bool(part.isfinite().all()) for part in as_results(result))
    except NoAnswerError:
        return True


class _Terms:
    """What the ELBO of one image is made of, in the linear-Gaussian model with a q of any covariance."""

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor, sigma: float, mu: Tensor, cov: Tensor) -> None:
        x, weight, bias, mu, cov = (part.double() for part in (x, weight, bias, mu, cov))
        self.n_pixels, self.variance = len(x), sigma**2
        n_codes = len(mu)
        marginal = weight @ weight.T + sigma**2 * torch.eye(len(x)).double()
        gain = torch.linalg.solve(marginal, weight).T
        eye = torch.eye(n_codes).double()
        posterior = MultivariateNormal(gain @ (x - bias), eye - gain @ weight)
        prior = MultivariateNormal(torch.zeros(n_codes).double(), eye)
        q = MultivariateNormal(mu, cov)
        self.evidence = MultivariateNormal(bias, marginal).log_prob(x)
        self.gap = kl_divergence(q, posterior)
        self.rate, self.rate_swapped = kl_divergence(q, prior), kl_divergence(prior, q)
        self.elbo = self.evidence - self.gap
        self.at_mean = Normal(bias + weight @ mu, sigma).log_prob(x).sum()
        self.constant = -0.5 * len(x) * math.log(2 * math.pi * sigma**2)
        self.spread = self.at_mean - self.elbo - self.rate  # what the spread of q costs
        self.spread_diagonal = 0.5 * cov.diagonal() @ weight.square().sum(dim=0) / sigma**2
        self.spread_of_sum = 0.5 * (weight @ cov @ weight.T).sum() / sigma**2
        self.spread_of_traces = 0.5 * weight.square().sum() * cov.trace() / sigma**2
        self.rate_diagonal = 0.5 * (mu @ mu + cov.trace() - n_codes - cov.diagonal().log().sum())
        self.at_mean_with_square = Normal(bias + weight @ mu, sigma**2).log_prob(x).sum()
        self.log_det_half = 0.5 * torch.logdet(cov)
        self.n_codes = n_codes


def _models(generator: Generator) -> tuple[Tensor, Tensor, Tensor, float, Tensor, Tensor]:
    x, bias = torch.randn(2, 5, generator=generator)
    weight, mu = torch.randn(5, 3, generator=generator), torch.randn(3, generator=generator)
    sigma = 0.5 + 0.3 * float(torch.rand(1, generator=generator))
    root = 0.5 * torch.randn(3, 3, generator=generator)
    return x, weight, bias, sigma, mu, root @ root.T + 0.1 * torch.eye(3)


def _of_terms(compute: Callable[[_Terms], Tensor]) -> Callable[..., Tensor]:
    return lambda *args: compute(_Terms(*args))


NOT_THIS_SPREAD = (
    "The rate is right. In the fit, what the spread adds is not this: sum the variances of the D pixels of Wz, and "
    "none of their covariances."
)
GETS_A_SQUARE = "`Normal` takes a standard deviation; yours gets σ²."

FULL = Function(
    name="elbo-full",
    points=4,
    inputs=_models,
    answer=_of_terms(lambda t: t.elbo),
    slips=(
        Slip(
            _of_terms(lambda t: -t.elbo),
            "The sign is flipped: this is the loss. The ELBO itself goes up, and never above log p(x).",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.rate),
            "This is the value at the mean of q, and not the average over q: the spread costs nothing. Such a number "
            "may lie above log p(x).",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread_diagonal - t.rate),
            "Only the variances of q have entered the fit. This q has covariances too: what is the average of a "
            "product of two coordinates that vary together?",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread_diagonal - t.rate_diagonal),
            "Both fit and rate are those of the lesson's diagonal q: they have used the variances of q only. What do "
            "the covariances do to each?",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - t.rate_diagonal),
            "The fit is right; the rate has used the variances of q only.",
        ),
        Slip(_of_terms(lambda t: t.at_mean - t.spread_of_sum - t.rate), NOT_THIS_SPREAD),
        Slip(_of_terms(lambda t: t.at_mean - t.spread_of_traces - t.rate), NOT_THIS_SPREAD),
        Slip(_of_terms(lambda t: t.at_mean_with_square - t.spread - t.rate), GETS_A_SQUARE),
        Slip(
            lambda x, weight, bias, sigma, mu, cov: _Terms(x, weight, bias, sigma**2, mu, cov).elbo,
            GETS_A_SQUARE,
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - 2 * t.spread - t.rate),
            "What the spread adds to the squared error must be halved with the rest of it.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.variance * t.spread - t.rate),
            "What the spread adds to the squared error must be divided by the noise's variance with the rest of it.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean + t.spread - t.rate),
            "The spread of q raises the fit, where it ought to cost. Look at its sign.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread + t.rate),
            "The rate is added. Fit minus rate: saying where the code is has a price.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread),
            "This is the fit. It would be largest for a q as narrow as you please; what does such a q cost?",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - t.rate_swapped),
            "The fit is right. In the rate, q and the prior have changed places.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - t.gap),
            "The fit is right, but what is taken from it is the divergence from the posterior. There are two "
            "divergences: one makes the rate, the other the gap.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - 2 * t.rate),
            "The fit is right, the rate is twice too large.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - t.rate - 0.5 * t.n_codes),
            "At q = prior the rate must be 0. Yours is half a nat too much for each dimension of the code.",
        ),
        Slip(
            _of_terms(lambda t: t.at_mean - t.spread - t.rate - t.log_det_half),
            "The log-determinant of q's covariance is missing in the rate: then a narrow q costs hardly anything.",
        ),
        Slip(
            _of_terms(lambda t: t.elbo - t.constant),
            "The constant of the Gaussian density is missing. Without it, this is no bound on log p(x), and the values "
            "of models with different σ cannot be compared.",
        ),
        Slip(
            _of_terms(lambda t: t.elbo + 0.5 * t.n_pixels * math.log(2 * math.pi)),
            "The constant with 2π is missing, once for each pixel.",
        ),
        Slip(
            _of_terms(lambda t: (t.at_mean - t.spread) / t.n_pixels - t.rate),
            "The fit is a mean over pixels, the rate a sum over dimensions. The two no longer stand in the ratio that "
            "the bound gives them: the code is made too dear.",
        ),
        Slip(
            lambda x, weight, bias, sigma, mu, cov: _Terms(x, weight, bias, math.sqrt(sigma), mu, cov).elbo,
            "The noise has variance σ, where it should have σ².",
        ),
        Slip(
            _of_terms(lambda t: t.evidence),
            "This is log p(x), which no q enters. The ELBO is lower, by the gap.",
        ),
        Slip(_of_terms(lambda t: t.gap), "This is the gap, KL(q || posterior). How does it make an ELBO?"),
    ),
    hint="Take it apart. Put W = 0: the fit must be log N(x; b, σ²I), whatever q is. Put q = prior: the rate must be "
    "0. With one pixel and W = (1, 1), Wz is z₁ + z₂: which variance has that? A second pixel just like the first must "
    "double the fit. And with the posterior's mean and covariance as q, your result must be log p(x). If it differs "
    "from one call to the next, you have sampled; here each average has a closed form.",
    remark="What took the place of the sum is tr(W C Wᵀ): the variances of the D pixels of Wz, added up. With the "
    "posterior's own mean and covariance as μ and C, the gap is 0.",
    rtol=2e-5,  # narrower than what many samples reach
    atol=1e-3,
)


def _curves(generator: Generator) -> tuple[Tensor, Tensor, float]:
    """A curved decoder of one code; the other pixels of the image do not depend on it.

    So curved that the posterior is 0 in floating point at an end of the grid, where q is not.
    """
    z = torch.linspace(-8, 8, 321).double()
    x, bend, mu, width = torch.rand(4, generator=generator).double()
    bend = 0.5 + 0.5 * bend
    likelihood = Normal(z + 0.5 * bend * z.square(), 0.5).log_prob(1 + x)
    log_q = Normal(mu, 0.3 + 0.4 * width).log_prob(z)
    return Normal(0.0, 1.0).log_prob(z) + likelihood - 1200, log_q, 0.05


def _gap(log_joint: Tensor, log_q: Tensor, step: float) -> Tensor:
    """From the probabilities of the cells, in which the step cancels."""
    cells, others = log_q.log_softmax(dim=0), log_joint.log_softmax(dim=0)
    return cells.exp() @ (cells - others)


def _log_evidence(log_joint: Tensor, step: float) -> Tensor:
    return log_joint.logsumexp(dim=0) + math.log(step)


GAP = _in_other_words(
    Function(
        name="elbo-gap",
        points=3,
        inputs=_curves,
        answer=_gap,
        slips=(
            Slip(
                lambda joint, q, step: _gap(joint, q, step) - _log_evidence(joint, step),
                "This is the divergence of q from the joint density, which is minus the ELBO. The joint density does "
                "not integrate to 1: what makes the posterior of it?",
            ),
            Slip(
                lambda joint, q, step: _log_evidence(joint, step) - _gap(joint, q, step),
                "This is the ELBO. Asked for is by how much it falls short of log p(x).",
            ),
            Slip(
                lambda joint, q, step: _log_evidence(joint, step),
                "This is log p(x). Asked for is by how much the ELBO falls short of it.",
            ),
            Slip(
                lambda joint, q, step: _gap(q, joint, step),
                "This is KL(posterior || q): q and the posterior have changed places. Over which of the two does the "
                "ELBO average?",
            ),
            Slip(
                lambda joint, q, step: _gap(joint, q, step) - math.log(step),
                "The posterior that you compare with adds up to 1 on the grid, but does not integrate to 1, as q does. "
                "Your result would change with the fineness of the grid.",
            ),
            Slip(
                lambda joint, q, step: _gap(joint, q, step) - 2 * math.log(step),
                "The step has entered the evidence on the wrong side. Is an integral a sum times the step, or a sum "
                "divided by it?",
            ),
            Slip(
                lambda joint, q, step: _gap(joint, q, step) / step,
                "The average over q is an integral. The sum over the grid points is there, the step is not.",
            ),
            Slip(
                lambda joint, q, step: (_gap(joint, q, step) - math.log(step)) / step,
                "The step of the grid is missing in both integrals: that of the evidence and the average over q.",
            ),
            Slip(
                lambda joint, q, step: -_gap(joint, q, step),
                "The sign is flipped. A divergence is never negative, and the bound lies below.",
            ),
            Slip(
                lambda joint, q, step: (q - joint + _log_evidence(joint, step)).mean(),
                "This is an average over the grid, where each point counts alike. The average is one over draws "
                "from q: how much does each point count?",
            ),
            Slip(
                lambda joint, q, step: (q - joint + _log_evidence(joint, step)).sum() * step,
                "This is an integral over the grid, where each point counts alike. The average is one over draws "
                "from q: how much does each point count?",
            ),
        ),
        hint="Two things to check. The density that you compare q with must integrate to 1: does it? And if q is that "
        "density, your result must be 0.",
        rtol=1e-5,  # the slips' values are about 1200
        atol=1e-3,
    ),
    infinite="There is a NaN or an infinity in your result: somewhere you take the logarithm of a density that has "
    "become exactly 0. As they come, all p(x, z) have, since their logarithms are below -1200; and shifted by the "
    "largest, those far out on the grid still have. Stay in logarithms as long as you can.",
)


def _draws(generator: Generator) -> tuple[Tensor, ...]:
    x, mu, w = torch.randn(3, generator=generator)
    sigma, logvar = 0.4 + 0.3 * torch.rand(1, generator=generator)[0], -1 - torch.rand(1, generator=generator)[0]
    return x, 1.5 + w.abs(), sigma, mu, logvar, torch.randn(6, generator=generator)


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
    """As when z is drawn, and the densities of z and the pixel have, a wrong width: one made of σ and σ_x."""

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
    slips=(
        Slip(_of_estimates(lambda e: e.pair()[::-1]), "Both are right, but in the wrong order."),
        Slip(
            _of_estimates(lambda e: tuple(-part for part in e.pair())),
            "Both signs are flipped: these are losses. The ELBO goes up.",
        ),
        Slip(
            _with_widths(drawn=lambda root, sigma: root.square()),
            "z is drawn with width σ², where it should be σ. What `logvar` holds is log σ².",
        ),
        Slip(
            _with_widths(drawn=lambda root, sigma: 2 * root.log()),
            "z is drawn with the width `logvar`, and that is a logarithm. It is even negative here.",
        ),
        Slip(_with_widths(drawn=lambda root, sigma: root.square(), q=lambda root, sigma: root.square()), NOT_THIS_Q),
        Slip(_with_widths(q=lambda root, sigma: root.square()), NOT_THIS_Q),
        Slip(_with_widths(drawn=lambda root, sigma: sigma), EXCHANGED),
        Slip(_with_widths(pixel=lambda root, sigma: root), EXCHANGED),
        Slip(_with_widths(drawn=lambda root, sigma: sigma, pixel=lambda root, sigma: root), EXCHANGED),
        Slip(_with_widths(drawn=lambda root, sigma: sigma, q=lambda root, sigma: sigma), EXCHANGED),
        Slip(
            _with_widths(lambda root, sigma: sigma, lambda root, sigma: sigma, lambda root, sigma: root),
            EXCHANGED,
        ),
        Slip(
            _with_widths(pixel=lambda root, sigma: sigma.square()),
            "`Normal` takes a standard deviation; the likelihood gets a variance.",
        ),
        Slip(
            _of_estimates(lambda e: e.pair(e.without_two_pi)),
            "The constant with 2π is missing in the log-density of the pixel.",
        ),
        Slip(
            _of_estimates(lambda e: e.pair(e.without_constant)),
            "The log-density of the pixel lacks its constant. Without it, these are no estimates of a bound on "
            "log p(x).",
        ),
        Slip(
            _of_estimates(lambda e: e.pair(e.plug_in)),
            "The likelihood is taken at the mean of q, and so is the same for each draw. It has to be that of the "
            "drawn code.",
        ),
        Slip(
            _with_widths(pixel=lambda root, sigma: sigma.sqrt()),
            "The pixel's noise has the variance `sigma_x`. It is a standard deviation.",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood + e.log_prior - e.log_eps, e.pair()[1])),
            "The second is right. The first has the density of ε in the place of q's density of z: squeezing a "
            "distribution makes it denser, and that factor is missing.",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood + e.log_prior - e.log_eps - e.log_root, e.pair()[1])),
            "The second is right. In the first, the width of q has entered its log-density with the wrong sign: is a "
            "narrow distribution dense or thin?",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood - e.log_prior + e.log_q, e.pair()[1])),
            "The second is right. In the first, p(z) and q(z) have changed places.",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood + e.log_prior + e.log_q, e.pair()[1])),
            "The second is right. In the first, log q(z) has the wrong sign.",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood - e.log_q, e.pair()[1])),
            "The second is right. In the first, the joint density has a second factor, the prior.",
        ),
        Slip(
            _of_estimates(lambda e: (e.likelihood + e.log_prior, e.pair()[1])),
            "The second is right. The first is the joint density alone, without q.",
        ),
        Slip(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood + e.kl)),
            "The first is right. In the second, the rate is added where it is to be taken off.",
        ),
        Slip(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood - e.kl_swapped)),
            "The first is right. In the second, q and the prior have changed places in the divergence.",
        ),
        Slip(
            _of_estimates(lambda e: (e.pair()[0], e.likelihood)),
            "The first is right. The second is the fit alone; where is the rate?",
        ),
        Slip(
            _of_estimates(lambda e: (e.pair()[0], e.plug_in - e.kl)),
            "The first is right. The second decodes the mean of q, so that ε plays no part in it: no bound.",
        ),
        Slip(
            _of_estimates(lambda e: tuple(part.mean() for part in e.pair())),
            "These are averages over the draws. Asked for is one estimate for each draw, since it is their spread that "
            "you will look at.",
        ),
    ),
    hint="Use the ε that you are given, and draw nothing yourself. Take mu = 0, logvar = log 4 (so σ = 2), "
    "sigma_x = 3, x = 0, ε = 0, and work both out by hand: the rate is 0.807 nats. Then take ε = 1, for which z is 2.",
    remark="At the posterior the first has no spread: it is log p(x) for every z. The second spreads, since its fit "
    "varies and nothing cancels it.",
    rtol=1e-3,
    atol=1e-3,
)


def _losses(generator: Generator) -> tuple[Tensor]:
    return (2 * torch.randn(8, 4, generator=generator).double() + torch.tensor([1200.0, 105.0, 5.0, -900.0]),)


def _bound(losses: Tensor) -> Tensor:
    """log of the mean weight, shifted by hand."""
    least = losses.amin(dim=0)
    return (least - losses).exp().mean(dim=0).log() - least


IMPORTANCE = _in_other_words(
    Function(
        name="elbo-importance",
        points=3,
        inputs=_losses,
        answer=lambda losses: -_bound(losses),
        slips=(
            Slip(
                lambda losses: (losses.softmax(dim=0) * losses).sum(dim=0),
                "This is still the function from the task: of each image's samples, the worst one counts most. Try it "
                "on two samples with losses 0 and 10.",
            ),
            Slip(
                lambda losses: ((-losses).softmax(dim=0) * losses).sum(dim=0),
                "The best samples count most now. But a weighted mean of the losses is no bound; with the weights held "
                "fixed it only has the right gradient. What is asked for is minus the logarithm of an average.",
            ),
            Slip(
                _bound,
                "The bound itself is right, and a loss is minus a bound: the optimiser would make this one small.",
            ),
            Slip(
                lambda losses: losses.mean(dim=0),
                "This is the mean of the losses, minus the ELBO. It is the weights that are averaged, before the "
                "logarithm is taken.",
            ),
            Slip(
                lambda losses: losses.amin(dim=0),
                "This is the loss of the best sample alone. It is too optimistic: the others are part of the average.",
            ),
            Slip(
                lambda losses: -_bound(losses) - math.log(len(losses)),
                "The sum of the weights stands where their average belongs: the loss falls with every sample, even if "
                "all are alike.",
            ),
            Slip(
                lambda losses: -_bound(losses) - 2 * math.log(len(losses)),
                "The number of samples has entered with the wrong sign. If all losses of an image are alike, the "
                "result must be that loss.",
            ),
            Slip(
                lambda losses: _bound(-losses),
                "This averages one over the weights: the sign inside the exponential is wrong, and the worst sample "
                "rules.",
            ),
            Slip(
                lambda losses: -_bound(-losses),
                "The sign inside the exponential is wrong, so that the worst sample rules; and the sign before it too.",
            ),
            Slip(
                lambda losses: -(-losses).exp().mean(dim=0).log(),
                "For an image with a large loss every weight is exactly 0, and your result infinite. Take the average "
                "without leaving logarithms.",
            ),
            Slip(
                lambda losses: -_bound(losses).mean(),
                "This is averaged over the images. Return one value for each.",
            ),
        ),
        hint="The weight of a sample is exp(-loss). Three cases: if all losses of an image are alike, the result is "
        "that loss; if one is far below the other L - 1, it is that one plus log L; and a thousand added to all "
        "of them must come out as a thousand more.",
        remark="The old one listened to the sample with the largest loss, the worst.",
        rtol=1e-6,
        atol=5e-3,
    ),
    infinite="There is a NaN or an infinity in your result: a weight exp(-loss) does not fit into a floating-point "
    "number for a loss of 1200, nor for one of -900. Take the average without leaving logarithms.",
)

RISE = Choice(
    name="elbo-rise",
    points=1,
    right="c",
    wrong={
        "a": "The ELBO is evidence minus gap, and both have moved. If the gap fell by 8 nats, the evidence fell by 3.",
        "b": "A rise of the bound may come from a smaller gap alone. In lesson 4 you saw the bound rise and the "
        "evidence fall.",
        "d": "Something does follow: a lower bound holds at each moment, however tight it is. What is a number that "
        "the evidence cannot be below?",
    },
)

NOISE = Number(
    name="elbo-noise",
    points=1,
    value=lambda: 0.27 / (3.6 / math.sqrt(400)),
    slips=(
        Slip(
            lambda: 0.27 / 3.6,
            "That is in units of the spread of single estimates. An average of 400 of them varies less.",
        ),
        Slip(
            lambda: 0.27 / (3.6 / 400),
            "The spread of an average does not fall as fast as one over the number of estimates. Which power is it?",
        ),
        Slip(
            lambda: -0.27 / (3.6 / math.sqrt(400)),
            "The size is right. The average lies above the exact value, so the sign is the other one.",
        ),
        Slip(lambda: 0.27, "That is the difference in nats. In how many standard errors is it?"),
        Slip(lambda: 3.6 / math.sqrt(400), "That is the standard error. How many of them is the average off?"),
        Slip(lambda: (3.6 / math.sqrt(400)) / 0.27, "That fraction is upside down."),
        Slip(
            lambda: 0.27 / (3.6**2 / math.sqrt(400)),
            "The spread is squared: 3.6 is a standard deviation already, and no variance.",
        ),
    ),
    hint="The standard error of an average is the standard deviation of its terms over the square root of their "
    "number. How often does it fit into the difference?",
    remark="Code without a mistake is as far off as this, on one side or the other, once in seven or eight times. Tell "
    "your friend that it may well be noise, and that more draws would tell.",
)

EXERCISES: tuple[Exercise, ...] = (FULL, GAP, ESTIMATORS, IMPORTANCE, RISE, NOISE)
