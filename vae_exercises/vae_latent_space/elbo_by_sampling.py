"""The exercise "the ELBO, as it is defined"."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import as_function, fresh_generator, one_result
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import (
    N_ERRORS,
    Estimates,
    average_is,
    mean_is,
    repeated_estimates,
    require_right_for_each,
)
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_lessons import inference
from vae_lessons.models import LinearGaussian
from vae_lessons.probability import gaussian

IMAGES = 4000
DRAWS = 20_000  # for what has no closed form


class _Model:
    """A linear decoder, whose ELBO is known, with an encoder that is a little off. Code and image are small."""

    latent_dim = 2
    image_shape = (6,)

    def __init__(self, generator: Generator) -> None:
        weight = torch.randn(6, 2, generator=generator)
        self.truth = LinearGaussian(1.5 * weight / weight.norm(dim=0), torch.rand(6, generator=generator), 0.5)
        self.shift = 0.3 + 0.3 * torch.rand(2, generator=generator)
        self.logvar = -1.0 - torch.rand(2, generator=generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, _ = self.truth.encode(x)
        return mu + self.shift, self.logvar.expand_as(mu).clone()

    def decode(self, z: Tensor) -> Tensor:
        return self.truth.decode(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return self.truth.log_likelihood(x, z)


class _Truth:
    """What each way of estimating one image's ELBO gives on average: the right one, and the usual mistakes."""

    def __init__(self, model: _Model, image: Tensor) -> None:
        self.model, self.image = model, image
        self.mu, self.logvar = model.encode(image)
        terms = model.truth.elbo(image, self.mu, self.logvar)
        self.reconstruction, self.kl = float(terms.reconstruction), float(terms.kl)
        self.elbo = self.reconstruction - self.kl
        self.plug_in = float(model.log_likelihood(image, self.mu)) - self.kl
        zeros, two_logs = torch.zeros_like(self.mu), 2 * self.logvar.abs().log()
        drawn_from = {
            "The codes are drawn from the prior. The average runs over the image's own q.": (zeros, zeros),
            "The draws are too narrow: σ² has been used as their width, where σ belongs.": (self.mu, 2 * self.logvar),
            "The draws are too wide: log σ² has been used as their width, as it is.": (self.mu, two_logs),
            "The draws are about the right mean, but with the width 1 of the prior.": (self.mu, zeros),
        }
        self.mistakes = {
            "The sign is flipped: this is the loss. The task asks for the ELBO, which goes up.": -self.elbo,
            "The KL term is added. The ELBO is the reconstruction term minus the KL term.": self.reconstruction
            + self.kl,
            "The KL term is missing: this is the reconstruction term alone, and nothing keeps codes near the prior.": (
                self.reconstruction
            ),
            **{message: self._elbo_of(*q) for message, q in drawn_from.items()},
        }
        self.decoded_average = self._elbo_of(self.mu, self.logvar - math.log(4))
        # Two kinds of averages inside the logarithm: of p(x | z) alone, and of p(x, z) / q(z | x).
        seeded = Generator().manual_seed(0)
        copies = image.expand(DRAWS, -1)
        log_likelihoods = torch.stack(
            [inference.elbo(model, copies, generator=seeded).reconstruction for _ in range(4)]
        )
        self.error = float(log_likelihoods.std()) / math.sqrt(IMAGES)
        of_draws = {message: self._error_of(copies, *q, seeded) for message, q in drawn_from.items()}
        self.errors = dict.fromkeys(self.mistakes, self.error) | of_draws
        self.inside_logarithm = [
            float((log_likelihoods.logsumexp(dim=0) - math.log(4)).mean()) - self.kl,
            float(inference.iwae_bound(model, copies, 4, seeded).mean()),
        ]

    def _elbo_of(self, mu: Tensor, logvar: Tensor) -> float:
        return float(self.model.truth.elbo(self.image, mu, logvar).reconstruction) - self.kl

    def _error_of(self, copies: Tensor, mu: Tensor, logvar: Tensor, generator: Generator) -> float:
        """Return the standard error of a mean over all images, for codes drawn from N(mu, diag σ²)."""
        z = gaussian.reparameterise(mu.expand(DRAWS, -1), logvar.expand(DRAWS, -1), generator)
        return float(self.model.log_likelihood(copies, z).std()) / math.sqrt(IMAGES)

    def is_distinct(self) -> bool:
        """Whether no two of the values are near each other, in standard errors of a mean over all images."""
        values = sorted(
            [(self.elbo, self.error), *((self.mistakes[name], self.errors[name]) for name in self.mistakes)]
        )
        near = any(
            higher - lower < 12 * max(error, other) for (lower, error), (higher, other) in itertools.pairwise(values)
        )
        others = (self.elbo, *self.inside_logarithm)
        return not near and all(abs(self.decoded_average - other) > 8 * self.error for other in others)


