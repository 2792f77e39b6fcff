"""Exercise 9.4: the ELBO, as it is defined."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.answers import MIXED, SEEDED, as_function, fresh_generator, one_result, twice
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.sandbox import call
from vae_lessons import inference
from vae_lessons.models import LinearGaussian
from vae_lessons.probability import gaussian

TOO_FAR = 5.0  # standard errors
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
        self.fit, self.rate = float(terms.reconstruction), float(terms.kl)
        self.elbo = self.fit - self.rate
        self.plug_in = float(model.log_likelihood(image, self.mu)) - self.rate
        zeros, two_logs = torch.zeros_like(self.mu), 2 * self.logvar.abs().log()
        drawn_from = {
            "The codes are drawn from the prior. The average is one over q, the image's own.": (zeros, zeros),
            "The draws are too narrow: σ² has been used as their width, where σ belongs.": (self.mu, 2 * self.logvar),
            "The draws are too wide: log σ² has been used as their width, as it is.": (self.mu, two_logs),
            "The draws are about the right mean, but with the width 1 of the prior.": (self.mu, zeros),
        }
        self.of_one = {
            "right": self.elbo,
            "The sign is flipped: this is the loss. Asked for is the ELBO, which goes up.": -self.elbo,
            "The rate is added. What a code costs is taken away from what it explains.": self.fit + self.rate,
            "The rate is missing: this is the fit alone, and nothing keeps the codes near the prior.": self.fit,
            **{says: self._of(*q) for says, q in drawn_from.items()},
        }
        self.decoded_average = self._of(self.mu, self.logvar - math.log(4))
        # Of averages inside the logarithm there are two kinds: of p(x, z) / q(z | x), and of p(x | z) alone.
        seeded = Generator().manual_seed(0)
        copies = image.expand(DRAWS, -1)
        fits = torch.stack([inference.elbo(model, copies, generator=seeded).reconstruction for _ in range(4)])
        self.error = float(fits.std()) / math.sqrt(IMAGES)
        of_draws = {says: self._error_of(copies, *q, seeded) for says, q in drawn_from.items()}
        self.errors = dict.fromkeys(self.of_one, self.error) | of_draws
        self.inside_logarithm = [
            float((fits.logsumexp(dim=0) - math.log(4)).mean()) - self.rate,
            float(inference.iwae_bound(model, copies, 4, seeded).mean()),
        ]

    def _of(self, mu: Tensor, logvar: Tensor) -> float:
        return float(self.model.truth.elbo(self.image, mu, logvar).reconstruction) - self.rate

    def _error_of(self, copies: Tensor, mu: Tensor, logvar: Tensor, generator: Generator) -> float:
        """Of a mean over all images, for codes drawn from N(mu, diag σ²)."""
        z = gaussian.reparameterise(mu.expand(DRAWS, -1), logvar.expand(DRAWS, -1), generator)
        return float(self.model.log_likelihood(copies, z).std()) / math.sqrt(IMAGES)

    def tells_them_apart(self) -> bool:
        """Whether no two of them are near each other, in standard errors of a mean over all images."""
        in_order = sorted(self.of_one, key=self.of_one.get)
        near = any(
            self.of_one[higher] - self.of_one[lower] < 12 * max(self.errors[lower], self.errors[higher])
            for lower, higher in itertools.pairwise(in_order)
        )
        others = (self.elbo, *self.inside_logarithm)
        return not near and all(abs(self.decoded_average - other) > 8 * self.error for other in others)


def _fresh_truth(generator: Generator) -> _Truth:
    for _ in range(200):  # one in a few will do
        model = _Model(generator)
        code = torch.tensor([[2.0, -2.0]])
        truth = _Truth(model, model.decode(code) + 0.3 * torch.randn(1, 6, generator=generator))
        if truth.tells_them_apart():
            break
    return truth


def _judge_elbo(answer: object) -> str | None:
    """Its mean and spread over many images that are all alike; then a batch of different ones."""
    function = as_function(answer)
    generator = fresh_generator()
    truth = _fresh_truth(generator)
    x = truth.image.expand(IMAGES, -1).clone()
    one, again = map(one_result, twice(function, truth.model, x, 1))
    four = one_result(call(function, truth.model, x.clone(), 4))
    for found in (one, four, again):
        if found.shape != (IMAGES,):
            return f"Your result has shape {tuple(found.shape)} for {IMAGES} images; it must have one value for each."
        if not found.isfinite().all():
            return "There is a NaN or an infinity in your result. Is the width that you draw with positive?"
    if one.std() < 1e-4 * one.abs().mean():
        return _judge_without_noise(truth, one, four, again, generator)
    told = min(truth.of_one, key=lambda says: abs(float(one.mean()) - truth.of_one[says]))
    if not _mean_is(one, truth.of_one[told]):
        return (
            "The mean over many images is off by more than chance explains. Draw codes from q with the width σ, "
            "average their log-likelihoods, and take the rate away, which lesson 6 has in closed form."
        )
    if told != "right":
        return told
    wrong = _judge_average(truth, one, four) or (SEEDED if torch.equal(one, again) else None)
    return wrong or _judge_different(function, truth.model, generator)


def _judge_without_noise(truth: _Truth, one: Tensor, four: Tensor, again: Tensor, generator: Generator) -> str:
    """Of a function that gives all images the same value."""
    means = [float(found.mean()) for found in (one, four, again)]
    if abs(means[0] - means[2]) < 1e-6 * abs(means[0]):
        if abs(means[0] - truth.plug_in) < 1e-3 * abs(truth.plug_in):
            return (
                "Only the mean of q is decoded: nothing is drawn, and the result forgets that q was unsure. Here it "
                "is always too high."
            )
        return "These values have no noise at all. Here the point is to sample, since a network has no closed form."
    draws = inference.elbo(truth.model, truth.image.expand(IMAGES, -1), generator=generator).value
    if all(abs(mean - truth.elbo) < 2 * TOO_FAR * float(draws.std()) / math.sqrt(IMAGES) for mean in means):
        return "All images have the same value: the average goes over the batch too. Leave each image its own."
    return "All images have the same value, so all have the same ε. Each needs draws of its own."


def _judge_average(truth: _Truth, one: Tensor, four: Tensor) -> str | None:
    """Of a function that is right for one sample."""
    if _mean_is(four, truth.elbo):
        if 0.35 < float(four.std() / one.std()) < 0.65:
            return None
        return "The mean is right, but four samples spread as much as one. Is it an average over the samples?"
    if _mean_is(four, 4 * truth.elbo) or _mean_is(four, 4 * truth.fit - truth.rate):
        return "Right for one sample. With more it grows with their number: they are added up, and not averaged."
    if _mean_is(four, truth.decoded_average):
        return (
            "Right for one sample. With more, the codes are averaged before they are decoded; the average is to be "
            "one of log-likelihoods. With many samples yours decodes the mean of q."
        )
    if any(_mean_is(four, expected) for expected in truth.inside_logarithm):
        return (
            "Right for one sample. With four it is higher on average, since likelihoods are averaged before the "
            "logarithm: that is the importance-weighted kind of bound, and not the ELBO."
        )
    return "Right for one sample, but not for four. What is done with the samples of one image?"


def _judge_different(function: Callable, model: _Model, generator: Generator) -> str | None:
    x = model.decode(2 * torch.randn(5, 2, generator=generator)) + 0.3 * torch.randn(5, 6, generator=generator)
    found = one_result(call(function, model, x.clone(), IMAGES // 2))
    expected = model.truth.elbo(x, *model.encode(x)).value
    draws = [inference.elbo(model, x, generator=generator).value for _ in range(1000)]
    near = 1.2 * TOO_FAR * torch.stack(draws).std(dim=0) / math.sqrt(IMAGES // 2)
    return None if found.shape == (5,) and ((found - expected).abs() <= near).all() else MIXED


def _mean_is(found: Tensor, expected: float) -> bool:
    return abs(float(found.mean()) - expected) <= TOO_FAR * float(found.std()) / math.sqrt(len(found)) + 1e-4


SAMPLED = Task(
    name="elbo-by-sampling",
    points=3,
    judgement=_judge_elbo,
    remark="The check would notice an average over the codes: by Jensen's inequality it gives more than the "
    "ELBO here, and with many codes as much as the mean decoded alone.",
)
