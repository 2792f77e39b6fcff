"""What DrawDigit shows for one image: what the encoder and the decoder make of it."""

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vae_lessons.evaluation.plots import INK
from vae_lessons.figures.draw_digit.posterior_plane import PosteriorPlane
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import MINUS
from vae_lessons.models import VAE
from vae_lessons.probability import gaussian


@dataclass(frozen=True)
class DigitSnapshot(Snapshot):
    """An image, its posterior q(z | x), a sample z of it, and both decoded.

    Attributes
    ----------
    name : str
        What the image is, for the description.
    plane : PosteriorPlane
        Where the posterior is drawn.
    image : Tensor
        (H, W), the network's input.
    mu, logvar, z : Tensor
        (K,), parameters of q and the sample.
    from_mu, from_z : Tensor
        (H, W), decoded images.
    numbers : dict of str to float
        `reconstruction`, `kl`, `elbo` and `reconstruction_of_z`, in nats.
    """

    name: str
    plane: PosteriorPlane
    image: Tensor
    mu: Tensor
    logvar: Tensor
    z: Tensor
    from_mu: Tensor
    from_z: Tensor
    numbers: dict[str, float]

    @classmethod
    @torch.no_grad()
    def at(
        cls, model: VAE, plane: PosteriorPlane, name: str, image: Tensor, noise: Tensor, draw: int
    ) -> "DigitSnapshot":
        """Run the encoder once and the decoder twice.

        Parameters
        ----------
        model : VAE
            The networks.
        plane : PosteriorPlane
            Where the posterior is drawn.
        name : str
            What the image is, for the description.
        image : Tensor
            (H, W), in [0, 1].
        noise : Tensor
            (N, K): the reconstruction term is the average over these draws.
        draw : int
            Which of the draws makes the z that is shown.
        """
        dtype = next(model.encoder.parameters()).dtype
        x = image.to(dtype).unsqueeze(0)
        mu, logvar = model.encode(x)  # (1, K)
        samples = mu + torch.exp(0.5 * logvar) * noise.to(dtype)  # (N, K)
        each = model.log_likelihood(x.expand(len(samples), -1, -1), samples)  # (N,)
        from_mu, from_z = model.decode(torch.stack([mu[0], samples[draw]]))
        reconstruction, kl = float(each.mean()), float(gaussian.kl_to_standard_normal(mu, logvar))
        numbers = {"reconstruction": reconstruction, "kl": kl, "elbo": reconstruction - kl}
        numbers["reconstruction_of_z"] = float(each[draw])
        return cls(name, plane, image, mu[0], logvar[0], samples[draw], from_mu, from_z, numbers)

    def printed(self) -> dict[str, str]:
        """Return the terms; reconstruction and KL are rounded, and the ELBO follows."""
        reconstruction, kl, of_z = (
            round(self.numbers[name], 2) for name in ("reconstruction", "kl", "reconstruction_of_z")
        )
        return {
            "reconstruction": f"{reconstruction:z.2f}",
            f"{MINUS} KL": f"{kl:z.2f}",
            "= ELBO": f"{reconstruction - kl:z.2f} nats",
            "reconstruction from this z": f"{of_z:z.2f}",
        }

    def alt(self) -> str:
        """Describe the pictures and the posterior."""
        in_plane = self.plane.dimensions
        centre = ", ".join(f"{value:.2f}" for value in self.mu[in_plane])
        spread = ", ".join(f"{value:.2f}" for value in (self.logvar[in_plane] / 2).exp())
        return (
            f"Left: {self.name}, as the network's input. Middle: what the decoder makes of the mean of q and of a "
            f"sample. Right: q in the plane of {' and '.join(self.plane.names)}, as ellipses around ({centre}) "
            f"with standard deviations ({spread}), among codes of test images. Reconstruction "
            f"{self.numbers['reconstruction']:.1f} nats, KL {self.numbers['kl']:.1f}, ELBO {self.numbers['elbo']:.1f}."
        )

    def draw(self, figure: Figure) -> None:
        """Draw the pictures, and the posterior in its plane beside them."""
        axes: dict[str, Any] = figure.subplot_mosaic(
            [["image", "mean", "plane"], ["image", "sample", "plane"]], width_ratios=(21, 11, 30)
        )
        pictures = {
            "image": ("input x", self.image),
            "mean": ("decoded μ", self.from_mu),
            "sample": ("decoded z", self.from_z),
        }
        for place, (label, picture) in pictures.items():
            axes[place].imshow(picture.numpy(), **INK)
            axes[place].set(xlabel=label, xticks=[], yticks=[])
            axes[place].spines[:].set(visible=True, color="#bbbbbb")
        self.plane.draw(axes["plane"], self.mu, self.logvar, self.z)
