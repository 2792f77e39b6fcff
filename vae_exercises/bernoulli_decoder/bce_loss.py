"""Exercise 8.2: find the mistakes."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from vae_exercises.bernoulli_decoder.shared import NO_SLOPES, log_likelihood, pixels, slopes_in_logits, sure_images
from vae_exercises.engine.answers import as_function, fresh_generator, one_result
from vae_exercises.engine.kinds import Function, Mistake, Task
from vae_exercises.engine.sandbox import call


def _batch(generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mu, logvar = 1.5 * torch.randn(2, 6, 3, generator=generator)
    x = torch.bernoulli(torch.full((6, 4, 5), 0.4), generator=generator)
    return mu, logvar, 2 * torch.randn(6, 4, 5, generator=generator), x


def _kl_parts(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0))


def _kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return _kl_parts(mu, logvar).sum(dim=1)


def _loss(mu: Tensor, logvar: Tensor, logits: Tensor, x: Tensor) -> Tensor:
    return (_kl(mu, logvar) - log_likelihood(x, logits)).mean()


MODERATE_LOSS = Function(
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
            "One mistake is mended. The sigmoid is still taken twice: this cross-entropy takes it itself, and survives "
            "large logits. What does it want to be given?",
        ),
        Mistake(
            lambda mu, logvar, logits, x: binary_cross_entropy_with_logits(logits, x) + _kl(mu, logvar).mean(),
            "One mistake is mended. The misfit is still averaged over the pixels while the rate is summed over the "
            "latent dimensions: the rate weighs D times too much, and the code is switched off.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar).mean() - log_likelihood(x, logits).sum(),
            "The misfit is now summed over the batch too, while the rate is averaged over it. Their balance would "
            "depend on the batch size.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl(mu, logvar).sum() - log_likelihood(x, logits).mean(),
            "The rate is summed over the batch, while the misfit is averaged over it. Their balance would depend on "
            "the batch size.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - log_likelihood(x, logits)).sum(),
            "The balance of the two terms is right, but both are summed over the batch. Nats *per image* are asked "
            "for: would yours stay the same in a batch of twice as many?",
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
            "The rate is subtracted from the misfit: a code that says more would cost less. The sum of the two terms "
            "is minus the ELBO; check the sign of each.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl_parts(mu, logvar).mean(dim=1) - log_likelihood(x, logits)).mean(),
            "The rate is a mean over the latent dimensions now. It was right as it stood: a sum over them.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: (_kl(mu, logvar) - log_likelihood(x, logits)).mean() / x[0].numel(),
            "Both terms are divided by the number of pixels. Their ratio is right, so it would train well; but these "
            "are nats per pixel, and asked for are nats per image.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: _kl_parts(mu, logvar).mean() - pixels(x, logits).mean(),
            "Each term is now averaged over numbers of its own, one over D pixels and the other over K dimensions. "
            "Average over images, and over nothing else.",
        ),
        Mistake(
            lambda mu, logvar, logits, x: -log_likelihood(x, logits).mean(),
            "The rate is missing altogether: this is the loss of an autoencoder with noise in its code.",
        ),
    ),
    hint="For one image of one pixel, with logit 0, and a code with mu = 0 and σ = 1, the loss is log 2 and nothing "
    "else. A second pixel of the same kind must add as much again, and a second image must change nothing.",
)


def _judge_loss(answer: object) -> str | None:
    """Logits of the usual size; huge ones; and the slopes at those."""
    wrong = MODERATE_LOSS.judge(answer)
    if wrong:
        return wrong
    function = as_function(answer)
    mu, logvar = torch.randn(2, 2, 3, generator=fresh_generator())
    x, logits = sure_images()
    found = one_result(call(function, *(part.clone() for part in (mu, logvar, logits, x))))
    if not found.isfinite().all():
        return (
            "Right for logits of the usual size. With logits of ±200 it is a NaN or an infinity: a probability has "
            "been rounded to 0 or 1 before its logarithm was taken, or an exponential overflows. Which form "
            "of the cross-entropy is given the logits themselves?"
        )
    if not torch.allclose(found, _loss(mu, logvar, logits, x).double(), rtol=1e-3):
        return (
            "Right for logits of the usual size, but not at ±200: the logarithm of a probability is cut off there, as "
            "`binary_cross_entropy` does at -100, and the slope is then 0. The pixels that are most wrong would be the "
            "ones that nobody corrects."
        )
    slopes = slopes_in_logits(lambda mu, logvar, x, logits: function(mu, logvar, logits, x), logits, mu, logvar, x)
    if slopes is None:
        return NO_SLOPES
    if not torch.allclose(slopes, (torch.sigmoid(logits) - x) / len(x), atol=1e-3):
        return (
            "The values are right, also for logits of ±200, but the slopes in the logits there are not: something is "
            "clamped or detached on the way, or a branch that is not chosen overflows."
        )
    return None


LOSS = Task(
    name="bce-loss",
    points=3,
    judgement=_judge_loss,
    remark="The mean over the pixels switches the code off; two sigmoids keep every pixel at one half or more.",
)
