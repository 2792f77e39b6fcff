"""How good a posterior over a simulator's parameters is: held against the exact one, and against itself."""

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from vae_lessons.data.simulators import Simulator
from vae_lessons.evaluation.metrics import Estimate, mean_estimate, share_estimate
from vae_lessons.inference import GridDensity
from vae_lessons.validation import check_finite, check_floating, check_int, check_same_length

FOLDS = 5
MAX_EPOCHS = 400
UNITS_PER_DIM = 10  # in each of the classifier's two layers, as in Lueckmann et al. (2021)


def c2st(samples: Tensor, reference: Tensor, seed: int = 0) -> Estimate:
    """Measure how often a classifier tells samples (M, D) from reference samples (M, D): a classifier two-sample test.

    It is 1/2 if both come from one distribution and 1 if they never overlap. The classifier is scikit-learn's
    multilayer perceptron on standardised numbers; each sample is judged by one that was trained on other samples, in
    five folds. On average no classifier is above `best_accuracy`. Source: Lopez-Paz and Oquab (2017).

    Raises ValueError for samples that are not (M, D), as many of both and finite, TypeError for what is not a tensor.
    """
    check_floating(samples=samples, reference=reference)
    check_same_length(samples=samples, reference=reference)
    if samples.dim() != 2 or samples.shape != reference.shape:
        raise ValueError(f"samples and reference must be (M, D), got {tuple(samples.shape)}, {tuple(reference.shape)}")
    check_finite("samples", samples)
    check_finite("reference", reference)
    points = torch.cat([samples, reference]).detach().cpu().numpy()
    source = torch.arange(2).repeat_interleave(len(samples)).numpy()
    hidden = (UNITS_PER_DIM * samples.shape[1],) * 2
    classifier = make_pipeline(StandardScaler(), MLPClassifier(hidden, max_iter=MAX_EPOCHS, random_state=seed))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a loss that still falls is no fault of the samples
        guesses = cross_val_predict(classifier, points, source, cv=folds)
    return share_estimate(torch.from_numpy(guesses == source))


def best_accuracy(log_p: Tensor, log_q: Tensor) -> Estimate:
    """Estimate the accuracy of the best classifier of draws from p and from q, half of each: 1/2 + TV(p, q) / 2.

    TV = E_p[ max(0, 1 - q(θ) / p(θ)) ], from the log-densities of both at draws from p, (M,) each. Raises as
    `mean_estimate`, and ValueError for shapes that differ.
    """
    check_same_length(log_p=log_p, log_q=log_q)
    return mean_estimate(0.5 + 0.5 * (-torch.expm1(log_q.double() - log_p.double())).clamp(min=0))


def rank_statistics(draws: Tensor, theta: Tensor) -> Tensor:
    """Count the draws below the true parameter, (B, D), each from 0 to L: simulation-based calibration.

    If x was simulated from theta, (B, D), drawn from the prior, and the draws, (L, B, D), come from the posterior of x,
    all ranks are equally likely. Source: Talts et al. (2018).

    Raises ValueError for shapes that do not fit, TypeError for what is not a tensor.
    """
    check_floating(draws=draws, theta=theta)
    if draws.dim() != 3 or draws.shape[1:] != theta.shape:
        raise ValueError(f"draws must be (L, B, D) for theta (B, D), got {tuple(draws.shape)} and {tuple(theta.shape)}")
    return (draws < theta).sum(dim=0)


@torch.no_grad()
def grid_posterior(simulator: Simulator, x: Tensor, cells: int = 400) -> GridDensity:
    """Compute p(θ | x) of data (B, N) at the midpoints of a grid over the prior's box, for two parameters.

    `log_normaliser` is log p(x), (B,), nats; `error` is its change from a grid with half as many cells along each axis,
    a generous estimate of its own. Where the density is 0 its log is -inf.

    Raises ValueError for a simulator without a box of two parameters, and for a number of cells that is not even.
    """
    low, high = (torch.tensor(getattr(simulator, end, ()), dtype=torch.float64) for end in ("low", "high"))
    if len(low) != 2:
        raise ValueError(f"simulator must have two parameters and a uniform prior on a box, {simulator.name} has not")
    if check_int("cells", cells, minimum=2) % 2:
        raise ValueError(f"cells must be even, got {cells}")

    def on_grid(n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        middles = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        points = low + (high - low) * torch.cartesian_prod(middles, middles)  # (G, 2)
        volume = ((high - low) / n).prod()
        log_joint = torch.stack(
            [simulator.log_likelihood(row.expand(len(points), -1), points) for row in x.double()], dim=1
        ) + simulator.log_prior(points).unsqueeze(1)
        return points, log_joint, volume, log_joint.logsumexp(dim=0) + volume.log()

    *_, coarse = on_grid(cells // 2)
    points, log_joint, volume, log_evidence = on_grid(cells)
    points, volumes = points.unsqueeze(1).expand(-1, len(x), -1), volume.expand(len(x))
    return GridDensity(points, log_joint - log_evidence, volumes, log_evidence, (log_evidence - coarse).abs())