def _fresh_truth(generator: Generator) -> _Truth:
    for _ in range(200):  # one in a few will do
        model = _Model(generator)
        code = torch.tensor([[2.0, -2.0]])
        truth = _Truth(model, model.decode(code) + 0.3 * torch.randn(1, 6, generator=generator))
        if truth.is_distinct():
            break
    return truth


def _examine_elbo(answer: object) -> None:
    """Look at the mean and the spread over copies of one image; then at a batch of different images."""
    function = as_function(answer)
    generator = fresh_generator()
    truth = _fresh_truth(generator)
    x = truth.image.expand(IMAGES, -1).clone()
    estimates = repeated_estimates(function, truth.model, x, n_images=IMAGES)
    if estimates.one.std() < 1e-4 * estimates.one.abs().mean():
        _diagnose_without_noise(truth, estimates, generator)
    if not _mean_is(estimates.one, truth.elbo):
        _diagnose_mean(truth, estimates.one)
    _examine_average(truth, estimates)
    estimates.require_fresh_noise()
    _examine_different(function, truth.model, generator)


def _diagnose_without_noise(truth: _Truth, estimates: Estimates, generator: Generator) -> None:
    """Say what is wrong with a function that gives all images the same value."""
    means = [float(values.mean()) for values in (estimates.one, estimates.four, estimates.again)]
    if abs(means[0] - means[2]) < 1e-6 * abs(means[0]):
        if abs(means[0] - truth.plug_in) < 1e-3 * abs(truth.plug_in):
            raise WrongAnswerError(
                "Only the mean of q is decoded: nothing is drawn, and the result ignores the width of q. Here it is "
                "always too high."
            )
        raise WrongAnswerError(
            "These values have no noise at all. Here the point is to sample, since a network has no closed form."
        )
    draws = inference.elbo(truth.model, truth.image.expand(IMAGES, -1), generator=generator).value
    if all(average_is(mean, truth.elbo, draws.std(), IMAGES, 2 * N_ERRORS) for mean in means):
        raise WrongAnswerError(
            "All images have the same value: the average goes over the batch too. Leave each image its own."
        )
    raise WrongAnswerError("All images have the same value, so all have the same ε. Each needs its own draws.")


def _diagnose_mean(truth: _Truth, one: Tensor) -> None:
    nearest = min(truth.mistakes, key=lambda message: abs(float(one.mean()) - truth.mistakes[message]))
    if _mean_is(one, truth.mistakes[nearest]):
        raise WrongAnswerError(nearest)
    raise WrongAnswerError(
        "The mean over many images is off by more than chance explains. Draw codes from q with the width σ, average "
        "their log-likelihoods, and subtract the KL term, which has a closed form."
    )


def _examine_average(truth: _Truth, estimates: Estimates) -> None:
    """Look at four samples of an estimate that is right for one sample."""
    four = estimates.four
    if _mean_is(four, truth.elbo):
        estimates.require_average()
        return
    if _mean_is(four, 4 * truth.elbo) or _mean_is(four, 4 * truth.reconstruction - truth.kl):
        raise WrongAnswerError(
            "Right for one sample. With more it grows with their number: they are added up, and not averaged."
        )
    if _mean_is(four, truth.decoded_average):
        raise WrongAnswerError(
            "Right for one sample. With more, the codes are averaged before they are decoded; it is the "
            "log-likelihoods that must be averaged. With many samples yours decodes the mean of q."
        )
    if any(_mean_is(four, expected) for expected in truth.inside_logarithm):
        raise WrongAnswerError(
            "Right for one sample. With four it is higher on average, since likelihoods are averaged before the "
            "logarithm: that is the importance-weighted kind of bound, and not the ELBO."
        )
    raise WrongAnswerError("Right for one sample, but not for four. What is done with the samples of one image?")


def _examine_different(function: Callable, model: _Model, generator: Generator) -> None:
    x = model.decode(2 * torch.randn(5, 2, generator=generator)) + 0.3 * torch.randn(5, 6, generator=generator)
    result = one_result(call(function, model, x.clone(), IMAGES // 2))
    expected = model.truth.elbo(x, *model.encode(x)).value
    draws = [inference.elbo(model, x, generator=generator).value for _ in range(1000)]
    require_right_for_each(result, expected, torch.stack(draws).std(dim=0), IMAGES // 2)


def _mean_is(draws: Tensor, expected: float) -> bool:
    return mean_is(draws, expected, atol=1e-4)


SAMPLED = Task(
    name="elbo-by-sampling",
    points=3,
    examination=_examine_elbo,
    remark="The check would notice an average over the codes: by Jensen's inequality it gives more than the "
    "ELBO here, and with many codes as much as the mean decoded alone.",
)
