"""The exercise "the KL term"."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.engine.stages import Stage
from vae_exercises.engine.terms import Terms
from vae_exercises.kl.shared import codes, kl, narrow_codes


def _terms(mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    parts = (mu.square(), logvar.exp(), -torch.ones_like(mu), -logvar)
    return tuple(0.5 * part.sum(dim=1) for part in parts)


KL = Function(
    name="kl",
    points=3,
    inputs=codes,
    answer=kl,
    mistakes=(
        Mistake(
            lambda mu, logvar: -kl(mu, logvar),
            "The sign is flipped: this is minus the divergence. A KL is never negative; try it on a code that differs "
            "from the prior.",
        ),
        Mistake(
            lambda mu, logvar: 2 * kl(mu, logvar),
            "Every value is twice too large. Which factor stands before the sum, and where does it come from?",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) + mu.shape[1],
            "The 1 has the wrong sign. At mu = 0, log σ² = 0 the two Gaussians are the same, and yours gives a nat for "
            "each dimension there.",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * mu.square().sum(dim=1),
            "Only the mean counts, so a code of any width would be free. Which terms of the bracket have σ in them?",
        ),
        Mistake(
            lambda mu, logvar: kl(0 * mu, logvar),
            "Only the width counts, so a code could be anywhere for free. Which term of the bracket has the mean in "
            "it?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1).sum(dim=1),
            "The logarithm is missing. Make σ very small: the KL must grow without end, and yours does not.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu[:, :1], logvar[:, :1]),
            "Only the first dimension of each code counts. Sum over all of them.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu[:, -1:], logvar[:, -1:]),
            "Only the last dimension of each code counts. Is the total written over where it should be added to?",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) + 0.5 * (mu.shape[1] - 1),
            "The 1 is subtracted once for each code. It belongs to the bracket, so to each dimension.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) + 0.5 * (mu.shape[1] - mu.shape[0]),
            "The number of images is subtracted, where the number of dimensions belongs. `mu` is `(B, K)`: which is "
            "which?",
        ),
        Mistake(
            lambda mu, logvar: kl(0 * mu, logvar) + 0.5 * mu.sum(dim=1).square(),
            "The means are added up before they are squared. What is the square of each of them for?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - logvar).sum(dim=1),
            "Where σ² belongs, its square stands. What `logvar` holds is log σ², so which exponential is σ²?",
        ),
        Mistake(
            lambda mu, logvar: kl(mu.T, logvar.T),
            "The sum runs over the images, where it should run over the latent dimensions. Which axis is which?",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar).mean() / mu.shape[1],
            "This is averaged over everything. Sum over the latent dimensions, and return one value for each image.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) / math.log(2),
            "These are bits: every value is larger by 1 / log 2. The task asks for nats.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, -logvar),
            "σ² is turned upside down. Make σ very small: which exponential of `logvar` is then near 0?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.square() - 1 - logvar.square().log()).sum(dim=1),
            "`logvar` is taken for σ itself. It is a logarithm, and of σ².",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - logvar.square()).sum(dim=1),
            "The logarithm is squared, where it should be the logarithm of a square: `logvar` is log σ² as it is.",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.abs() + logvar.exp() - 1 - logvar).sum(dim=1),
            "The mean enters by its size. The formula has its square.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) + 0.5 * mu.shape[1],
            "At mu = 0, log σ² = 0 the two Gaussians are the same, and yours gives more than 0 there: half a nat too "
            "much for each dimension. Which term of the bracket is missing?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - logvar).sum(dim=1),
            "σ stands where σ² belongs. What `logvar` holds is log σ², so which exponential is σ²?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(0.5 * logvar) - 1 - 0.5 * logvar).sum(dim=1),
            "Both the variance and its logarithm are those of σ, not of σ². What `logvar` holds is log σ² already.",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + torch.exp(2 * logvar) - 1 - 2 * logvar).sum(dim=1),
            "`logvar` is read as log σ, and squared once more. It is log σ² already.",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - 0.5 * logvar).sum(dim=1),
            "The logarithm is that of σ, where the formula has that of σ². By how much do they differ?",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 + logvar).sum(dim=1),
            "The last term has the wrong sign. Make σ very small: a narrower q must have a larger KL, and yours falls.",
        ),
        Mistake(
            lambda mu, logvar: 0.5 * (mu + logvar.exp() - 1 - logvar).sum(dim=1),
            "The mean is not squared: a code at -3 is as far from the prior as one at +3.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar) / mu.shape[1],
            "This is a mean over the latent dimensions, where the KL is a sum over them. With a mean, a code of twenty "
            "dimensions would cost as much as one of them.",
        ),
        Mistake(
            lambda mu, logvar: 2 * kl(mu, logvar) / mu.shape[1],
            "Two things: the factor before the sum is lost, and the sum is a mean over the latent dimensions.",
        ),
        Mistake(
            lambda mu, logvar: -kl(mu, logvar) / mu.shape[1],
            "Two things: the sign is flipped, and the sum is a mean over the latent dimensions.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar).sum(),
            "This is one number for the whole batch. Each image has its own KL: sum over the latent dimensions "
            "and leave the batch alone.",
        ),
        Mistake(
            lambda mu, logvar: kl(mu, logvar).mean(),
            "This is averaged over the batch. Leave that to the caller, and return one value for each image.",
        ),
        Mistake(
            lambda mu, logvar: kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)),
            "These are the parts of the single dimensions. They must still be added up for each image.",
        ),
        Mistake(
            lambda mu, logvar: kl_divergence(Normal(0.0, 1.0), Normal(mu, torch.exp(0.5 * logvar))).sum(dim=1),
            "This is KL(p || q), the other direction. In the ELBO it is q that comes first, and that is averaged over.",
        ),
    ),
    hint="Some values are right by chance at best. Try three codes by hand: mu = 0 and σ = 1 costs 0 nats; mu = 1 and "
    "σ = 1 costs a half for each dimension; mu = 0 and a tiny σ costs a lot.",
    gradients=("mu", "logvar"),
    terms=Terms(("the square of the mean", "the term with σ²", "the 1", "the term with log σ²"), _terms),
    stages=(
        Stage(
            narrow_codes,
            "Right for codes of the usual width, but not for very narrow ones: is something clamped there, or a small "
            "number added?",
            not_finite="Right for codes of the usual width. For very narrow ones, such as the task's log σ² of -150, "
            "σ² is 0 in the 32 bits of your numbers, and its logarithm infinite. (If you used PyTorch's "
            "`kl_divergence`, you used it rightly: it takes that logarithm too.) Where do you have log σ² already? Or "
            "in which precision would σ² not be 0?",
        ),
    ),
)
