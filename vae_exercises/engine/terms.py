"""What a wrong answer is made of: the terms of the right one, with other weights on them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """The terms that a right result is the sum of.

    Any answer that adds them up with other weights is recognised by a least-squares fit of these weights, whatever
    they are: a lost sign, a missing term, a hidden β. A number that is added in every case is recognised with them,
    such as a size that is written into the code.

    Attributes
    ----------
    names
        What to call each term.
    compute
        Computes the terms from the arguments of a call; each has the shape of the result, or spreads to it.
    """

    names: tuple[str, ...]
    compute: Callable[..., tuple[Tensor | float, ...]]

    def diagnose(self, trials: list[tuple], results: list[Tensor]) -> str:
        """Say which weights are wrong; say nothing if the results are no weighted sum of the terms."""
        wanted = torch.cat([result.flatten() for result in results])
        columns = [
            torch.cat([torch.as_tensor(part).double().expand_as(result).flatten() for part, result in column])
            for column in zip(
                *(
                    [(part, result) for part in self.compute(*args)]
                    for args, result in zip(trials, results, strict=True)
                ),
                strict=True,
            )
        ]
        design = torch.stack([*columns, torch.ones_like(wanted)], dim=1)
        scale = design.norm(dim=0)
        fit = torch.linalg.lstsq(design / scale, wanted[:, None], driver="gelsd").solution[:, 0] / scale
        if len(wanted) <= len(fit) or not torch.allclose(design @ fit, wanted, rtol=1e-4, atol=1e-4):
            return ""
        *weights, added = fit.tolist()
        parts = [_account(name, weight) for name, weight in zip(self.names, weights, strict=True)]
        if abs(added) < 1e-2 and len(parts) > 1 and max(weights) - min(weights) < 5e-3:
            parts = [_account("Each term", weights[0])]
        elif abs(added) > 1e-2:
            parts.append(
                f"The number {added:.3g} is added, the same for inputs of any shape: is a size written into the code?"
            )
        return " ".join(filter(None, parts))


def diagnose_factor(results: list[tuple[Tensor, ...]], expected: list[tuple[Tensor, ...]]) -> str:
    """Say by which factor all results are off, or that it is another one for each shape; nothing if by no factor."""
    pairs = [
        [torch.cat([part.flatten() for part in parts]) for parts in (result, right)]
        for result, right in zip(results, expected, strict=True)
    ]
    if any(len(right) < 2 or not right.any() for _, right in pairs):
        return ""
    factors = [float(result @ right / (right @ right)) for result, right in pairs]
    if not all(
        torch.allclose(result, factor * right, rtol=1e-3, atol=1e-5)
        for factor, (result, right) in zip(factors, pairs, strict=True)
    ):
        return ""
    if max(factors) - min(factors) < 1e-3 * abs(factors[0]):
        return f"Every value is {factors[0]:.3g} times what it should be."
    return (
        "Every value is off by a factor, and by another one for inputs of another shape: is a size written into the "
        "code as a number, or is there a mean where a sum belongs?"
    )


def _account(name: str, weight: float) -> str:
    """Say what is wrong with the weight of a term, if anything is."""
    name = name[0].upper() + name[1:]
    if abs(weight - 1) < 5e-4:
        return ""
    if abs(weight) < 5e-3:
        return f"{name} is missing."
    if abs(weight + 1) < 5e-3:
        return f"{name} has the wrong sign."
    if weight < 0:
        return f"{name} has the wrong sign, and counts {-weight:.3g} times."
    return f"{name} counts {weight:.3g} times, where it should count once."
