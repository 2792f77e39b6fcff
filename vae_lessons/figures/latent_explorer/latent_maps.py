"""Where test images lie in latent spaces, and where in them a position of sliders is.

An autoencoder's codes have a scale and a middle of their own, and the directions in which codes vary most need not
be those of the coordinates. A frame says which code a position is, so that sliders of one range suit all models.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_lessons.figures.runtime.images import pack_floats
from vae_lessons.models import VAE, Autoencoder
from vae_lessons.probability import gaussian

NEGLIGIBLE = 1e-6  # of the largest standard deviation: rounding, which no slider should be scaled to
DECIMALS = 6  # that travel


@dataclass(frozen=True)
class Frame:
    """code = origin + sum_i position_i scale_i direction_i, with orthonormal directions.

    Attributes
    ----------
    origin, scales : Tensor
        (K,), float64.
    directions : Tensor
        (K, K), float64, one direction a row.
    """

    origin: Tensor
    directions: Tensor
    scales: Tensor

    def code_at(self, position: Tensor) -> Tensor:
        """Convert positions (..., K) to codes (..., K)."""
        return self.origin + (position * self.scales) @ self.directions

    def position_of(self, code: Tensor) -> Tensor:
        """Convert codes (..., K) to positions (..., K)."""
        return (code - self.origin) @ self.directions.T / self.scales

    def describe(self) -> dict[str, Any]:
        """Describe it for JSON."""
        tensors = {"origin": self.origin, "directions": self.directions, "scales": self.scales}
        return {name: tensor.round(decimals=DECIMALS).tolist() for name, tensor in tensors.items()}


@dataclass(frozen=True)
class LatentMap:
    """A model, the codes (N, K) that it gives to some test images, and its frames by name."""

    model: Autoencoder | VAE
    codes: Tensor
    frames: dict[str, Frame]

    @property
    def has_prior(self) -> bool:
        """Whether the model has a prior, as a VAE does."""
        return isinstance(self.model, VAE)

    def nearest(self, frame: str, position: Tensor) -> tuple[int, float]:
        """Return index and distance of the test code nearest to a position (K,), in units of positions."""
        distances = torch.linalg.vector_norm(self.frames[frame].position_of(self.codes) - position, dim=1)
        return int(distances.argmin()), float(distances.min())

    def log_prior(self, frame: str, position: Tensor) -> float:
        """Compute log p(z) at a position (K,), in nats."""
        z = self.frames[frame].code_at(position).unsqueeze(0)
        return float(gaussian.log_prob(z, torch.zeros_like(z), torch.zeros_like(z)))

    @torch.no_grad()
    def image_at(self, frame: str, position: Tensor) -> Tensor:
        """Decode a position (K,): (H, W)."""
        code = self.frames[frame].code_at(position).unsqueeze(0)
        return self.model.decode(code.to(next(self.model.decoder.parameters())))[0].cpu()

    def describe(self) -> dict[str, Any]:
        """Describe it for JSON."""
        frames = {name: frame.describe() for name, frame in self.frames.items()}
        return {"codes": pack_floats(self.codes), "frames": frames, "has_prior": self.has_prior}


@torch.no_grad()
def map_codes(model: Autoencoder | VAE, images: Tensor, shown: Tensor) -> LatentMap:
    """Map the images whose indices are `shown`, with frames made for the codes of all.

    The code of an image is, with a VAE, the mean of q(z | x). There is a choice of frames if K > 2.

    Parameters
    ----------
    model : Autoencoder or VAE
        The model whose codes are mapped.
    images : Tensor
        (M, H, W)
    shown : Tensor
        (N,), indices.
    """
    codes = model.code(images.to(next(model.encoder.parameters()))).double().cpu()
    frames = {"coordinates": coordinates(model, codes)}
    if model.latent_dim > 2:
        frames["directions"] = principal_directions(codes)
    return LatentMap(model, codes[shown], frames)


def coordinates(model: Autoencoder | VAE, codes: Tensor) -> Frame:
    """Make the frame of positions along the coordinates of z.

    For a VAE positions are z itself, in the prior's units. An autoencoder has no prior, so positions count from the
    mean of its `codes` (M, K), in standard deviations.
    """
    origin, scales = codes.mean(dim=0), _suitable(codes.std(dim=0, correction=0))
    if isinstance(model, VAE):
        origin, scales = torch.zeros_like(origin), torch.ones_like(scales)
    return Frame(origin, torch.eye(model.latent_dim, dtype=codes.dtype), scales)


def principal_directions(codes: Tensor) -> Frame:
    """Make the frame of positions along the principal directions of `codes` (M, K), from their mean.

    Units are standard deviations. The direction of the largest variance comes first. Each has the sign that makes its
    largest component positive.
    """
    variances, directions = torch.linalg.eigh(codes.T.cov(correction=0).reshape(2 * codes.shape[1:]))
    variances, directions = variances.flip(0), directions.flip(1).T
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return Frame(codes.mean(dim=0), directions * largest.sign(), _suitable(variances.clamp(min=0).sqrt()))


def _suitable(scales: Tensor) -> Tensor:
    """Return standard deviations (K,), and 1 where the codes do not vary."""
    return torch.where(scales > NEGLIGIBLE * scales.max(), scales, 1.0)
