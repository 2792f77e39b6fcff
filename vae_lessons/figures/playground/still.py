"""The playground's still picture: the ring after training, drawn from a VAE that is trained in PyTorch."""

import io
from functools import cache

import matplotlib.style
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Generator, Tensor, nn

from vae_lessons.evaluation.plots import COLOURS, STYLE
from vae_lessons.inference import elbo
from vae_lessons.models import VAE
from vae_lessons.probability import RealGaussian

SIZE = (700, 330)  # CSS pixels
ALT = (
    "The playground on a ring of points, after training. Left: data, draws from the model, and the decoder's picture "
    "of lines in latent space, folded around the ring. Right: the codes of the data within the prior's circles."
)
STEPS = 1500
DOTS = 200


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
    angle = 2 * torch.pi * torch.rand(400, generator=generator)
    points = 1.5 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.1 * torch.randn(400, 2, generator=generator)
    vae = VAE((1, 2), 2, (32, 32), likelihood=RealGaussian(0.1), generator=generator)
    vae.encoder, vae.decoder = (
        nn.Sequential(*(nn.Tanh() if isinstance(layer, nn.ReLU) else layer for layer in network))
        for network in (vae.encoder, vae.decoder)
    )
    optimiser = torch.optim.Adam(vae.parameters(), lr=0.003)
    for _ in range(STEPS):
        batch = points[torch.randint(400, (64,), generator=generator)].unsqueeze(1)
        optimiser.zero_grad()
        (-elbo(vae, batch, generator=generator).value.mean()).backward()
        optimiser.step()
    return vae.eval(), points
