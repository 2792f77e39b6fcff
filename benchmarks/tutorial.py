"""The VAE of most tutorials and its training loop, which `fit` is compared with.

784-400-20, a DataLoader that makes a tensor of each image, sigmoid followed by cross-entropy, Adam at 1e-3 with
batches of 128, and `loss.item()` in each step.
"""

import time
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

BATCH_SIZE, LR, EPOCHS = 128, 1e-3, 10
HIDDEN, LATENT_DIM = 400, 20


class TutorialVAE(nn.Module):
    """The VAE of most tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, HIDDEN)
        self.mean = nn.Linear(HIDDEN, LATENT_DIM)
        self.logvar = nn.Linear(HIDDEN, LATENT_DIM)
        self.decoder = nn.Sequential(nn.Linear(LATENT_DIM, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstructions, mu and logvar for images (B, H, W)."""
        hidden = torch.relu(self.hidden(x.view(-1, 784)))
        mu, logvar = self.mean(hidden), self.logvar(hidden)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar

    def loss(self, x: Tensor) -> Tensor:
        """Compute -ELBO, summed over the batch."""
        x_hat, mu, logvar = self(x)
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return binary_cross_entropy(x_hat, x.view(-1, 784), reduction="sum") + kl


class Tutorial:
    """The model with its data loader and optimiser, ready for the next epoch."""

    def __init__(self, root: Path, seed: int = 0, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.device = device
        self.model = TutorialVAE().to(device)
        self.loader = DataLoader(MNIST(root, transform=ToTensor()), batch_size=BATCH_SIZE, shuffle=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=LR)

    def epoch(self, steps: int | None = None) -> float:
        """Train for one epoch, or for its first `steps`; return the seconds."""
        start = time.perf_counter()
        total = 0.0
        for images, _ in islice(self.loader, steps):
            images = images.to(self.device)
            self.optimiser.zero_grad()
            loss = self.model.loss(images)
            loss.backward()
            total += loss.item()
            self.optimiser.step()
        return time.perf_counter() - start

    @torch.no_grad()
    def negative_elbo(self, images: Tensor) -> float:
        """Compute -ELBO in nats per image, with one sample of z for each."""
        parts = images.to(self.device).split(1000)
        return sum(float(self.model.loss(part)) for part in parts) / len(images)
