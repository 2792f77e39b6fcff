"""What a live figure shows at one position of its controls, computed once for everything that speaks of it."""

from abc import ABC, abstractmethod

from matplotlib.figure import Figure


class Snapshot(ABC):
    """The state of a figure at one moment: its printed numbers, its text for those who cannot see it, its picture.

    A subclass is a frozen dataclass, made by its figure's `snapshot`.

    Attributes
    ----------
    numbers : dict of str to float
        What is printed, before rounding.
    """

    numbers: dict[str, float]

    def printed(self) -> dict[str, str]:
        """Return texts that add up, by the names that they have below the drawing, for the still picture."""
        return {}

    @abstractmethod
    def alt(self) -> str:
        """Return in words what the still picture shows."""

    @abstractmethod
    def draw(self, figure: Figure) -> None:
        """Draw the still picture on an empty matplotlib figure."""
