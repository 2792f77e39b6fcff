"""The exercise "repair a picture"."""

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn

from vae_exercises.engine.answers import as_function, fresh_generator, one_result, require_tensor
from vae_exercises.engine.kinds import Task
from vae_exercises.engine.monte_carlo import N_ERRORS, average_is
from vae_exercises.engine.sandbox import call
from vae_exercises.engine.verdict import WrongAnswerError
from vae_lessons.models import Autoencoder

CALLS = 4  # so many that their numbers of blank pixels are not all alike by chance
MASKED_IMAGES = 300
MASKED_SHAPE = (6, 5)


class _Watched:
    """A small autoencoder, and what has gone into its encoder and come out of its decoder."""

    def __init__(self, generator: Generator) -> None:
        self.model = Autoencoder(MASKED_SHAPE, 2, (8,), generator)
        self.seen: list[Tensor] = []
        self.copies: list[Tensor] = []
        self.model.encoder.register_forward_hook(self._see)
        self.model.decoder.register_forward_hook(self._copy)

    def _see(self, _module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        self.seen.append(inputs[0].detach().clone().double())

    def _copy(self, _module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.copies.append(torch.sigmoid(output.detach().double()))


def _examine_denoising(answer: Any) -> None:
    """Look at what the model is shown, and what its copies are compared with."""
    function, generator = as_function(answer), fresh_generator()
    x = 0.3 + 0.7 * torch.rand(MASKED_IMAGES, *MASKED_SHAPE, generator=generator)
    share = 0.2 + 0.1 * float(torch.rand((), generator=generator))
    clean, models = x.flatten(1).double(), [_Watched(generator) for _ in range(CALLS)]
    # All in one call, since each call starts PyTorch's generator where the one before did.
    values = call(lambda: [function(watched.model, x.clone(), share) for watched in models])
    for value, watched in zip(values, models, strict=True):
        result = one_result(value)
        if not watched.seen or not watched.copies:
            raise WrongAnswerError("The model is never asked for a copy. Which images should it encode and decode?")
        seen, copies = torch.cat(watched.seen), torch.cat(watched.copies)
        if seen.shape != clean.shape or copies.shape != clean.shape:
            raise WrongAnswerError(
                f"The model is shown {len(seen)} images for the {len(x)} that there are. Show it each of them once."
            )
    blank = torch.stack([torch.cat(watched.seen) == 0 for watched in models])
    _examine_noise(clean, seen, share)
    _examine_draws(blank, share)
    _examine_comparison(clean, seen, copies, result)
    _examine_gradient(value, models[-1].model)


def _examine_noise(clean: Tensor, seen: Tensor, share: float) -> None:
    """Look at how the images, (B, D), were damaged."""
    changed = ~torch.isclose(clean, seen, rtol=1e-4, atol=1e-6)
    if not changed.any():
        raise WrongAnswerError("The model is shown the clean images: nothing is blanked before they are encoded.")
    blank = seen.abs() < 1e-9
    if not torch.equal(blank, changed):
        if torch.allclose(seen[~blank], clean[~blank] / (1 - share), rtol=1e-4):
            raise WrongAnswerError(
                "The pixels that are left have been scaled up, as dropout does inside a network. Here a pixel is "
                "either blank or as it was."
            )
        raise WrongAnswerError("Pixels are changed, but not all to 0. A pixel is either blank or as it was.")
    grid = blank.unflatten(1, MASKED_SHAPE)
    if (blank == blank[:1]).all():
        raise WrongAnswerError("The same pixels are blanked in every image. Each image needs its own draw.")
    if (blank == blank[:, :1]).all():
        raise WrongAnswerError("Whole images are blanked, and others left alone. Each pixel needs its own draw.")
    if (grid == grid[:, :, :1]).all() or (grid == grid[:, :1]).all():
        raise WrongAnswerError("Whole rows or columns are blanked together. Each pixel needs its own draw.")
    found, spread = float(blank.double().mean()), math.sqrt(share * (1 - share))
    if average_is(found, share, spread, blank.numel()):
        return
    if average_is(found, 1 - share, spread, blank.numel()):
        raise WrongAnswerError(
            "The mask is upside down: p is the probability with which a pixel is blanked, and yours keeps it so."
        )
    raise WrongAnswerError(
        f"With p = {share:.2f}, a share of {found:.2f} of all pixels is blanked. What does your mask compare?"
    )


def _examine_draws(blank: Tensor, share: float) -> None:
    """Look at how often pixels are blanked in several calls, (calls, B, D)."""
    if (blank == blank[0]).all():
        raise WrongAnswerError(
            "The same pixels are blanked in every call. The network can memorise noise that never changes: draw it "
            "anew in each call."
        )
    variances, expected = blank.sum(dim=2).double().var(dim=1), blank.shape[2] * share * (1 - share)
    too_far = N_ERRORS * math.sqrt(2 / (blank.shape[0] * blank.shape[1])) * expected
    if len(blank.sum(dim=(1, 2)).unique()) == 1 or abs(float(variances.mean()) - expected) > too_far:
        raise WrongAnswerError(
            "The right share of pixels is blanked, but their number is fixed beforehand. Each pixel must be drawn "
            "for itself, independently of the others."
        )


def _examine_comparison(clean: Tensor, seen: Tensor, copies: Tensor, result: Tensor) -> None:
    """Look at the loss: images and copies are (B, D), the result (B,)."""
    off, blank = (clean - copies).square(), seen.abs() < 1e-9
    if _same(result, off.sum(dim=1)):
        return
    usual = [
        (
            (seen - copies).square().sum(dim=1),
            "The copy is compared with the damaged image. Then the network learns to draw the damage. (Or has your "
            "code written into `x` itself?)",
        ),
        ((clean - seen).square().sum(dim=1), "This compares the damaged images with the clean ones; no copy is in it."),
        (
            (off * blank).sum(dim=1),
            "Only the blanked pixels count. The whole copy is to be compared with the whole image.",
        ),
        (
            (off * ~blank).sum(dim=1),
            "Only the pixels that were left count, so nothing asks for the blanked ones to be filled in.",
        ),
        (off.mean(dim=1), "This is a mean over pixels, where the book has a sum."),
        (off.sum(), "This is one number for the batch. Each image has its own loss."),
        (off.sum(dim=1).mean(), "This is averaged over the batch. Keep one value for each image."),
        (off.mean(), "This is one number, a mean over pixels and images. Sum over pixels, one value for each image."),
        (0.5 * off.sum(dim=1), "This is half of what it should be: the squared error has no factor before it."),
        (2 * off.sum(dim=1), "This is twice what it should be: the squared error has no factor before it."),
        ((clean - copies).abs().sum(dim=1), "This is the sum of absolute errors. The task asks for squares."),
        (
            -(clean * copies.log() + (1 - clean) * (1 - copies).log()).sum(dim=1),
            "This is a cross-entropy. It is a sensible loss too, but the task asks for the squared error.",
        ),
        *[
            (off.unflatten(1, MASKED_SHAPE).sum(dim=axis), "The sum runs over one of the two axes of an image only.")
            for axis in (1, 2)
        ],
        (off.unflatten(1, MASKED_SHAPE).sum(dim=0), "The sum runs over the images. It must run over their pixels."),
        (off.sum(dim=1).sqrt(), "There is a root too many: this is the distance itself, not its square."),
        (-off.sum(dim=1), "The sign is flipped: training would make the copies worse."),
    ]
    for expected, message in usual:
        if _same(result, expected):
            raise WrongAnswerError(message)
    if result.shape != (len(clean),):
        raise WrongAnswerError(
            f"Your result has shape {tuple(result.shape)} for {len(clean)} images; it must have one value for each."
        )
    raise WrongAnswerError(
        "The images are damaged as they should be, but the loss is not the squared error of the copy. What is "
        "compared with what, and what is summed?"
    )


def _examine_gradient(value: Any, model: Autoencoder) -> None:
    """Look whether gradients reach both networks."""
    require_tensor(value)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise WrongAnswerError(
            "The values are right, but nothing can be learned from them: no gradient leads back to the model. Is "
            "there a `detach`, a `no_grad`, or a way through NumPy?"
        )
    for name, network in {"encoder": model.encoder, "decoder": model.decoder}.items():
        if not _reaches(value, network):
            raise WrongAnswerError(
                f"The values are right, but no gradient reaches the {name}, so it would learn nothing. What is "
                "detached, or frozen?"
            )


def _reaches(value: Tensor, network: nn.Module) -> bool:
    trained = [part for part in network.parameters() if part.requires_grad]
    if not trained:
        return False
    gradients = torch.autograd.grad(value.sum(), trained, retain_graph=True, allow_unused=True)
    return any(part is not None and bool(part.any()) for part in gradients)


def _same(result: Tensor, expected: Tensor) -> bool:
    return result.shape == expected.shape and torch.allclose(result, expected, rtol=1e-3, atol=1e-5)


DENOISING = Task(
    name="denoising",
    points=3,
    examination=_examine_denoising,
    remark="The copies are compared with the whole images: a copy of the damage would not be a repair.",
)
