"""How often chance decides about an answer: `python -m benchmarks.exercises`, with `--runs 1000` and names to choose.

Each answer in `tests/answers` to an exercise that draws random numbers is judged again and again. A right answer should
be refused at most once in 10,000 times, which follows from the limits in `vae_exercises.engine.monte_carlo`; a wrong
one should be caught, by its own message, at least 999 times in 1,000.
"""

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from vae_exercises import TOPICS, check

RUNS = 100
ESTIMATES = (
    "denoising",
    "fitted-codes",
    "draw-a-code",
    "draw-exponential",
    "score-surrogate",
    "kl-monte-carlo",
    "elbo-by-sampling",
    "beta-vae",
)


@dataclass(frozen=True)
class Rate:
    """How often something happened that should not.

    Attributes
    ----------
    what
        The answer.
    times, runs
        How often, and in how many runs.
    """

    what: str
    times: int
    runs: int

    @property
    def at_most(self) -> float:
        """The rate that it is below with 95 % confidence, by the Poisson law's rule of three if it never happened."""
        return min(1.0, (self.times + 2 * self.times**0.5 + 3) / self.runs)


def answers_to(name: str) -> tuple[list[Any], list[tuple[Any, str]]]:
    """Return the right answers to an exercise, and the wrong ones with words of their message."""
    topic = next(topic for topic, exercises in TOPICS.items() if name in [exercise.name for exercise in exercises])
    module = importlib.import_module(f"tests.answers.{topic}")
    return module.RIGHT[name], module.WRONG[name]


def rates(name: str, runs: int) -> Iterator[tuple[str, Rate]]:
    """Judge each answer to an exercise `runs` times; yield what was counted, and the rate."""
    right, wrong = answers_to(name)
    for i, answer in enumerate(right):
        refused = sum(not check(name, answer) for _ in range(runs))
        yield "right, refused", Rate(f"right answer {i}", refused, runs)
    for answer, words in wrong:
        verdicts = [check(name, answer) for _ in range(runs)]
        misnamed = sum(words not in verdict.message for verdict in verdicts if not verdict)
        yield "wrong, accepted", Rate(words, sum(map(bool, verdicts)), runs)
        yield "wrong, taken for another", Rate(words, misnamed, runs)


def main() -> None:
    """Print a line for each exercise, and one for each answer about which chance decided."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=ESTIMATES, help="exercises, all that estimate by default")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each answer is judged")
    args = parser.parse_args()
    for name in tqdm(args.names, disable=None):
        found = list(rates(name, args.runs))
        for kind in dict.fromkeys(kind for kind, _ in found):
            some = [rate for other, rate in found if other == kind]
            total = Rate(name, sum(rate.times for rate in some), sum(rate.runs for rate in some))
            print(f"{name:18} {kind:25} {total.times} of {total.runs}, so at most {total.at_most:.2g}")
            for rate in some:
                if rate.times:
                    print(f"    {rate.what}: {rate.times} of {rate.runs}")


if __name__ == "__main__":
    main()
