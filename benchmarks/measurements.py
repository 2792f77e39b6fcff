"""One figure of the report, and measuring several things by turns."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Measurement:
    """The median of several rounds, and the lowest and highest of them.

    unit : "×" for a ratio to what was measured beside it in the same run
    higher_is_better : else lower is
    goal : what it should reach; None where it is only stated
    """

    name: str
    median: float
    lowest: float
    highest: float
    unit: str
    higher_is_better: bool = True
    goal: float | None = None

    @classmethod
    def of(cls, name: str, values: Iterable[float], unit: str = "×", **rest: object) -> "Measurement":
        """The median and the range of `values`."""
        values = list(values)
        return cls(name, statistics.median(values), min(values), max(values), unit, **rest)

    @property
    def reached(self) -> bool | None:
        """Whether the goal was; None where there is none."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.higher_is_better else self.median <= self.goal

    def against(self, before: "Measurement") -> float | None:
        """How many times as good as `before` it is; None where a ratio says nothing, as between differences."""
        if self.median <= 0 or before.median <= 0:
            return None
        ratio = self.median / before.median
        return ratio if self.higher_is_better else 1 / ratio


def by_turns(contenders: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """What each contender returns, `rounds` times, one after the other in each round.

    A machine that slows down slows all of them down, and the ratios of one round stay what they are. A first round,
    in which things are loaded and compiled, does not count.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            value = contender()
            if number:
                found[name].append(value)
    return found


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]
