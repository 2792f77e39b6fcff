"""The exercise "its gradient, by hand"."""

import torch
from torch import Tensor

from vae_exercises.engine.kinds import Function, Mistake
from vae_exercises.kl.shared import codes, kl


def _gradients(mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    mu, logvar = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(kl(mu, logvar).sum(), (mu, logvar))


GRADIENTS = Function(
    name="kl-gradients",
    points=2,
    inputs=codes,
    answer=_gradients,
    mistakes=(
        Mistake(
            lambda mu, logvar: tuple(-gradient for gradient in _gradients(mu, logvar)),
            "Both signs are flipped. These would be the gradients of minus the KL, along which a step makes it "
            "smaller.",
        ),
        Mistake(
            lambda mu, logvar: (2 * mu, logvar.exp() - 1),
            "Both are twice too large: the half before the sum has been lost.",
        ),
        Mistake(
            lambda mu, logvar: (mu, logvar.exp() - 1),
            "The gradient in mu is right; the one in log σ² is twice too large. Where is the half?",
        ),
        Mistake(
            lambda mu, logvar: (mu, 0.5 * logvar.exp()),
            "The gradient in log σ² is not 0 at σ = 1, where the KL is lowest. What does the last term "
            "of the bracket add?",
        ),
        Mistake(
            lambda mu, logvar: (mu, 0.5 * (1 - torch.exp(-logvar))),
            "The second one is the gradient in σ² itself. The task asks for the gradient in log σ², which is what a "
            "network puts out; the chain rule has one factor more.",
        ),
        Mistake(
            lambda mu, logvar: (mu, torch.exp(0.5 * logvar) - torch.exp(-0.5 * logvar)),
            "The second one is the gradient in σ. The task asks for the gradient in log σ², which is what a network "
            "puts out.",
        ),
    ),
    hint="Where the KL is lowest, at mu = 0 and σ = 1, both gradients must be 0. And a step against them must make "
    "the KL smaller from wherever it starts: try it.",
    remark="Both are zero at μ = 0 and log σ² = 0: at the prior.",
)
