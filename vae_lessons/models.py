"""The networks: an encoder, a decoder, and the models made of them.

Every model has `loss`, which gives one value per image; `fit` averages it.
"""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from vae_lessons import bounds
from vae_lessons.arguments import check_generator, check_pairs, whole_number
from vae_lessons.likelihoods import Likelihood
from vae_lessons.networks import as_codes, as_images, mlp, positive_integers, start_at_mean

HIDDEN = (256, 128)


class Autoencoder(nn.Module):
    """x -> z = encode(x) -> x_hat = decode(z), trained on the squared error.

    The code z is linear in the last hidden layer (no squashing), and the reconstruction passes
    through a sigmoid, because pixels lie in [0, 1].

    Parameters
    ----------
    image_shape : (H, W) in pixels
    latent_dim : K, how many numbers a code has
    hidden : widths of the encoder's hidden layers; the decoder has them in reverse
    generator : where the starting weights come from; a seeded one makes them the same each time

    Raises
    ------
    ValueError : for a shape, dimension or width that is not made of positive whole numbers, and,
        in `encode` and `decode`, for tensors whose shape or dtype does not fit
    TypeError : for a generator that is none, and, in `encode` and `decode`, for what is no tensor

    Source: Hinton and Salakhutdinov (2006).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_integers("image_shape", image_shape, length=2)
        (self.latent_dim,) = positive_integers("latent_dim", [latent_dim])
        self.hidden = positive_integers("hidden", hidden)
        n_pixels = math.prod(self.image_shape)
        self.encoder = mlp([n_pixels, *self.hidden, self.latent_dim], generator)
        self.decoder = mlp([self.latent_dim, *reversed(self.hidden), n_pixels], generator)

    def encode(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to codes (B, K)."""
        return self.encoder(as_images(x, self.image_shape, self.encoder).flatten(1))

    def code(self, x: Tensor) -> Tensor:
        """The one code that stands for each image: (B, H, W) to (B, K)."""
        return self.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, K) to images (B, H, W) in [0, 1]."""
        logits = self.decoder(as_codes(z, self.latent_dim, self.decoder))  # (B, D)
        return torch.sigmoid(logits).unflatten(1, self.image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to their reconstructions (B, H, W)."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor) -> Tensor:
        """Squared error ||x - x_hat||^2 of each image, summed over pixels: (B, H, W) to (B,)."""
        return (x - self(x)).square().sum(dim=(1, 2))

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let a new decoder start at `mean_image`, (H, W); a trained one stays as it is."""
        start_at_mean(self.decoder, mean_image)


