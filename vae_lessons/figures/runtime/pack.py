"""The models' networks on their way to the browser.

A weight is a whole number times one scale for all weights into the same output. It takes 8 bits, but 16 where there
are few and an error moves a whole code or image: after an encoder's first layer, and in a decoder's first. The page
multiplies once and then computes with floats, as PyTorch does. `networks.js` reads what is written here.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from vae_lessons.models import VAE, Autoencoder, Classifier, ConditionalVAE
from vae_lessons.probability.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian
from vae_lessons.probability.likelihoods.bernoulli import NEARLY_ZERO

LAYERS = {nn.Linear}, {nn.ReLU}  # by turns
# What pages compute of each model: methods and networks.
METHODS = {family: ("encode", "code", "decode", "likelihood_params") for family in (Autoencoder, VAE)}
METHODS |= {ConditionalVAE: ("decode", "likelihood_params"), Classifier: ("forward", "probabilities")}
NETWORKS = {ConditionalVAE: ("decoder",), Classifier: ("network",)}
COARSE, FINE = 8, 16  # bits


@dataclass(frozen=True)
class PackedNetwork:
    """A multilayer perceptron for the page, its short description apart from its many bytes.

    Attributes
    ----------
    description : dict
        For JSON. "weights" is the digest of the bytes, "layers" is [[n_in, n_out, bits], ...] with a ReLU between two,
        "output" says how the outputs make a mean image ("linear" for an encoder, whose outputs are no image), and a
        VAE's decoder has a "likelihood".
    content : str
        The bytes in base64: for each layer a float32 scale and a float32 bias of each output; then the weights, row by
        row, first of the layers with 16 bits, then of those with 8.
    """

    description: dict[str, Any]
    content: str


def pack_encoder(model: Autoencoder | VAE) -> PackedNetwork:
    """Pack the network that makes codes of images: for a VAE, mu and log σ² one after the other.

    Raises
    ------
    TypeError
        For a model that is not an Autoencoder or VAE, or computes differently from these.
    ValueError
        For weights that are not finite.
    """
    check_model(model)
    return _pack(model.encoder, first=COARSE, others=FINE, output="linear")


def pack_decoder(model: Autoencoder | VAE) -> PackedNetwork:
    """Pack the network that makes images of codes. Errors as for `pack_encoder`."""
    check_model(model)
    meaning = {"output": "sigmoid"} if isinstance(model, Autoencoder) else _meaning(model.likelihood)
    return _pack(model.decoder, first=FINE, others=COARSE, **meaning)


def pack_network(network: nn.Sequential, name: str = "network") -> PackedNetwork:
    """Pack a multilayer perceptron of any kind, with 16 bits for each weight; `name` is what an error calls it.

    Raises
    ------
    TypeError
        For what is not linear layers with a ReLU between two.
    ValueError
        For weights that are not finite.
    """
    _check_layers(network, name)
    _check_finite(network, name)
    return _pack(network, first=FINE, others=FINE, output="linear")


def pack_conditional_decoder(model: ConditionalVAE) -> PackedNetwork:
    """Pack the network that makes images of codes, each followed by its class as one-hot. Errors as `pack_encoder`."""
    check_model(model, families=(ConditionalVAE,))
    return _pack(model.decoder, first=FINE, others=COARSE, **_meaning(model.likelihood))


def pack_classifier(classifier: Classifier) -> PackedNetwork:
    """Pack the network that makes log-probabilities of images, up to a constant. Errors as `pack_encoder`."""
    check_model(classifier, "classifier", families=(Classifier,))
    return _pack(classifier.network, first=COARSE, others=FINE, output="linear")


def weights_of(networks: Sequence[PackedNetwork]) -> dict[str, str]:
    """Return the content of each network under its digest, as a live figure keeps it."""
    return {network.description["weights"]: network.content for network in networks}


def check_model(model: nn.Module, name: str = "model", families: Sequence[type] = (Autoencoder, VAE)) -> None:
    """Raise TypeError or ValueError, as `pack_encoder` does, unless the page can compute what the model does.

    Parameters
    ----------
    model : Autoencoder or VAE
        The model to check.
    name : str
        What an error calls it.
    families : sequence of type
        The classes of this package of which it must be one.
    """
    wanted = " or ".join(f"a{'n' * (family is Autoencoder)} {family.__name__}" for family in families)
    wanted += " of this package"
    family = next((family for family in families if isinstance(model, family)), None)
    if family is None:
        shown = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"{name} must be {wanted}, got {shown}")
    for method in METHODS[family]:
        if _function(model, method) is not getattr(family, method, None):
            raise TypeError(f"{name} must be {wanted}, got a {type(model).__name__} with its own {method}")
    for part in NETWORKS.get(family, ("encoder", "decoder")):
        _check_layers(getattr(model, part), name, f" in its {part}")
    if family in (VAE, ConditionalVAE) and type(model.likelihood) not in (Gaussian, Bernoulli, ContinuousBernoulli):
        raise TypeError(f"{name} must have a likelihood of this package, got {type(model.likelihood).__name__}")
    _check_finite(model, name)


def models_by_name(models: Autoencoder | VAE | Mapping[str, Autoencoder | VAE]) -> dict[str, Autoencoder | VAE]:
    """Return one model under the name of its kind, or several as they are.

    Raises
    ------
    TypeError
        For arguments that are neither a model nor a mapping, names that are not strings, and as `check_model` does.
    ValueError
        For an empty mapping, and as `check_model` does.
    """
    if isinstance(models, nn.Module):
        check_model(models, "models")
        return {"autoencoder" if isinstance(models, Autoencoder) else "VAE": models}
    if not isinstance(models, Mapping):
        shown = f"the class {models.__name__}" if isinstance(models, type) else type(models).__name__
        raise TypeError(f"models must be an Autoencoder, a VAE, or a dict of some by name, got {shown}")
    if not models:
        raise ValueError("models must hold at least one model, got an empty dict")
    for name, model in models.items():
        if not isinstance(name, str):
            raise TypeError(f"models must have strings as names, got {name!r}")
        check_model(model, f"models[{name!r}]")
    return dict(models)


def _pack(network: nn.Sequential, first: int, others: int, **meaning: Any) -> PackedNetwork:
    floats, integers, layers = [], {FINE: [], COARSE: []}, []
    for i, layer in enumerate(network[::2]):
        bits = first if i == 0 else others
        scales, weights = _quantise(layer.weight.detach().double().cpu().numpy(), bits)
        bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias.detach().cpu()
        floats += [scales.astype("<f4"), bias.numpy().astype("<f4")]
        integers[bits].append(weights)
        layers.append([layer.in_features, layer.out_features, bits])
    content = b"".join(array.tobytes() for array in [*floats, *integers[FINE], *integers[COARSE]])
    description = {"weights": hashlib.sha256(content).hexdigest(), "layers": layers, **meaning}
    return PackedNetwork(description, base64.b64encode(content).decode("ascii"))


def _quantise(weights: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_out, n_in) as scales (n_out,) and whole numbers: weights = scales * numbers to half a scale."""
    scales = np.abs(weights).max(axis=1) / (2 ** (bits - 1) - 1)
    scales[scales == 0] = 1
    return scales, np.rint(weights / scales[:, None]).astype(f"<i{bits // 8}")


