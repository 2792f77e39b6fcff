"""A variational autoencoder in one file, on MNIST: python vae_in_one_file.py --epochs 10"""

import argparse

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.datasets import MNIST
from torchvision.utils import save_image


class VAE(nn.Module):
    """p(z) = N(0, I), p(x | z) = Bernoulli(sigmoid(logits)), q(z | x) = N(mu, diag σ²)."""

    def __init__(self, n_pixels=784, hidden_dim=400, latent_dim=20):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(
            nn.Linear(n_pixels, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 2 * latent_dim),  # mu and log σ²
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, n_pixels),  # logits: the loss applies the sigmoid
        )

    def encode(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)  # (B, K) each
        return mu, logvar  # log σ², not σ: it may have either sign

    def reparameterise(self, mu, logvar):
        sigma = torch.exp(0.5 * logvar)  # exp(logvar) would be the variance
        return mu + sigma * torch.randn_like(sigma)  # a sample, not the mean

    def loss(self, x):  # -ELBO in nats, one value per image: (B, D) to (B,)
        mu, logvar = self.encode(x)
        logits = self.decoder(self.reparameterise(mu, logvar))
        errors = binary_cross_entropy_with_logits(logits, x, reduction="none")
        reconstruction = -errors.sum(dim=1)  # a sum over pixels, not a mean
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)  # a sum over K
        return kl - reconstruction

    @torch.no_grad()
    def sample(self, n):
        z = torch.randn(n, self.latent_dim)  # from the prior, without the encoder
        return torch.sigmoid(self.decoder(z))  # the probability of ink, (n, D)


def load_pixels(train):
    data = MNIST("data", train=train, download=True).data
    return data.flatten(1) / 255  # (N, D), from 0 to 1


def train_epoch(model, images, optimiser, batch_size=128):
    model.train()  # matters once a network has dropout or batch normalisation
    for batch in images[torch.randperm(len(images))].split(batch_size):
        x = torch.bernoulli(batch)  # black or white, drawn anew in each epoch
        loss = model.loss(x).mean()  # the only mean: over images
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def evaluate(model, images):
    model.eval()
    return model.loss(torch.bernoulli(images)).mean().item()


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    epochs = parser.parse_args(arguments).epochs
    torch.manual_seed(0)
    train_images, test_images = load_pixels(train=True), load_pixels(train=False)
    model = VAE()  # after the seed, which decides its starting weights too
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(1, epochs + 1):
        train_epoch(model, train_images, optimiser)
        value = evaluate(model, test_images)
        print(f"epoch {epoch}: -ELBO {value:.1f} nats per test image")
    save_image(model.sample(64).view(64, 1, 28, 28), "samples.png")


if __name__ == "__main__":
    main()
