"""What all likelihoods share."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae_lessons.validation import check_floating

ROUNDING = 1e-5  # by less than this, a blend of two images or a mean may leave [0, 1]


class Likelihood(nn.Module):
    """The base class of the likelihoods. In training mode, that is inside `fit`, pixels are not checked."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()  # PyTorch's modules start in training mode
        self.register_load_state_dict_post_hook(_accept_plain_weights)

    def get_extra_state(self) -> Tensor:
        """Put what no weight shows, such as a fixed σ, into `state_dict`: the bytes of its repr, or of a name."""
        return torch.tensor(list(self.kind().encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Raise ValueError for the weights of a model with another likelihood."""
        saved, own = (bytes(kind.tolist()).decode() for kind in (state, self.get_extra_state()))
        if saved != own:
            raise ValueError(f"likelihood must be {saved} for these weights, which were trained with it, got {own}")

    def kind(self) -> str:
        """Name the likelihood, with all that no weight shows."""
        return f"a learned {type(self).__name__}" if list(self.parameters()) else repr(self)

    def from_outputs(self, outputs: Tensor) -> Tensor:
        """Turn a network's outputs, any real numbers, into parameters: by default they are logits already."""
        return outputs


def _accept_plain_weights(module: nn.Module, keys: NamedTuple) -> None:
    """Let weights in that do not say of which likelihood they are, such as those of plain PyTorch code."""
    keys.missing_keys[:] = [key for key in keys.missing_keys if not key.endswith("_extra_state")]


def per_image(values: Tensor) -> Tensor:
    """Sum over pixels: (B, ...) to (B,)."""
    return values.flatten(1).sum(dim=1)


def check_fit(x: Tensor, name: str, params: Tensor) -> None:
    """Raise ValueError unless images and parameters have one shape (B, ...), and floating dtypes."""
    check_floating(**{"x": x, name: params})
    if x.shape != params.shape or x.dim() < 2:
        shapes = f"{tuple(x.shape)} and {tuple(params.shape)}"
        raise ValueError(f"x and {name} must have the same shape (B, ...), got {shapes}")