def _meaning(likelihood: Gaussian | Bernoulli | ContinuousBernoulli) -> dict[str, Any]:
    described = _describe(likelihood)
    output = described["kind"] if isinstance(likelihood, ContinuousBernoulli) else "sigmoid"
    return {"output": output, "likelihood": described}


def _describe(likelihood: Gaussian | Bernoulli | ContinuousBernoulli) -> dict[str, Any]:
    if isinstance(likelihood, Gaussian):
        return {"kind": "gaussian", "sigma": likelihood.sigma}
    if isinstance(likelihood, Bernoulli):
        return {"kind": "bernoulli"}
    return {"kind": "continuous bernoulli", "nearly_zero": NEARLY_ZERO}


def _function(model: nn.Module, method: str) -> Any:
    return getattr(getattr(model, method, None), "__func__", None)


def _check_layers(network: nn.Module, name: str, where: str = "") -> None:
    kinds = [type(layer) for layer in network] if isinstance(network, nn.Sequential) else []
    if not kinds or any(kind not in LAYERS[i % 2] for i, kind in enumerate(kinds)) or not len(kinds) % 2:
        raise TypeError(f"{name} must have linear layers with a ReLU between two{where}, got {network}")


def _check_finite(module: nn.Module, name: str) -> None:
    for weights, values in module.state_dict().items():
        if not values.isfinite().all():
            raise ValueError(f"{name} must have finite weights, got {weights} with NaN or infinity")
