"""The exercise "find the mistakes"."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from vae_exercises.bernoulli_decoder.shared import log_likelihood, pixels, sure_images
from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import GradientStage, Stage
from vae_exercises.engine.terms import Terms


def _batch(
    generator: Generator, n_images: int, latent_dim: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu, logvar = 1.5 * torch.randn(2, n_images, latent_dim, generator=generator)
    x = torch.bernoulli(torch.full((n_images, height, width), 0.4), generator=generator)
    return mu, logvar, 2 * torch.randn(n_images, height, width, generator=generator), x


def _sure_batch(generator: Generator, latent_dim: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu, logvar = torch.randn(2, 2, latent_dim, generator=generator)
    x, logits = sure_images(generator)
    return mu, logvar, logits, x


def _kl_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))


def _kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return _kl_parts(mu, logvar).sum(dim=1)


def _loss(mu: Tensor, logvar: Tensor, logits: Tensor, x: Tensor) -> Tensor:
    return (_kl(mu, logvar) - log_likelihood(x, logits)).mean()


def _terms(mu: Tensor, logvar: Tensor, logits: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return -log_likelihood(x, logits).mean(), _kl(mu, logvar).mean()


LOSS = Function(
    name="bce-loss",
    points=3,
    inputs=_batch,
    answer=_loss,
    mistakes=(
        Mistake(
            lambda mu, logvar, logits, x: (
                binary_cross_entropy_with_logits(torch.sigmoid(logits), x) + _kl(mu, logvar).mean()
            ),
            "Both mistakes are still there. Count what each term is summed over and averaged over; then follow one "
            "logit from the decoder to the loss.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - log_likelihood(x, torch.sigmoid(logits))).mean(),
            "One mistake is fixed. The sigmoid is still taken twice: this cross-entropy takes it itself, and survives "
            "large logits. What does it want to be given?",
        ),
        Mistake(
            lambda mu, logvar, logits, x: binary_cross_entropy_with_logits(logits, x) + _kl(mu, logvar).mean(),
            "One mistake is fixed. The cross-entropy is still averaged over the pixels while the KL term is summed "
            "over the latent dimensions: the KL term weighs D times too much, and the code is switched off.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar).mean() - log_likelihood(x, logits).sum(),
            "The cross-entropy is now summed over the batch too, while the KL term is averaged over it. Their balance "
            "would depend on the batch size.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar).sum() - log_likelihood(x, logits).mean(),
            "The KL term is summed over the batch, while the cross-entropy is averaged over it. Their balance would "
            "depend on the batch size.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - log_likelihood(x, logits)).sum(),
            "The balance of the two terms is right, but both are summed over the batch. The task asks for nats *per "
            "image*: would yours stay the same in a batch of twice as many?",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar) - log_likelihood(x, logits),
            "Right for each image; the task asks for their average over the batch, one number.",
        ),
        Mistake(
            lambda *batch: -_loss(*batch),
            "This is the ELBO, which goes up. A loss goes down, and an optimiser given yours would make the model "
            "worse and worse.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: -(_kl(mu, logvar) + log_likelihood(x, logits)).mean(),
            "The KL term is subtracted from the cross-entropy: a code that says more would cost less. The sum of the "
            "two terms is minus the ELBO; check the sign of each.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl_parts(mu, logvar).mean(dim=1) - log_likelihood(x, logits)).mean(),
            "The KL term is a mean over the latent dimensions now. It was right before: a sum over them.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - log_likelihood(x, logits)).mean() / x[0].numel(),
            "Both terms are divided by the number of pixels. Their ratio is right, so it would train well; but these "
            "are nats per pixel, and the task asks for nats per image.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl_parts(mu, logvar).mean() - pixels(x, logits).mean(),
            "Each term is now averaged over its own numbers, one over D pixels and the other over K dimensions. "
            "Average over images, and over nothing else.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (
                _kl(mu, logvar) + (x - torch.sigmoid(logits)).square().sum(dim=(1, 2))
            ).mean(),
            "The squared error stands where the cross-entropy belongs: that is another decoder, a Gaussian one.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (
                _kl(mu, logvar) - (x - torch.sigmoid(logits)).square().sum(dim=(1, 2))
            ).mean(),
            "Two things: the squared error stands where the cross-entropy belongs, and it has the wrong sign.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar).mean(),
            "The cross-entropy is missing altogether: nothing asks for copies that resemble the images.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: -log_likelihood(x, logits).mean(),
            "The KL term is missing altogether: this is the loss of an autoencoder with noise in its code.",
        ),
    ),
    hint="For one image of one pixel, with logit 0, and a code with mu = 0 and σ = 1, the loss is log 2 and nothing "
    "else. A second pixel of the same kind must add as much again, and a second image must change nothing.",
    terms=Terms(("the cross-entropy", "the KL term"), _terms),
    gradients=("mu", "logvar", "logits"),
    stages=(
        Stage(
            _sure_batch,
            "Right for logits of the usual size, but not at ±200: the logarithm of a probability is cut off there, as "
            "`binary_cross_entropy` does at -100, and the gradient is then 0. The pixels that are most wrong would be "
            "the ones that are never corrected.",
            not_finite="Right for logits of the usual size. With logits of ±200 it is a NaN or an infinity: a "
            "probability has been rounded to 0 or 1 before its logarithm was taken, or an exponential overflows. Which "
            "form of the cross-entropy is given the logits themselves?",
        ),
        GradientStage(
            _sure_batch,
            2,
            "The values are right, also for logits of ±200, but the gradients in the logits there are not: something "
            "is clamped or detached on the way, or a branch that is not chosen overflows.",
        ),
    ),
    remark="The mean over the pixels switches the code off; two sigmoids keep every pixel at one half or more.",
)
