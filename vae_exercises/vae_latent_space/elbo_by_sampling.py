"""The exercise "the ELBO, as it is defined".

The model notes which codes it is asked for. So chance decides one thing only: whether these are draws from q. What is
computed from them is compared exactly.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.answers import as_function, call_twice, fresh_generator, one_result
from vae_exercises.engine.draws import require_draws_from_q
from vae_exercises.engine.inputs import draw_trials
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import (
    MIXED,
    SEEDED,
    average_is_zero,
    is_standardised,
    require_one_for_each,
)
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_lessons.models import LinearGaussian

IMAGES = 600
ONLY_ONE = "Right for one sample, but not for four. What is done with the samples of one image?"


class _Model:
    """A linear decoder with an encoder that is a little off; it remembers for which codes it was asked."""

    def __init__(self, generator: Generator, n_pixels: int, latent_dim: int) -> None:
        self.image_shape, self.latent_dim = (n_pixels,), latent_dim
        weight = torch.randn(n_pixels, latent_dim, generator=generator)
        mean = torch.rand(n_pixels, generator=generator)
        self.truth = LinearGaussian(1.5 * weight / weight.norm(dim=0), mean, 0.5)
        self.shift = 0.3 + 0.3 * torch.rand(latent_dim, generator=generator)
        self.logvar_weights = torch.randn(n_pixels, latent_dim, generator=generator)
        self.asked: list[tuple[Tensor, Tensor]] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, _ = self.truth.encode(x)
        logvar = -3.5 + 2 * torch.sin(x @ self.logvar_weights.to(x))  # σ from 0.06 to 0.5: not that of a batch
        return mu + self.shift, logvar

    def decode(self, z: Tensor) -> Tensor:
        return self.truth.decode(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        values = self.truth.log_likelihood(x, z)
        self.asked.append((x.detach().clone(), z.detach().clone()))
        return values


@dataclass(frozen=True)
class _Run:
    """One call, in float64: its result (B,), and the codes asked for, in the order of the images and as they came.

    Attributes
    ----------
    mu, logvar
        The parameters of q, (B, K).
    codes
        L codes for each image, (L, B, K).
    log_likelihoods
        Those of the codes, (L, B).
    as_asked
        The same codes in the order in which they were asked for, (L B, K).
    """

    result: Tensor
    mu: Tensor
    logvar: Tensor
    codes: Tensor
    log_likelihoods: Tensor
    as_asked: Tensor

    @staticmethod
    def of(model: _Model, x: Tensor, value: object, asked: list[tuple[Tensor, Tensor]]) -> "_Run":
        result = one_result(value)
        require_one_for_each(result, len(x))
        mu, logvar = (part.double() for part in model.encode(x))
        if not asked:
            return _Run(result, mu, logvar, torch.empty(0, *mu.shape), torch.empty(0, len(x)), mu[:0])
        images, codes = (torch.cat(part).double() for part in zip(*asked, strict=True))
        ordered, order = _keys(x).sort()
        which = order[torch.searchsorted(ordered, _keys(images) - 1e-9).clamp(max=len(x) - 1)]
        if (which.bincount(minlength=len(x)) * len(x) != len(codes)).any():
            raise WrongAnswerError(MIXED)
        sorted_codes = codes[which.argsort(stable=True)].view(len(x), -1, codes.shape[1]).transpose(0, 1)
        likelihoods = [model.truth.log_likelihood(x, some.to(x)).double() for some in sorted_codes]
        return _Run(result, mu, logvar, sorted_codes, torch.stack(likelihoods), codes)

    @property
    def sigma(self) -> Tensor:
        return torch.exp(0.5 * self.logvar)

    @property
    def kl(self) -> Tensor:
        return self.parts_of_kl.sum(dim=1)

    @property
    def parts_of_kl(self) -> Tensor:
        return kl_divergence(Normal(self.mu, self.sigma), Normal(0.0, 1.0))

    @property
    def log_ratios(self) -> Tensor:
        """Log q(z | x) - log p(z) of each code, (L, B)."""
        return (Normal(self.mu, self.sigma).log_prob(self.codes) - Normal(0.0, 1.0).log_prob(self.codes)).sum(dim=2)

    @property
    def kl_estimates(self) -> list[Tensor]:
        """The KL term in the ways in which it may be written: each of its two logarithms averaged exactly or not."""
        log_q, log_p = Normal(self.mu, self.sigma).log_prob(self.codes), Normal(0.0, 1.0).log_prob(self.codes)
        negative_entropy = -Normal(self.mu, self.sigma).entropy()
        exact_log_p = -0.5 * (self.mu.square() + self.sigma.square() + math.log(2 * math.pi))
        return [
            (a - b).sum(dim=1) for a in (negative_entropy, log_q.mean(dim=0)) for b in (exact_log_p, log_p.mean(dim=0))
        ]

    def is_right(self) -> bool:
        """Whether the result is what the codes asked for give."""
        residual = self.log_likelihoods.mean(dim=0) - self.result
        return any(_same(residual, kl) for kl in self.kl_estimates)

    def is_right_on_average(self) -> bool:
        """Whether it may be what they give, with a KL term from other draws from q."""
        reconstruction = self.log_likelihoods.mean(dim=0)
        return average_is_zero(reconstruction - self.result - self.kl, along=(self.kl, reconstruction))


def _keys(images: Tensor) -> Tensor:
    """Return a number (B,) by which each of some images (B, ...) can be told from the others."""
    pixels = images.flatten(1).double()
    return (pixels * torch.arange(1, pixels.shape[1] + 1).double().sqrt()).sum(dim=1)


def _same(result: Tensor, expected: Tensor) -> bool:
    return torch.allclose(result, expected, rtol=1e-4, atol=2e-3)


def _model_and_images(generator: Generator, size: int, other: int) -> tuple[_Model, Tensor]:
    model = _Model(generator, n_pixels=6 + other % 3, latent_dim=3 + size % 3)
    means = model.decode(4 * torch.randn(IMAGES, model.latent_dim, generator=generator))
    return model, means + torch.randn(means.shape, generator=generator)


def _examine_elbo(answer: object) -> None:
    """Look at the codes that are drawn; then at what is computed from them."""
    function, generator = as_function(answer), fresh_generator()
    ((model, x),) = draw_trials([_model_and_images], generator)
    values = [*call_twice(lambda *args: (function(*args), _taken(model)), model, x, 1)]
    values.append(call(lambda: (function(model, x.clone(), 4), _taken(model))))
    one, again, four = (_Run.of(model, x, *value) for value in values)
    _require_codes(one, again, four)
    _examine_draws(one, again, four)
    if not one.is_right():
        _diagnose_one(one)
    if not four.is_right():
        _diagnose_four(four)
    if torch.equal(one.codes, again.codes):
        raise WrongAnswerError(SEEDED)


def _taken(model: _Model) -> list[tuple[Tensor, Tensor]]:
    asked, model.asked = model.asked, []
    return asked


def _require_codes(one: _Run, again: _Run, four: _Run) -> None:
    """Raise WrongAnswerError if no codes were asked for, or not as many as there should be."""
    if not len(one.codes):
        if torch.allclose(one.result, again.result):
            raise WrongAnswerError(
                "These values have no noise at all. Here the point is to sample, since a network has no closed form."
            )
        raise WrongAnswerError("`vae.log_likelihood` is never called. How likely is the image, given a drawn code?")
    if float(_standardised(one).abs().max()) < 1e-3:
        raise WrongAnswerError(
            "Only the mean of q is decoded: nothing is drawn, and the result ignores the width of q. Here it is "
            "always too high."
        )
    n_one, n_four = len(one.codes), len(four.codes)
    if n_four == 1 and is_standardised(2 * _standardised(four)):
        raise WrongAnswerError(
            "Right for one sample. With more, the codes are averaged before they are decoded; it is the "
            "log-likelihoods that must be averaged. With many samples yours decodes the mean of q."
        )
    if n_one == n_four:
        raise WrongAnswerError(
            f"For each image your function decodes {n_one} code(s), whether `n_samples` is 1 or 4. Where is it used?"
        )
    if (n_one, n_four) == (2, 5):
        raise WrongAnswerError("Your function decodes one code more than `n_samples`. Where does the count begin?")


def _examine_draws(*runs: _Run) -> None:
    """Raise WrongAnswerError unless the codes asked for are draws from q."""
    if float(_standardised(runs[0]).std(dim=0).max()) < 1e-3:
        raise WrongAnswerError("All images have the same ε. Each needs its own draws.")
    four = runs[-1]
    if not is_standardised(_standardised(four)):
        places = torch.arange(len(four.as_asked))
        for image in (places % IMAGES, places // len(four.codes)):
            if is_standardised((four.as_asked - four.mu[image]) / four.sigma[image]):
                raise WrongAnswerError(MIXED)
    pooled = (
        torch.cat([part(run).flatten(0, 1) for run in runs])
        for part in (
            lambda run: run.codes,
            lambda run: run.mu.expand_as(run.codes),
            lambda run: run.logvar.expand_as(run.codes),
        )
    )
    require_draws_from_q(*pooled)


def _standardised(run: _Run) -> Tensor:
    """Return what ε would be if codes had been drawn from q, (L B, K)."""
    return ((run.codes - run.mu) / run.sigma).flatten(0, 1)


def _diagnose_one(run: _Run) -> None:
    """Say what is wrong with a result for one right draw an image, if anything is."""
    reconstruction, kl, n_dims = run.log_likelihoods.mean(dim=0), run.kl, run.mu.shape[1]
    variance = run.sigma.square()
    if any(_same(-run.result, reconstruction - other) for other in run.kl_estimates):
        raise WrongAnswerError("The sign is flipped: this is the loss. The task asks for the ELBO, which goes up.")
    residual = reconstruction - run.result
    known = {
        "The KL term is missing: this is the reconstruction term alone, and nothing keeps codes near the prior.": 0
        * kl,
        "The KL term is added. The ELBO is the reconstruction term minus the KL term.": -kl,
        "The KL term is a mean over the latent dimensions, where it should be a sum.": kl / n_dims,
        "The KL term is averaged over the batch: numbers of one image get mixed with those of others. Each image has "
        "its own.": kl.mean().expand_as(kl),
        "The reconstruction term is averaged: the average goes over the batch too. Leave each image its own.": (
            reconstruction - reconstruction.mean() + kl
        ),
        "The KL term is twice too large. Where is the half?": 2 * kl,
        "The KL term is not 0 where q is the prior: its -1 for each dimension is missing.": kl + n_dims / 2,
        "In the KL term σ stands where σ² belongs.": 0.5 * (run.mu**2 + run.sigma - 1 - run.logvar).sum(dim=1),
        "In the KL term `logvar` is read as log σ.": (
            0.5 * (run.mu**2 + variance.square() - 1 - 2 * run.logvar).sum(dim=1)
        ),
        "In the KL term the logarithm has the wrong sign.": (0.5 * (run.mu**2 + variance - 1 + run.logvar).sum(dim=1)),
        "The KL term lacks its logarithm.": 0.5 * (run.mu**2 + variance - 1).sum(dim=1),
        "The KL term has only its part with μ.": 0.5 * run.mu.square().sum(dim=1),
        "The KL term has only its part with σ; where is μ?": 0.5 * (variance - 1 - run.logvar).sum(dim=1),
        "The KL term has the other direction, KL(p || q).": (
            kl_divergence(Normal(0.0, 1.0), Normal(run.mu, run.sigma)).sum(dim=1)
        ),
    }
    for message, other in known.items():
        if _same(residual, other):
            raise WrongAnswerError(message)
    for other in run.kl_estimates:
        weight = float((residual * other).sum() / other.square().sum())
        if _same(residual, weight * other):
            raise WrongAnswerError(
                f"The KL term is multiplied by {weight:.3g}. In the ELBO each of its nats counts as one."
            )
    if run.is_right_on_average():
        return
    raise WrongAnswerError(
        "The codes are draws from q, as they should be, but the result is not the log-likelihood of the code minus "
        "the KL term of the image. The KL term has a closed form: try it where q is the prior, where it must be 0."
    )


def _diagnose_four(run: _Run) -> None:
    """Say what is wrong with four samples of an estimate that is right for one sample, if anything is."""
    n_samples, values = len(run.log_likelihoods), run.log_likelihoods
    weights = values - run.log_ratios
    added = "Right for one sample. With more it grows with their number: they are added up, and not averaged."
    chosen = "Right for one sample. With more, only one of them counts: four samples spread as much as one."
    inside = (
        "Right for one sample. With four it is higher on average, since likelihoods are averaged before the "
        "logarithm: that is the importance-weighted kind of bound, and not the ELBO."
    )
    for kl in run.kl_estimates:
        known = (
            (values.sum(dim=0) - kl, added),
            (n_samples * (values.mean(dim=0) - kl), added),
            (values[0] - kl, chosen),
            (values[-1] - kl, chosen),
            (values.max(dim=0).values - kl, f"{ONLY_ONE} The best of them is taken, which is higher than their mean."),
            (values.logsumexp(dim=0) - math.log(n_samples) - kl, inside),
            (weights.logsumexp(dim=0) - math.log(n_samples), inside),
        )
        for other, message in known:
            if _same(run.result, other):
                raise WrongAnswerError(message)
    if not run.is_right_on_average():
        raise WrongAnswerError(ONLY_ONE)


SAMPLED = Task(
    name="elbo-by-sampling",
    points=3,
    examination=_examine_elbo,
    remark="The check would notice an average over the codes: by Jensen's inequality it gives more than the "
    "ELBO here, and with many codes as much as the mean decoded alone.",
)
