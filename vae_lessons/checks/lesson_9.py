"""Exercises of lesson 9: exploring the latent space."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from vae_lessons import bounds
from vae_lessons.checks.calls import call
from vae_lessons.checks.exercises import (
    Choice,
    Exercise,
    Function,
    Number,
    Slip,
    Task,
    as_function,
    as_results,
    fresh_generator,
)
from vae_lessons.likelihoods import Bernoulli
from vae_lessons.linear_gaussian import LinearGaussian
from vae_lessons.models import VAE

IMAGES = 20_000
TOO_FAR = 5.0  # standard errors

GAP = Choice(
    name="which-gap",
    points=1,
    right="c",
    wrong={
        "a": "The evidence is the decoder's and the prior's affair, and the decoder is frozen. No encoder occurs in "
        "log p(x).",
        "b": "The approximation gap is what the best Gaussian with a diagonal covariance leaves. It has been looked "
        "for without the encoder; so how could an encoder move it?",
        "d": "One of the two is measured at the best q of its family, whoever finds it. Which of the two numbers in "
        "it does the encoder change?",
    },
)


# The approximation gap of a Gaussian posterior


def _precision(generator: Generator) -> tuple[Tensor]:
    root = torch.randn(3, 3, generator=generator).double()
    return (root @ root.T + torch.diag(0.3 + torch.rand(3, generator=generator).double()),)


def _gaussian(cov: Tensor) -> MultivariateNormal:
    return MultivariateNormal(torch.zeros(len(cov)).to(cov), cov)


def _gap(precision: Tensor) -> Tensor:
    return kl_divergence(_gaussian(torch.diag(1 / precision.diagonal())), _gaussian(torch.linalg.inv(precision)))


def _marginals(precision: Tensor) -> Tensor:
    return torch.diag(torch.linalg.inv(precision).diagonal())


APPROXIMATION = Function(
    name="approximation-gap",
    points=3,
    inputs=_precision,
    answer=_gap,
    slips=(
        Slip(
            lambda precision: 2 * _gap(precision),
            "Yours is twice too large. Which factor stands before the bracket of a KL between Gaussians?",
        ),
        Slip(
            lambda precision: -_gap(precision),
            "The sign is flipped. A gap is a KL, and never negative.",
        ),
        Slip(
            lambda precision: kl_divergence(_gaussian(_marginals(precision)), _gaussian(torch.linalg.inv(precision))),
            "Your q has the posterior's own variances, the diagonal of S. They are not the ones with the least "
            "KL(q || p): set the slope in σ_j² to 0 once more, and see which diagonal comes out.",
        ),
        Slip(
            lambda precision: kl_divergence(_gaussian(torch.linalg.inv(precision)), _gaussian(_marginals(precision))),
            "These are the logarithms of the diagonal of S. Either Λ has been read as the covariance; or you have made "
            "KL(p || q) small, where the ELBO's gap is KL(q || p).",
        ),
        Slip(
            lambda precision: kl_divergence(
                _gaussian(torch.linalg.inv(precision)), _gaussian(torch.diag(1 / precision.diagonal()))
            ),
            "The variances of q* are right, but then this is KL(p || q*). Over which of the two does the ELBO average?",
        ),
        Slip(
            lambda precision: 0.5 * precision.diagonal().log().sum(),
            "The determinant of the posterior is missing. If Λ is diagonal, the posterior is in the family, and the "
            "gap must be 0: put in diag(2, 3).",
        ),
        Slip(
            lambda precision: -0.5 * torch.logdet(precision),
            "Only the posterior's determinant is there; that of q* is missing. If Λ is diagonal, the gap must be 0.",
        ),
        Slip(
            lambda precision: _gap(precision) + 1.5,
            "Yours is half the number of dimensions too large: the -K of the KL has been lost. If Λ is diagonal, "
            "the gap must be 0.",
        ),
        Slip(
            lambda precision: _gap(precision) + torch.logdet(precision),
            "The posterior's determinant has the wrong sign: S is the inverse of Λ, so log det S is minus log det Λ.",
        ),
    ),
    hint="If Λ is diagonal, the posterior is in the family and the gap must be 0. If it is [[1, r], [r, 1]], the gap "
    "must depend on r² alone, and grow without end as r goes to 1. Try both.",
    rtol=1e-4,
    atol=1e-5,
)


# The importance-weighted bound


def _log_weights(generator: Generator) -> tuple[Tensor, Tensor]:
    log_joint, log_q = 2 * torch.randn(2, 7, 4, generator=generator)
    return log_joint - 3, log_q


def _bound(log_joint: Tensor, log_q: Tensor) -> Tensor:
    return (log_joint.double() - log_q.double()).logsumexp(dim=0) - math.log(len(log_q))


BOUND = Function(
    name="importance-bound",
    points=3,
    inputs=_log_weights,
    answer=_bound,
    slips=(
        Slip(
            lambda log_joint, log_q: (torch.softmax(log_q - log_joint, dim=0) * (log_joint - log_q)).sum(dim=0),
            "The softmax is still over minus the log-weights, so the codes that explain the image worst count most. "
            "And is an average of logarithms what the formula says?",
        ),
        Slip(
            lambda log_joint, log_q: (torch.softmax(log_joint - log_q, dim=0) * (log_joint - log_q)).sum(dim=0),
            "The weights are the right way up now. But this is a weighted average of log-weights, which can be "
            "above the evidence; in the bound the logarithm comes last.",
        ),
        Slip(
            lambda log_joint, log_q: (log_joint - log_q).mean(dim=0),
            "This is the mean of the logarithms: the ELBO, with more samples. The bound has the logarithm of the mean.",
        ),
        Slip(
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(dim=0),
            "This is the logarithm of a sum, where it should be that of a mean. Yours grows with L even if "
            "all weights are alike.",
        ),
        Slip(
            lambda log_joint, log_q: (log_q - log_joint).logsumexp(dim=0) - math.log(len(log_q)),
            "The weights are upside down: q stands over p. A code that the model finds likely should count more.",
        ),
        Slip(
            lambda log_joint, log_q: math.log(len(log_q)) - (log_q - log_joint).logsumexp(dim=0),
            "The weights are upside down inside the mean and put right outside it. That is a harmonic mean: its "
            "worst code decides, and it is no bound from this side.",
        ),
        Slip(
            lambda log_joint, log_q: (log_joint - log_q).exp().mean(dim=0),
            "This is the mean of the weights, an estimate of p(x) and not of its logarithm.",
        ),
        Slip(
            lambda log_joint, log_q: -_bound(log_joint, log_q),
            "The sign is flipped: this is the loss. Asked for is the bound, which goes up.",
        ),
        Slip(
            lambda log_joint, log_q: log_joint.logsumexp(dim=0) - math.log(len(log_q)),
            "q plays no part. The codes were drawn from q and not from the prior, and each must be weighted for that.",
        ),
        Slip(
            lambda log_joint, log_q: (log_joint - log_q).amax(dim=0),
            "Only the best code counts. It dominates often, and the others are there all the same.",
        ),
        Slip(
            lambda log_joint, log_q: (log_joint - log_q).logsumexp(dim=1) - math.log(log_q.shape[1]),
            "The mean is taken over the images. Samples come first here: shape (L, B).",
        ),
        Slip(
            lambda log_joint, log_q: _bound(log_joint, log_q).mean(),
            "This is averaged over the batch. Return one value for each image.",
        ),
    ),
    hint="If all L weights of an image are alike, the result must be that one log-weight, for any L. If one weight is "
    "far larger than the others, the result must be its logarithm less log L. Try both.",
)


def _judge_bound(answer: object) -> str | None:
    """Logarithms near 0; and of the size that images have."""
    wrong = BOUND.judge(answer)
    if wrong:
        return wrong
    log_joint, log_q = _log_weights(fresh_generator())
    log_joint += torch.tensor([-1500.0, 1500.0, -200.0, 300.0])
    (found,) = as_results(call(as_function(answer), log_joint.clone(), log_q.clone()))
    if not found.isfinite().all():
        return (
            "Right for small logarithms. An image's are of the size of ±1500, and their exponentials are 0 or "
            "infinite for a computer. How can the largest be taken out first? PyTorch has a function for it."
        )
    if found.shape != (4,) or not torch.allclose(found, _bound(log_joint, log_q), rtol=1e-4, atol=1e-2):
        return (
            "Right for small logarithms, but off where they are of the size of ±1500, as those of images are. Is "
            "something clamped, or a small number added before a logarithm?"
        )
    return None


IMPORTANCE = Task(name="importance-bound", points=3, judgement=_judge_bound)


# The ELBO by sampling


class _Model:
    """A linear decoder, whose ELBO is known, with an encoder that is a little off. Code and image are small."""

    latent_dim = 2
    image_shape = (6,)

    def __init__(self, generator: Generator) -> None:
        weight = torch.randn(6, 2, generator=generator)
        self.truth = LinearGaussian(3 * weight / weight.norm(dim=0), torch.rand(6, generator=generator), 0.7)
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
        self.fit, self.rate = float(terms.log_likelihood), float(terms.kl)
        self.elbo = self.fit - self.rate
        self.plug_in = float(model.log_likelihood(image, self.mu)) - self.rate
        zeros = torch.zeros_like(self.mu)
        self.of_one = {
            "right": self.elbo,
            "The sign is flipped: this is the loss. Asked for is the ELBO, which goes up.": -self.elbo,
            "The rate is added. What a code costs is taken away from what it explains.": self.fit + self.rate,
            "The rate is missing: this is the fit alone, and nothing keeps the codes near the prior.": self.fit,
            "The codes are drawn from the prior. The average is one over q, the image's own.": self._of(zeros, zeros),
            "The draws are too narrow: σ² has been used as their width, where σ belongs.": self._of(
                self.mu, 2 * self.logvar
            ),
            "The draws are too wide: log σ² has been used as their width, as it is.": self._of(
                self.mu, 2 * self.logvar.abs().log()
            ),
            "The draws are about the right mean, but with the width 1 of the prior.": self._of(self.mu, zeros),
        }
        self.decoded_average = self._of(self.mu, self.logvar - math.log(4))
        # Of averages inside the logarithm there are two kinds: of p(x, z) / q(z | x), and of p(x | z) alone.
        copies, seeded = image.expand(IMAGES, -1), Generator().manual_seed(0)
        fits = torch.stack([bounds.elbo(model, copies, generator=seeded).log_likelihood for _ in range(4)])
        self.inside_logarithm = [
            float((fits.logsumexp(dim=0) - math.log(4)).mean()) - self.rate,
            float(bounds.iwae_bound(model, copies, 4, seeded).mean()),
        ]

    def _of(self, mu: Tensor, logvar: Tensor) -> float:
        return float(self.model.truth.elbo(self.image, mu, logvar).log_likelihood) - self.rate

    def tells_them_apart(self) -> bool:
        """Whether no two of them are near each other."""
        of_one = torch.tensor(list(self.of_one.values())).sort().values
        others = (self.elbo, *self.inside_logarithm)
        return bool(of_one.diff().min() > 0.8) and all(abs(self.decoded_average - other) > 0.5 for other in others)


def _fresh_truth(generator: Generator) -> _Truth:
    for _ in range(200):  # one in a few will do
        model = _Model(generator)
        code = torch.tensor([[2.0, -2.0]])
        truth = _Truth(model, model.decode(code) + 0.3 * torch.randn(1, 6, generator=generator))
        if truth.tells_them_apart():
            break
    return truth


def _judge_elbo(answer: object) -> str | None:
    """Its mean and spread over many images that are all alike."""
    function = as_function(answer)
    generator = fresh_generator()
    truth = _fresh_truth(generator)
    x = truth.image.expand(IMAGES, -1).clone()
    # `call` puts PyTorch's generator back, and without a new seed a second call would see the same draws.
    seeds = torch.randint(2**31, (3,), generator=generator).tolist()

    def seeded(seed: int, n_samples: int) -> object:
        torch.manual_seed(seed)
        return function(truth.model, x.clone(), n_samples)

    one, four, again = (as_results(call(seeded, *which))[0] for which in zip(seeds, (1, 4, 1), strict=True))
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
    return _judge_average(truth, one, four) if told == "right" else told


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
    draws = bounds.elbo(truth.model, truth.image.expand(IMAGES, -1), generator=generator).value
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
    if float(four.mean()) > truth.elbo:
        return (
            "Right for one sample. With four it is higher on average, so likelihoods are averaged before the "
            "logarithm: that is the importance-weighted kind of bound, and not the ELBO."
        )
    return "Right for one sample, but not for four. What is done with the samples of one image?"


def _mean_is(found: Tensor, expected: float) -> bool:
    return abs(float(found.mean()) - expected) <= TOO_FAR * float(found.std()) / math.sqrt(len(found)) + 1e-4


SAMPLED = Task(name="elbo-by-sampling", points=3, judgement=_judge_elbo)


# Half way

MIDPOINT = Number(
    name="midpoint",
    points=1,
    value=lambda: 20 / 2,
    slips=(
        Slip(
            lambda: 20.0,
            "That is the squared length at the two ends. Half way, each coordinate is the mean of two independent "
            "numbers: what does that do to its variance?",
        ),
        Slip(lambda: math.sqrt(10), "That is the length. Its square is asked for, which is easier to add up."),
        Slip(
            lambda: 20 / math.sqrt(2),
            "Each coordinate's *deviation* shrinks by that factor. A squared length adds up variances.",
        ),
        Slip(
            lambda: 5.0,
            "A quarter of K is what one of the two codes contributes. There are two, and each has its share.",
        ),
        Slip(
            lambda: 0.0,
            "The midpoint is the origin on average. But a squared length cannot average to 0 unless it always is.",
        ),
        Slip(lambda: 40.0, "That is the squared length of the sum of the two codes. Half way there is a half as well."),
        Slip(lambda: 0.5, "That is one coordinate's share. A squared length adds up all K of them."),
    ),
    hint="Write the midpoint's j-th coordinate as a half of the sum of two independent N(0, 1) numbers. Its variance, "
    "times K, is what is asked for. Or draw ten thousand pairs and measure.",
    rtol=0.03,
)


# A weight on the rate


def _small_vae(kind: type, beta: float) -> VAE:
    """Untrained, but with codes that differ from the prior, and a decoder that depends on them."""
    model = kind((3, 3), 2, (8,), likelihood=Bernoulli(), generator=Generator().manual_seed(0))
    if not isinstance(model, VAE):
        return model
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3)
        model.encoder[-1].bias.copy_(torch.tensor([1.5, -2.0, -1.0, 0.5]))
    model.beta = beta
    return model


def _losses(kind: type, beta: float, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of each image, and the slopes of its mean in the encoder's and in the decoder's last biases."""

    def run() -> tuple | None:
        model = _small_vae(kind, beta)
        loss = model.loss(x.clone())
        if loss is None or loss is ... or not isinstance(loss, torch.Tensor):
            return loss
        biases = model.encoder[-1].bias, model.decoder[-1].bias
        if not loss.requires_grad:
            return loss, *map(torch.zeros_like, biases)
        slopes = torch.autograd.grad(loss.mean(), biases, allow_unused=True)
        return loss, *(torch.zeros_like(b) if s is None else s for b, s in zip(biases, slopes, strict=True))

    found = as_results(call(run))
    return found if len(found) == 3 else (found[0], torch.zeros(4), torch.zeros(9))


