"""Run benchmarks, update the report and list what has become worse. The exit status does not depend on the results."""

import argparse
import copy
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from benchmarks import bounds, building, graphics, machine, report, step, training
from benchmarks.measurements import Measurement
from vae_lessons import ImageData, load_images
from vae_lessons.data import course_root

SITE = course_root() / "book/_build/html"


def mnist() -> ImageData:
    """Load MNIST; DataError where it cannot be had."""
    return load_images("mnist")


def site() -> Path:
    """Return the folder of the built book; FileNotFoundError where it is not built."""
    if not (SITE / "index.html").is_file():
        raise FileNotFoundError(f"{SITE} must be a built book: run make book first")
    return SITE


def in_browser(part: str) -> Iterator[Measurement]:
    """Measure a part of `browsing`, which alone needs Playwright and a browser."""
    from benchmarks import browsing

    return getattr(browsing, part)(site())


def in_playground() -> Iterator[Measurement]:
    """Measure the playground, which needs a browser too."""
    from benchmarks import playground

    return playground.rates(site())


PARTS: dict[str, Callable[..., Iterator[Measurement]]] = {
    "training": lambda: training.rates(mnist()),
    "step": lambda: step.shares(mnist()),
    "quality": lambda: training.same_elbo(mnist()),
    "iwae": lambda budget=bounds.BUDGET: bounds.rows(mnist(), budget),
    "gpu": lambda: graphics.rates(mnist()),
    "figures": lambda: in_browser("live_figures"),
    "pages": lambda: in_browser("pages"),
    "each-page": lambda: in_browser("each_page"),
    "playground": in_playground,
    "building": building.builds,
}


def main() -> None:
    """Run the parts named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help=f"of iwae's training; {bounds.BUDGET:g}")
    options = parser.parse_args()
    selected = options.parts or list(PARTS)
    if unknown := set(selected) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    made = report.load()
    before = copy.deepcopy(made)
    for part in selected:
        environment = machine.describe() | {
            "day": date.today().isoformat(),
            "probe before, GFLOP/s": round(machine.probe()),
        }
        with_budget = {"budget": options.budget} if part == "iwae" and options.budget else {}
        measured = list(PARTS[part](**with_budget))
        if not measured:
            print(f"\n{part}: skipped, this machine lacks what it measures")
            continue
        made.add(part, environment | {"probe after, GFLOP/s": round(machine.probe())}, measured)
        print(f"\n{part}\n\n{report.table(measured)}", flush=True)
        made.save()
        report.README.write_text(report.fill(report.README.read_text(encoding="utf-8"), made), encoding="utf-8")
    regressions = list(report.regressions(made, before))
    print("\n" + "\n".join(regressions or ["no regressions, and every goal is reached"]))


if __name__ == "__main__":
    main()
