"""The posterior of a simulator's two parameters, exact and amortised, at an observation that the reader moves."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Generator
from traitlets import Dict, List, Unicode

from vae_lessons.data.simulators import TwoMoons, simulations
from vae_lessons.figures.runtime.controls import Slider
from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.figures.runtime.pack import weights_of
from vae_lessons.figures.runtime.widget import LiveFigure
from vae_lessons.figures.simulator_posterior import two_moons
from vae_lessons.figures.simulator_posterior.approximations import N_NODES, approximate, nodes
from vae_lessons.figures.simulator_posterior.snapshot import REACH, SimulatorPosteriorSnapshot
from vae_lessons.models import ConditionalVAE, MixtureDensityNetwork

N_SIMULATIONS, SEED = 1000, 0
MOST = 3
CAPTION = (
    "Drag the observation. The shaded moons hold 95 % of the exact posterior of the two parameters; each dot is a draw "
    "from a model's q(θ | x)."
)

Model = ConditionalVAE | MixtureDensityNetwork


class SimulatorPosterior(LiveFigure):
    """Amortised posteriors q(θ | x) of the two-moons simulator beside the exact p(θ | x).

    The simulator is `data.simulators.TwoMoons`, with two parameters and two numbers in x.

    Its numbers are, for each model, KL( p(θ | x) || q(θ | x) ) in nats, and the probability that q gives to the moons
    that hold 95 % of p. Those of a conditional VAE are computed with 256 nodes of p(z | x).

    Parameters
    ----------
    models : mapping of str to ConditionalVAE or MixtureDensityNetwork
        One to three, by name. A conditional VAE has θ as its image, x as its condition, and `RealGaussian` as its
        likelihood.
    x1, x2 : float
        The observation: from -0.2 to 0.25, and from -0.3 to 0.3, where all of both moons is within the prior.
    caption : str
        Plain text below the figure.

    Raises
    ------
    TypeError
        For what is not a mapping of strings to such models.
    ValueError
        For no model or more than three, for models of other sizes, and for weights that are not finite.
    TraitError
        For a value outside its range.
    """

    folder = Path(__file__).parent
    _models = List().tag(sync=True, state=True)
    _noise = Unicode().tag(sync=True, state=True)
    _nodes = Dict().tag(sync=True, state=True)
    _simulations = Unicode().tag(sync=True, state=True)
    x1 = Slider("x₁", "x 1", *two_moons.X_RANGE[0]).trait()
    x2 = Slider("x₂", "x 2", *two_moons.X_RANGE[1]).trait()

    def __init__(
        self, models: Mapping[str, Model], *, x1: float = 0.0, x2: float = 0.0, caption: str = CAPTION
    ) -> None:
        _check(models)
        self._approximations = {name: approximate(model, f"models[{name!r}]") for name, model in models.items()}
        generator = Generator().manual_seed(SEED)
        self._cloud = simulations(TwoMoons(), N_SIMULATIONS, 1, generator).train[1]
        self._eps = torch.randn(N_NODES, 2, generator=generator)
        described = [{"name": name, **model.describe()} for name, model in self._approximations.items()]
        dims = {model["latent_dim"] for model in described if "latent_dim" in model}
        self.still_size = (700, 30 + 840 // (1 + len(models)))
        super().__init__(
            _models=described,
            _noise=pack_floats(self._eps),
            _nodes={str(dim): pack_floats(nodes(dim)) for dim in dims},
            _simulations=pack_floats(self._cloud),
            _weights=weights_of([n for model in self._approximations.values() for n in model.networks.values()]),
            constants={
                "shift": two_moons.SHIFT,
                "radii": two_moons.radii(),
                "band": two_moons.band(),
                "outline": [two_moons.RADIUS + side * two_moons.BAND * two_moons.WIDTH for side in (-1, 1)],
                "n_angles": two_moons.N_ANGLES,
                "expected_log_density": two_moons.expected_log_density(),
                "reach": REACH,
            },
            x1=x1,
            x2=x2,
            caption=caption,
        )

    def snapshot(self) -> SimulatorPosteriorSnapshot:
        """Compute each model's q(θ | x), and compare it with p(θ | x)."""
        x = torch.tensor([self.x1, self.x2], dtype=torch.float64)
        return SimulatorPosteriorSnapshot.at(x, self._cloud, self._approximations, self._eps.double())


def _check(models: Mapping[str, Model]) -> None:
    if not isinstance(models, Mapping) or not all(isinstance(name, str) for name in models):
        raise TypeError(f"models must be a dict of models by name, got {type(models).__name__}")
    if not 1 <= len(models) <= MOST:
        raise ValueError(f"models must hold one to {MOST} models, got {len(models)}")
