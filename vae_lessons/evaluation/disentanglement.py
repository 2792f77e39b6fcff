"""How much each latent dimension says about each factor that images were made from.

It needs images of which the factors are known, as `load_shapes` gives, all combinations of their values among them.
"""

import torch
from torch import Tensor

from vae_lessons.evaluation.metrics import entropy
from vae_lessons.probability.gaussian import LOG_TWO_PI
from vae_lessons.validation import check_finite, check_same_length, check_shapes, check_tensors

N_CELLS = 1024  # of the grid along a latent dimension
NARROWEST = 4e-3  # σ that can be told from 0, as a share of the distance between the outermost means: four cells
TAIL = 7.0  # standard deviations that the grid goes on beyond these


@torch.no_grad()
def mutual_information(mu: Tensor, logvar: Tensor, factors: Tensor) -> Tensor:
    """Compute I(z_j; v_f), (K, F), nats, of codes z ~ q(z | x_n), n drawn at random, and each factor of that image.

    I = H(z_j) - H(z_j | v_f), with q(z_j | v_f) and q(z_j) the mixtures of the q(z_j | x_n) of the images that have
    this value and of all. They are integrated on a grid, so there is no sampling noise; a σ below 1/250 of the
    distance between a unit's outermost means counts as that.

    Parameters
    ----------
    mu, logvar : Tensor, (N, K)
        Mean and log σ² of q(z | x_n) for each image.
    factors : Tensor, (N, F), int64
        The value of each factor of each image, counted from 0.

    Raises
    ------
    ValueError
        For shapes that do not fit, for factors that are not whole numbers from 0, and for what is not finite.
    TypeError
        For what is not a tensor.
    """
    _check(mu, logvar, factors)
    shares = [torch.nn.functional.one_hot(column).double() for column in factors.to(mu.device).T]  # (N, V) each
    units = zip(mu.double().T, logvar.double().T, strict=True)
    return torch.stack([torch.stack(_of_unit(*unit, shares)) for unit in units]).to(mu)


def mutual_information_gap(mu: Tensor, logvar: Tensor, factors: Tensor) -> Tensor:
    """Compute how far the unit that knows most about a factor is ahead of the second, as a share of its entropy: (F,).

    [I(z_j; v_f) - I(z_k; v_f)] / H(v_f), j and k the two units with the most mutual information. It is 1 where one unit
    knows the factor and all others nothing of it, 0 where two units know as much. The mean over factors is the MIG.
    Arguments are those of `mutual_information`, which says what is raised; ValueError also for fewer than two units and
    for a factor with one value only.

    Source: Chen, Li, Grosse and Duvenaud (2018).
    """
    _check(mu, logvar, factors)
    if mu.shape[1] < 2:
        raise ValueError("mu must have at least two units: a gap lies between two")
    if not (factors != factors[0]).any(dim=0).all():
        raise ValueError("factors must have at least two values each: of a constant there is nothing to know")
    first, second = mutual_information(mu, logvar, factors).topk(2, dim=0).values
    entropies = [entropy((column.bincount() / len(column)).unsqueeze(0)) for column in factors.T]
    return (first - second) / torch.cat(entropies).to(mu)


def _of_unit(mu: Tensor, logvar: Tensor, shares: list[Tensor]) -> list[Tensor]:
    """Compute I(z; v_f) of one unit, mu and logvar (N,), for each factor as one-hot rows (N, V)."""
    mu = mu - mu.mean()
    sigma = torch.exp(0.5 * logvar).clamp(min=NARROWEST * (mu.max() - mu.min()))
    low, high = (mu - TAIL * sigma).min(), (mu + TAIL * sigma).max()
    cell = (high - low) / N_CELLS
    z = low + cell * torch.arange(N_CELLS + 1).to(mu)  # (G,)
    # log N(z; mu, σ²) as a polynomial in z, so that one matrix product makes it for all z and all images.
    terms = torch.stack([-0.5 / sigma**2, mu / sigma**2, -0.5 * (mu / sigma) ** 2 - sigma.log() - 0.5 * LOG_TWO_PI])
    densities = (torch.stack([z.square(), z, torch.ones_like(z)], dim=1) @ terms).exp()  # (G, N)
    whole = _entropy(densities.mean(dim=1, keepdim=True), cell)  # (1,)
    information = []
    for share in shares:
        counts = share.sum(dim=0)  # (V,)
        given = _entropy(densities @ share / counts.clamp(min=1), cell)  # (V,)
        information.append(whole[0] - given @ counts / len(mu))
    return information


def _entropy(densities: Tensor, cell: Tensor) -> Tensor:
    """Compute -∫ p log p of densities on the grid, (G, V): (V,), nats."""
    return torch.special.entr(densities).sum(dim=0) * cell


def _check(mu: Tensor, logvar: Tensor, factors: Tensor) -> None:
    check_shapes(mu=mu, logvar=logvar)
    check_tensors(factors=factors)
    check_same_length(mu=mu, factors=factors)
    check_finite("mu", mu)
    check_finite("logvar", logvar)
    if factors.dim() != 2 or factors.dtype != torch.int64 or factors.min() < 0:
        found = f"{factors.dtype} {tuple(factors.shape)}"
        raise ValueError(f"factors must be whole numbers from 0, int64 (N, F), got {found}: count the values from 0")
