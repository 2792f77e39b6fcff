"""The exercise "where does the image jump?"."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vae_exercises.engine.kinds import Function, Mistake


def _walks(
    generator: Generator, latent_dim: int, height: int, width: int, n: int
) -> tuple[Callable[[Tensor], Tensor], Tensor, Tensor, int]:
    into = torch.randn(latent_dim, 8, generator=generator)
    out = torch.randn(8, height * width, generator=generator)

    def decode(z: Tensor) -> Tensor:
        return torch.sigmoid(torch.tanh(z.to(into) @ into) @ out).unflatten(-1, (height, width))

    z_a, z_b = 1.5 * torch.randn(2, latent_dim, generator=generator)
    return decode, z_a, z_b, 3 + n


def _n_pixels(decode: Callable, z: Tensor) -> int:
    return decode(z.view(1, -1)).numel()


def _steps(pictures: Tensor) -> Tensor:
    return pictures.diff(dim=0).flatten(1).norm(dim=1)


def _line(z_a: Tensor, z_b: Tensor, t: Tensor) -> Tensor:
    return torch.lerp(z_a, z_b, t.unsqueeze(1))


def _walk_steps(decode: Callable, z_a: Tensor, z_b: Tensor, n: int) -> Tensor:
    return _steps(decode(_line(z_a, z_b, torch.linspace(0, 1, n))))


WALK_STEPS = Function(
    name="walk-steps",
    points=3,
    inputs=_walks,
    answer=_walk_steps,
    mistakes=(
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_b, z_a, n),
            "The walk goes from `z_b` to `z_a`. Put t = 0: where should you be?",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(n) / n))),
            "The walk stops one step before `z_b`. With n pictures, how many gaps are there to divide the way into?",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(1, n + 1) / n))),
            "The walk starts one step after `z_a`. The first picture is that of `z_a` itself.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _steps(decode(_line(z_a, z_b, torch.arange(1, n + 1) / (n + 1)))),
            "Both ends are left out. The first picture is that of `z_a`, the last that of `z_b`.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n + 1),
            "There is one step too many. n pictures, both ends among them, have fewer gaps between them than n.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_a + z_b, n),
            "The walk ends at `z_a` + `z_b`. What becomes of `z_a` as t grows?",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).square(),
            "These are squared distances. The task asks for the distance itself.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n) / math.sqrt(_n_pixels(decode, z_a)),
            "The squared differences are averaged over the pixels, where a distance sums them.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).square() / _n_pixels(decode, z_a),
            "These are mean squared errors. A distance sums over the pixels, and takes the root.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: (
                decode(_line(z_a, z_b, torch.linspace(0, 1, n))).diff(dim=0).abs().flatten(1).sum(dim=1)
            ),
            "The absolute differences are added up. The task asks for the Euclidean distance.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: torch.linalg.svdvals(
                decode(_line(z_a, z_b, torch.linspace(0, 1, n))).diff(dim=0)
            ).amax(dim=1),
            "These are norms of the differences as matrices: the largest singular value of each. A picture is one long "
            "vector here.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: (lambda path: (path[1:] - path[:1]).flatten(1).norm(dim=1))(
                decode(_line(z_a, z_b, torch.linspace(0, 1, n)))
            ),
            "These are distances from the first picture. The task asks for the distance from each picture to the next.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: (
                (decode(z_a.view(1, -1)) - decode(z_b.view(1, -1))).flatten(1).norm(dim=1) / (n - 1)
            ).expand(n - 1),
            "All steps are equally long: you blend the two end pictures. The walk goes through the codes, and each of "
            "them is decoded.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: ((z_a - z_b).norm() / (n - 1)).expand(n - 1),
            "All steps are equally long: these are distances between codes. The task asks for those between pictures.",
        ),
        Mistake(
            lambda decode, z_a, z_b, n: _walk_steps(decode, z_a, z_b, n).sum(),
            "This is the length of the whole way. The task asks for each step of it.",
        ),
    ),
    hint="If both codes are the same, no step goes anywhere. With n = 2 there is one step: the distance between the "
    "two end pictures. With n = 3 there are two, and `z_a` and `z_b` have their mean between them.",
)
