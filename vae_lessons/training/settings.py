"""How a training run is configured: `Settings`, validated once, when they are made."""

from dataclasses import dataclass

from vae_lessons.validation import check_int, check_positive

MIN_SEED, MAX_SEED = -(2**63), 2**64 - 1  # of torch's generators
SCHEDULES = ("linear", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """What `fit` is asked to do. Numbers of any kind, NumPy's too, become Python's.

    The defaults are those of `fit`, which documents each of them. `resolve` in `defaults` replaces None and "auto".

    Raises
    ------
    ValueError
        Naming the setting, for a value out of range.
    """

    epochs: int = 10
    batch_size: int | None = None
    lr: float | None = None
    schedule: str = "linear"
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    start_at_mean: bool = True

    def __post_init__(self) -> None:
        checked = {
            "epochs": check_int("epochs", self.epochs),
            "seed": check_int("seed", self.seed, MIN_SEED, MAX_SEED),
        }
        if self.batch_size is not None:
            checked["batch_size"] = check_int("batch_size", self.batch_size)
        if self.lr is not None:
            checked["lr"] = check_positive("lr", self.lr)
        for name, number in checked.items():
            object.__setattr__(self, name, number)  # a frozen dataclass refuses plain assignment
        for name, allowed in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
