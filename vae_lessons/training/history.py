"""What a training run did: `History`."""

from dataclasses import dataclass, field

from vae_lessons.training.settings import Settings


@dataclass
class History:
    """What a training run did. Losses are means over what the model's `loss` gives, one value per image or other row.

    Attributes
    ----------
    settings : Settings
        As used, with every default resolved.
    train_loss : list of float
        One value per epoch, averaged over its steps, while the model was still moving.
    test_loss : list of float
        One value per epoch, over the whole test split at the epoch's end, in float32.
    seconds : float
        Time spent on these epochs, evaluation included.
    seconds_in_steps : float
        Time spent in the training steps alone.
    rows_per_second : float
        Rows, such as images, trained on in each of these seconds; of data taken whole, values of the loss.
    unit : str
        What the data call a row.
    interrupted : bool
        Whether the run was stopped by hand; the epoch that was stopped is not in the lists.
    resumed : bool
        Whether the model had been trained before, so that this run went on from there.
    continued_at : int
        How many of the epochs an earlier run had completed that was killed, and whose checkpoint this one went on from.
    loaded : bool
        Whether the run happened earlier and was found in the cache.
    """

    settings: Settings
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    seconds_in_steps: float = 0.0
    rows_per_second: float = 0.0
    unit: str = "image"
    interrupted: bool = False
    resumed: bool = False
    continued_at: int = 0
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
        if self.continued_at:
            before += f"a run that had stopped after epoch {self.continued_at} went on from there\n"
        end = f"test loss {self.test_loss[-1]:.2f} per {self.unit}" if self.test_loss else "no epoch completed"
        return (
            f"{how} {self.epochs} epochs in {self.seconds:.1f} s{stopped}\n{before}"
            f"on {used.device} in {used.precision}, batches of {used.batch_size},\n"
            f"lr {used.lr:.2g} {used.schedule}, seed {used.seed}\n"
            f"{self.rows_per_second:,.0f} {self.unit}s per second\n"
            f"{end}"
        )


class TrainingDivergedError(RuntimeError):
    """The loss became infinite or NaN. `history` has the epochs before that."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history
