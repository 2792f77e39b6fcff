"""Where a training run stands, on disk after each epoch, so that a run that was killed goes on from there."""

import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Generator, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from vae_lessons.training.files import warn_of_damage, write
from vae_lessons.training.history import History

Part = nn.Module | Optimizer | LRScheduler
DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """One file, of one run: the SHA-256 of what follows, and the state after the last completed epoch."""

    path: Path

    def save(self, history: History, parts: Sequence[Part], generators: Sequence[Generator]) -> None:
        """Write the state of all parts and generators, in place of the one that was kept before."""
        buffer = io.BytesIO()
        state = {
            "history": asdict(history),
            "parts": [part.state_dict() for part in parts],
            "generators": [generator.get_state() for generator in generators],
        }
        torch.save(state, buffer)
        content = buffer.getvalue()
        write(self.path, hashlib.sha256(content).digest() + content)

    def restore(self, history: History, parts: Sequence[Part], generators: Sequence[Generator]) -> None:
        """Put all back to the state that was kept, if there is one and it was trained with the same settings."""
        if not os.path.exists(self.path):
            return
        try:
            file = self.path.read_bytes()
            digest, content = file[:DIGEST_SIZE], file[DIGEST_SIZE:]
            if hashlib.sha256(content).digest() != digest:
                raise ValueError("its content is not what was written")
        except (OSError, ValueError) as error:
            warn_of_damage("checkpoint", self.path, error)
            return
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if state["history"].pop("settings") != asdict(history.settings):  # of another device, for example
            return
        for part, kept in zip(parts, state["parts"], strict=True):
            part.load_state_dict(kept)
        for generator, kept in zip(generators, state["generators"], strict=True):
            generator.set_state(kept)
        vars(history).update(state["history"])
        history.continued_at = history.epochs

    def delete(self) -> None:
        """Remove the file, if there is one."""
        with suppress(OSError):  # another user's, under a sticky bit
            self.path.unlink(missing_ok=True)