class VAE(nn.Module):
    """z ~ N(0, I), x | z ~ likelihood(decoder(z)); with an encoder that gives q(z | x) = N(mu, diag σ²).

    A `LatentVariableModel` (see `bounds`), trained on minus the ELBO. What its decoder's outputs mean is the
    likelihood's affair, and nothing else here depends on it.

    Parameters
    ----------
    image_shape, latent_dim, hidden, generator : as for `Autoencoder`, whose networks these are, but that the
        encoder has 2 K outputs: mu and log σ²
    likelihood : `Gaussian`, `Bernoulli` or `ContinuousBernoulli`. The model has a copy of its own: if it learns,
        `model.likelihood` moves, and what was handed in does not

    Raises
    ------
    TypeError : as `Autoencoder` does, and for a likelihood that is none, or the class in place of an object of it
    ValueError : as `Autoencoder` does, and for pixels as its likelihood does

    Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014).
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        latent_dim: int,
        hidden: Sequence[int] = HIDDEN,
        *,
        likelihood: Likelihood,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_integers("image_shape", image_shape, length=2)
        (self.latent_dim,) = positive_integers("latent_dim", [latent_dim])
        self.hidden = positive_integers("hidden", hidden)
        if not isinstance(likelihood, Likelihood):
            raise TypeError(f"likelihood must be an object such as Gaussian() or Bernoulli(), got {likelihood!r}")
        self.likelihood = copy.deepcopy(likelihood)
        n_pixels = math.prod(self.image_shape)
        self.encoder = mlp([n_pixels, *self.hidden, 2 * self.latent_dim], generator)
        self.decoder = mlp([self.latent_dim, *reversed(self.hidden), n_pixels], generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, H, W) to mu and logvar = log σ², each (B, K), of q(z | x)."""
        mu, logvar = self.encoder(as_images(x, self.image_shape, self.encoder).flatten(1)).chunk(2, dim=1)
        return mu, logvar

    def code(self, x: Tensor) -> Tensor:
        """The one code that stands for each image, the mean of q: (B, H, W) to (B, K)."""
        mu, _ = self.encode(x)
        return mu

    def parameters_of_pixels(self, z: Tensor) -> Tensor:
        """Codes (B, K) to what `likelihood` takes beside an image: its mean or its logits, (B, H, W)."""
        outputs = self.decoder(as_codes(z, self.latent_dim, self.decoder))  # (B, D)
        return self.likelihood.from_outputs(outputs).unflatten(1, self.image_shape)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, K) to the mean of p(x | z): images (B, H, W) in [0, 1]."""
        return self.likelihood.mean(self.parameters_of_pixels(z))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) of each pair of an image (B, H, W) and a code (B, K): (B,), nats, summed over pixels."""
        x, parameters = as_images(x, self.image_shape, self.decoder), self.parameters_of_pixels(z)
        check_pairs(x, z)
        return self.likelihood.log_prob(x, parameters)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to their reconstructions from the mean code, decode(mu): (B, H, W)."""
        return self.decode(self.code(x))

    def loss(self, x: Tensor) -> Tensor:
        """-ELBO in nats, with one code an image drawn from q by PyTorch's own generator: (B, H, W) to (B,)."""
        return -bounds.elbo(self, x).value

    @torch.no_grad()
    def sample(self, n: int, generator: Generator | None = None, pixel_noise: bool = False) -> Tensor:
        """n images (n, H, W) from codes drawn from the prior N(0, I).

        The mean of p(x | z), which is what one shows; with `pixel_noise` a draw from it, which is what the
        model says an image is. ValueError for an n that is no whole number, TypeError for no generator.
        """
        check_generator(generator)
        n, weight = whole_number("n", n, least=0), self.decoder[0].weight
        z = torch.randn(n, self.latent_dim, generator=generator, dtype=weight.dtype, device=weight.device)
        parameters = self.parameters_of_pixels(z)
        return self.likelihood.sample(parameters, generator) if pixel_noise else self.likelihood.mean(parameters)

    def start_at_mean(self, mean_image: Tensor) -> None:
        """Let a new decoder start at the logits of `mean_image`, (H, W); a trained one stays as it is.

        A continuous Bernoulli's mean is nearer to 1/2 than that; for the others it is `mean_image`.
        """
        start_at_mean(self.decoder, mean_image)


class Classifier(nn.Module):
    """An independent reader of digits: image to class probabilities. It never sees a code.

    Parameters are as for `Autoencoder`; `n_classes` is the number of classes.
    """

    uses_labels = True  # `fit` hands its loss the labels too

    def __init__(
        self,
        image_shape: Sequence[int],
        n_classes: int = 10,
        hidden: Sequence[int] = (256,),
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = positive_integers("image_shape", image_shape, length=2)
        (self.n_classes,) = positive_integers("n_classes", [n_classes])
        self.hidden = positive_integers("hidden", hidden)
        self.network = mlp([math.prod(self.image_shape), *self.hidden, self.n_classes], generator)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to unnormalised log-probabilities (B, C)."""
        return self.network(as_images(x, self.image_shape, self.network).flatten(1))

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """Images (B, H, W) to class probabilities (B, C), each row adding up to 1."""
        return self(x).softmax(dim=1)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy -log p(label | x) in nats, one value per image: (B,)."""
        return cross_entropy(self(x), labels, reduction="none")
