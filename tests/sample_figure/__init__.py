"""A small live figure outside the package, for tests of what all figures share."""

import math
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from vae_lessons.figures.runtime.controls import Action, Slider, Switch
from vae_lessons.figures.runtime.snapshot import Snapshot
from vae_lessons.figures.runtime.widget import LiveFigure

FACTOR = 2


@dataclass(frozen=True)
class SampleSnapshot(Snapshot):
    """A mean and a log variance."""

    mu: float
    logvar: float
    numbers: dict[str, float]

    def alt(self) -> str:
        """Name the mean."""
        return f"A density with mean {self.mu:.2f}."

    def draw(self, figure: Figure) -> None:
        """Draw a bar on each half."""
        left, right = figure.subplots(1, 2)
        left.barh(["mean", "log variance"], [self.mu, self.logvar])
        right.barh(list(self.numbers), list(self.numbers.values()))


class SampleFigure(LiveFigure):
    """Two sliders, a switch and a button."""

    folder = Path(__file__).parent
    mu = Slider("mean μ", "mu", -3, 3).trait()
    logvar = Slider("log σ²", "log variance", -4, 3).trait()
    is_doubled = Switch("double").trait()
    draws = Action("add one", shown_if=("is_doubled", True)).trait()

    def __init__(
        self,
        *,
        mu: float = 1.0,
        logvar: float = -1.0,
        is_doubled: bool = False,
        draws: int = 0,
        caption: str = "A sample.",
    ) -> None:
        values = {"mu": mu, "logvar": logvar, "is_doubled": is_doubled, "draws": draws}
        super().__init__(**values, caption=caption, constants={"factor": FACTOR})

    def snapshot(self) -> SampleSnapshot:
        """Square the mean."""
        square = (FACTOR if self.is_doubled else 1) * self.mu**2 + self.draws
        return SampleSnapshot(self.mu, self.logvar, {"square": square, "variance": math.exp(self.logvar)})
