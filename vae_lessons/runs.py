"""What a training run is told, and what it tells: `Settings` and `History`."""

from dataclasses import dataclass, field

from vae_lessons.arguments import positive_number, whole_number

LEAST_SEED, LARGEST_SEED = -(2**63), 2**64 - 1  # of torch's generators
SCHEDULES = ("linear", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How `fit` trains; checked when made, and numbers of any kind (NumPy's too) are made Python's.

    The defaults are `fit`'s, which says what it makes of None and "auto".
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
        numbers = {
            "epochs": whole_number("epochs", self.epochs),
            "seed": whole_number("seed", self.seed, LEAST_SEED, LARGEST_SEED),
        }
        if self.batch_size is not None:
            numbers["batch_size"] = whole_number("batch_size", self.batch_size)
        if self.lr is not None:
            numbers["lr"] = positive_number("lr", self.lr)
        for name, number in numbers.items():
            object.__setattr__(self, name, number)  # as a frozen dataclass has it
        for name, choices in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")


@dataclass
class History:
    """What a training run did. Losses are means over images of the model's `loss`.

    Attributes
    ----------
    settings : as used, with nothing left to be chosen
    train_loss : one value an epoch, averaged over its steps, while the model was still moving
    test_loss : one value an epoch, over the whole test split at the epoch's end, in float32
    seconds : time spent, evaluation included
    images_per_second : training images seen, over the time spent in the training steps alone
    interrupted : True if somebody stopped the run; the last epoch is then not in the lists
    resumed : True if the model had been trained before, and this run went on from there
    loaded : True if the run happened earlier and was found in the cache
    """

    settings: Settings
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    images_per_second: float = 0.0
    interrupted: bool = False
    resumed: bool = False
    loaded: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.test_loss)

    def __str__(self) -> str:
        used = self.settings
        how = "loaded; it took" if self.loaded else "trained"
        stopped = ", interrupted" if self.interrupted else ""
        before = "the model had been trained before\n" if self.resumed else ""
        end = f"test loss {self.test_loss[-1]:.2f} per image" if self.test_loss else "no epoch completed"
        return (
            f"{how} {self.epochs} epochs in {self.seconds:.1f} s{stopped}\n{before}"
            f"on {used.device} in {used.precision}, batches of {used.batch_size},\n"
            f"lr {used.lr:.2g} {used.schedule}, seed {used.seed}\n"
            f"{self.images_per_second:,.0f} images per second\n"
            f"{end}"
        )


class TrainingDivergedError(RuntimeError):
    """The loss became infinite or not a number. `history` has the epochs before that."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history
