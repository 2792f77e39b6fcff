"""A measurement of the report, and how to measure several things in turn."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Measurement:
    """The median of several rounds, with the lowest and the highest.

    Attributes
    ----------
    name : str
    median, lowest, highest : float
    unit : str
        "×" for a ratio to something measured in the same run.
    higher_is_better : bool
        False where lower is better.
    goal : float or None
        The value that the median should reach; None where there is no goal.
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
        """Summarise `values` by their median and range."""
        values = list(values)
        return cls(name, statistics.median(values), min(values), max(values), unit, **rest)

    @property
    def reached(self) -> bool | None:
        """Whether the goal was reached; or None without a goal."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.higher_is_better else self.median <= self.goal

    def against(self, before: "Measurement") -> float | None:
        """Compute how many times as good as `before` it is; None where a ratio has no meaning, as for differences."""
        if self.median <= 0 or before.median <= 0:
            return None
        ratio = self.median / before.median
        return ratio if self.higher_is_better else 1 / ratio


def by_turns(candidates: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Call each candidate once per round, and collect what it returns in `rounds` rounds.

    If the machine slows down, it slows all of them down, and the ratios within a round stay the same. An extra first
    round, in which code is loaded and compiled, does not count.
    """
    results: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, candidate in candidates.items():
            value = candidate()
            if number:
                results[name].append(value)
    return results


def ratios(above: list[float], below: list[float]) -> list[float]:
    """Compute the ratio of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]
