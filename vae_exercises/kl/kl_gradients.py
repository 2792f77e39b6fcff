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
            lambda mu, logvar: (mu, 0.5 * (1 - logvar.exp())),
            "The gradient in mu is right; the one in log σ² has its sign flipped. Is the KL larger or smaller for a "
            "wider q, if σ is above 1?",
        ),
        Mistake(
            lambda mu, logvar: (mu, 0.5 * (torch.exp(0.5 * logvar) - 1)),
            "The gradient in mu is right. In the other one σ stands where σ² belongs: what `logvar` holds is log σ².",
        ),
        Mistake(
            lambda mu, logvar: (2 * mu, 0.5 * (logvar.exp() - 1)),
            "The gradient in log σ² is right; the one in mu is twice too large. Where is the half?",
        ),
        Mistake(
            lambda mu, logvar: (0.5 * mu, 0.5 * (logvar.exp() - 1)),
            "The gradient in log σ² is right; the one in mu is half of what it should be. What is the derivative of a "
            "square?",
        ),
        Mistake(
            lambda mu, logvar: (0.5 * mu.square(), 0.5 * (logvar.exp() - 1)),
            "The gradient in log σ² is right. The first is the term of the KL itself, not differentiated.",
        ),
        Mistake(
            lambda mu, logvar: _gradients(mu, logvar)[::-1],
            "Both are right, but in the wrong order.",
        ),
        Mistake(
            lambda mu, logvar: tuple(gradient / mu.shape[1] for gradient in _gradients(mu, logvar)),
            "These are the gradients of a mean over the latent dimensions, where the KL is a sum over them.",
        ),
        Mistake(
            lambda mu, logvar: tuple(gradient / mu.shape[0] for gradient in _gradients(mu, logvar)),
            "These are the gradients of the average over the batch. The task asks for those of each image's own KL.",
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
