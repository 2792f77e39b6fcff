"""The exercise "the gradient of the reconstruction term"."""

import math

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _codes_and_targets(generator: Generator, n_images: int, latent_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar, target = 1.5 * torch.randn(3, n_images, latent_dim, generator=generator)
    return mu, logvar, target


def _gradients(mu: Tensor, logvar: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiate a Gauss-Hermite quadrature with three nodes, which is exact for a parabola."""
    mu, logvar = mu.double().requires_grad_(), logvar.double().requires_grad_()
    with torch.enable_grad():
        total = torch.zeros(())
        for eps, weight in ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6)):
            z = mu + torch.exp(0.5 * logvar) * eps
            total = total - weight * 0.5 * (z - target).square().sum()
        return torch.autograd.grad(total, (mu, logvar))


RECONSTRUCTION_GRADIENTS = Function(
    name="expected-reconstruction-gradients",
    points=2,
    inputs=_codes_and_targets,
    answer=_gradients,
    mistakes=(
        Mistake(
            lambda *args: tuple(-gradient for gradient in _gradients(*args)),
            "Both signs are flipped. These would be the gradients of the loss; the task asks for those of F, which "
            "goes up when the mean moves towards the target.",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, torch.zeros_like(mu)),
            "The gradient in mu is right, and the other is not 0. That would be so if only the mean were decoded; "
            "here the average is over draws, and a wider q puts them farther from the target.",
        ),
        Mistake(
            lambda *args: tuple(2 * gradient for gradient in _gradients(*args)),
            "Both are twice too large: f has a half in front.",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, -logvar.exp()),
            "The gradient in mu is right; the one in log σ² is twice too large. How large is E[(z - c)²], and with "
            "which factor does it stand in F?",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, -torch.exp(0.5 * logvar)),
            "The second is the gradient in σ. The task asks for the gradient in log σ²: the chain rule has one factor "
            "more.",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, torch.full_like(mu, -0.5)),
            "The second is the gradient in σ² itself. The task asks for the gradient in log σ²: the chain rule has one "
            "factor more.",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, -0.5 * torch.exp(0.5 * logvar)),
            "The second has σ where it should have σ². Which power of σ is in E[(z - c)²]?",
        ),
        Mistake(
            lambda mu, logvar, target: (target - mu, 0.5 * logvar.exp()),
            "The second has the wrong sign. A wider q puts more draws far from the target: does F go up or down?",
        ),
        Mistake(
            lambda mu, logvar, target: (mu - target, -0.5 * logvar.exp()),
            "The first has the wrong sign: F must go up when mu moves towards the target.",
        ),
        Mistake(
            lambda mu, logvar, target: (target - 2 * mu, -0.5 * logvar.exp() - 0.5 * (logvar.exp() - 1)),
            "These are the gradients of reconstruction minus KL. The task asks for the reconstruction term alone; "
            "compare the two when you are done.",
        ),
        Mistake(
            lambda *args: tuple(gradient / args[0].shape[1] for gradient in _gradients(*args)),
            "Everything is divided by the number of dimensions. f is a sum over them, not a mean.",
        ),
        Mistake(
            lambda *args: tuple(gradient / len(args[0]) for gradient in _gradients(*args)),
            "Everything is divided by the number of images. The task asks for the gradients of each image's own term.",
        ),
        Mistake(
            lambda *args: _gradients(*args)[::-1],
            "Both are right, but in the wrong order.",
        ),
        Mistake(
            lambda mu, logvar, target: (0.5 * (target - mu), -0.5 * logvar.exp()),
            "The second is right; the first is half of what it should be. What is the derivative of a square?",
        ),
        Mistake(
            lambda mu, logvar, target: (2 * (target - mu), -0.5 * logvar.exp()),
            "The second is right; the first is twice too large: f has a half in front.",
        ),
    ),
    hint="Do one dimension first. Write z - c as (z - μ) + (μ - c), square, and average: two terms remain. At "
    "mu = target the first gradient must be 0, and the second must not.",
    remark="The reconstruction term is largest for a width of 0, whatever the target. The KL term prevents it.",
)