def _judge_beta(answer: object) -> str | None:
    """The loss and its slopes for several β, over many copies of one image."""
    if not (isinstance(answer, type) and issubclass(answer, VAE)):
        return "The check needs your class itself, an extension of `VAE`: its name, and no brackets."
    generator = fresh_generator()
    image = torch.rand(1, 3, 3, generator=generator)
    x = image.expand(IMAGES // 4, -1, -1).clone()
    at = {beta: _losses(answer, beta, x) for beta in (1.0, 2.0, 4.0, 1000.0)}
    for beta in at:
        loss = at[beta][0]
        if loss.shape != (len(x),):
            return (
                f"Your loss has shape {tuple(loss.shape)} for {len(x)} images; `fit` needs one value for each, and "
                "averages them itself."
            )
        if not loss.isfinite().all():
            return f"With β = {beta:g} there is a NaN or an infinity in your loss."
    model = _small_vae(VAE, 1.0)
    with torch.no_grad():
        terms = bounds.elbo(model, image, n_samples=100_000, generator=generator)
        mu, logvar = model.encode(image)
        plug_in = float(model.log_likelihood(image, mu))
    fit, rate = float(terms.log_likelihood), float(terms.kl)
    one = at[1.0][0]

    def is_everywhere(expected: Callable[[float], float]) -> bool:
        return all(_near(at[beta][0], expected(beta)) for beta in (1.0, 2.0, 4.0))

    if not is_everywhere(lambda beta: beta * rate - fit):
        n_pixels = image.numel()
        slips = (
            (
                lambda beta: fit - beta * rate,
                "This is the ELBO, which goes up. A loss goes down: both signs are flipped.",
            ),
            (
                lambda beta: rate - fit,
                "At β = 1 it is right, and with another β it is the same: `beta` has no part in it, or it is read only "
                "once, before it was changed.",
            ),
            (lambda beta: rate - beta * fit, "It is the fit that β weighs here, and not the rate."),
            (
                lambda beta: beta * (rate - fit),
                "β weighs both terms. That is the same loss in another unit, and trains the same model.",
            ),
            (
                lambda beta: rate / beta - fit,
                "The rate is divided by β, where it should be multiplied: a large β should make it dear.",
            ),
            (
                lambda beta: -beta * rate - fit,
                "The rate has the wrong sign: a code that says more costs less here.",
            ),
            (
                lambda beta: (1 + beta) * rate - fit,
                "The rate is counted twice: once as it is, and once more times β.",
            ),
            (
                lambda beta: beta * rate - fit / n_pixels,
                "The fit is a mean over the pixels, and the rate a sum: at β = 1 this is not minus the ELBO.",
            ),
            (
                lambda beta: beta * rate / 2 - fit,
                "The rate is a mean over the latent dimensions, where it is a sum.",
            ),
            (lambda beta: beta**2 * rate - fit, "The rate is multiplied by β twice."),
        )
        told = next((says for expected, says in slips if is_everywhere(expected)), None)
        if told:
            return told
        if one.std() < 1e-5 and _near(one, rate - plug_in, 1e-3):
            return "Only the mean of q is decoded: the loss has no noise, and at β = 1 it is not minus the ELBO."
        if not _near(one, rate - fit):
            return "At β = 1 your loss is not minus the ELBO. Get that right first; `elbo` gives you its two terms."
        return "At β = 1 it is minus the ELBO. With β = 4 it must be larger by three times the rate, and is not."
    if not bool(at[1.0][2].abs().sum()):
        return "The values are right, but the decoder gets no slope: a `detach` or a `no_grad` cuts it off."
    if float(_losses(answer, 0.0, x)[1].abs().max()) < 1e-6:
        return (
            "The values are right, but no slope of the fit reaches the encoder: how is the code drawn? Training would "
            "see the rate alone, and switch the code off."
        )
    slope = torch.stack([mu[0], 0.5 * (logvar[0].exp() - 1)]).flatten()
    if not torch.allclose(at[1000.0][1] / 1000, slope.double(), rtol=0.05, atol=0.05):
        return (
            "The values are right, but the slope of the rate does not reach the encoder as it should. Is it detached?"
        )
    return None


def _near(found: Tensor, expected: float, tolerance: float = 0.0) -> bool:
    """The expected value is an average over 100,000 draws and has an error too, four times less than the other's."""
    error = 1.1 * float(found.std()) / math.sqrt(len(found))
    return abs(float(found.mean()) - expected) <= max(6 * error, tolerance) + 1e-4


BETA = Task(name="beta-vae", points=4, judgement=_judge_beta)

EXERCISES: tuple[Exercise, ...] = (GAP, APPROXIMATION, IMPORTANCE, SAMPLED, MIDPOINT, BETA)
