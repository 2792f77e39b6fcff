"""The report: saved as JSON, compared with the previous one, and shown as the tables of this folder's README."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.measurements import Measurement

FILE = Path(__file__).parent / "report.json"
README = Path(__file__).parent / "README.md"
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
MACHINE = (
    "Measured on {day}, on {cores} cores ({processor}, {instructions}), torch {torch}, Python {python}. A matrix "
    "product in float32 ran at {probe before, GFLOP/s} GFLOP/s before the measurement and at "
    "{probe after, GFLOP/s} after it."
)
REGRESSION = 0.9  # times as good as before, or less; the noise of a quiet machine is smaller


@dataclass
class Report:
    """The measurements of each part of the benchmarks, and the machine that each part ran on."""

    machines: dict[str, dict[str, object]] = field(default_factory=dict)
    parts: dict[str, list[Measurement]] = field(default_factory=dict)

    def add(self, part: str, machine: dict[str, object], measured: Iterable[Measurement]) -> None:
        """Replace the entry of this part."""
        self.machines[part], self.parts[part] = machine, list(measured)

    def save(self, path: Path = FILE) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path = FILE) -> Report:
    """Read a report; an empty one where there is no file."""
    if not path.exists():
        return Report()
    kept = json.loads(path.read_text(encoding="utf-8"))
    parts = {part: [Measurement(**entry) for entry in entries] for part, entries in kept["parts"].items()}
    return Report(kept["machines"], parts)


def regressions(now: Report, before: Report) -> Iterator[str]:
    """Describe each measurement that is clearly worse than `before`, and each goal that is missed."""
    for part, measured in now.parts.items():
        earlier = {entry.name: entry for entry in before.parts.get(part, [])}
        for entry in measured:
            ratio = entry.against(earlier[entry.name]) if entry.name in earlier else None
            if ratio is not None and ratio < REGRESSION:
                yield f"{part}: {entry.name}: {ratio:.2f} times as good as in the previous report"
            if entry.reached is False:
                yield f"{part}: {entry.name}: {number(entry.median)} {entry.unit}, goal {number(entry.goal)}"


def table(measured: Iterable[Measurement]) -> str:
    """Format measurements as a table in Markdown."""
    rows = ["| | median | lowest to highest | goal |", "|---|---:|---:|---:|"]
    for entry in measured:
        spread = "" if entry.lowest == entry.highest else f"{number(entry.lowest)} to {number(entry.highest)}"
        sign = "≥" if entry.higher_is_better else "≤"
        goal = "" if entry.goal is None else f"{sign}\N{NO-BREAK SPACE}{number(entry.goal)}"
        missed = ", missed" if entry.reached is False else ""
        median = f"{number(entry.median)}\N{NO-BREAK SPACE}{entry.unit}"
        rows.append(f"| {entry.name} | {median} | {spread} | {goal}{missed} |")
    return "\n".join(rows)


def fill(text: str, report: Report) -> str:
    """Replace each table in a text, and the sentence about its machine, by that of the report.

    A table stands between `<!-- table: PART -->` and `<!-- end -->`. That of a part not measured stays.
    """

    def filled(match: re.Match[str]) -> str:
        start, part, end = match.groups()
        if part not in report.parts:
            return match[0]
        return f"{start}\n{table(report.parts[part])}\n\n{MACHINE.format(**report.machines[part])}\n\n{end}"

    return TABLE.sub(filled, text)


def number(value: float) -> str:
    """Format with three significant digits below ten, four below a thousand, and else as a whole number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 10 else f"{value:.3g}"
