"""The playground's still picture: two moons after training, drawn from a VAE that `fit` trains."""

import io
import math
from functools import cache

import matplotlib.style
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Generator, Tensor

from vae_lessons.data import TensorData
from vae_lessons.evaluation.plots import COLOURS, STYLE
from vae_lessons.models import VAE
from vae_lessons.probability import RealGaussian
from vae_lessons.training import fit

SIZE = (700, 330)  # CSS pixels
ALT = (
    "The playground on two moons, after training. Left: data, draws from the model, and the decoder's picture "
    "of lines in latent space, folded over the moons. Right: the codes of the data within the prior's circles."
)
EPOCHS = 200
N_POINTS, DOTS = 400, 200


@cache
def draw_still() -> bytes:
    """Draw the still picture, a PNG."""
    vae, points = _trained()
    generator = Generator().manual_seed(1)
    with matplotlib.style.context(STYLE, after_reset=True), torch.no_grad():
        figure = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        data, codes = figure.subplots(1, 2)
        draws = vae.sample(DOTS, generator, pixel_noise=True).flatten(1)
        data.plot(*points[:DOTS].T, ".", color=COLOURS["data"], label="data")
        data.plot(*draws.T, ".", color=COLOURS["decoder"], alpha=0.5, label="draws")
        along = torch.linspace(-3, 3, 60)
        for fixed in torch.linspace(-2, 2, 9):
            for line in (torch.stack([along, fixed.expand(60)], 1), torch.stack([fixed.expand(60), along], 1)):
                data.plot(*vae.decode(line).flatten(1).T, color=COLOURS["decoder"], lw=0.6)
        data.set(title="data space", aspect="equal", xlim=(-2.6, 2.6), ylim=(-2.6, 2.6))
        data.legend(loc="upper right")
        codes.plot(*vae.code(points[:DOTS].unsqueeze(1)).T, ".", color=COLOURS["encoder"], label="codes")
        angle = torch.linspace(0, 2 * torch.pi, 100)
        for radius in (1, 2):
            codes.plot(radius * angle.cos(), radius * angle.sin(), "--", color=COLOURS["prior"], lw=1)
        codes.set(title="latent space", aspect="equal", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
        codes.legend(loc="upper right")
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=200)
    return drawn.getvalue()


def _trained() -> tuple[VAE, Tensor]:
    generator = Generator().manual_seed(0)
    which, angle = (
        torch.randint(2, (N_POINTS,), generator=generator),
        math.pi * torch.rand(N_POINTS, generator=generator),
    )
    moons = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1) * (1 - 2 * which).unsqueeze(1)
    points = moons + 0.15 * torch.randn(N_POINTS, 2, generator=generator)
    vae = VAE((1, 2), 2, (32, 32), likelihood=RealGaussian(0.14), generator=generator)
    data = TensorData("two moons", train=(points.unsqueeze(1),), test=(points[:DOTS].unsqueeze(1),))
    fit(
        vae,
        data,
        epochs=EPOCHS,
        batch_size=64,
        lr=0.005,
        seed=0,
        device="cpu",
        precision="float32",
        start_at_mean=False,
    )
    return vae, points
