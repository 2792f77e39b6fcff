"""The command line: `python -m benchmarks [PART ...]`. It says what is slower than in the report, and fails nothing."""

import argparse
import copy
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from benchmarks import browsing, building, graphics, machine, report, step, training
from benchmarks.measurements import Measurement
from vae_lessons import ImageData, load_images
from vae_lessons.data import course_root

SITE = course_root() / "book/_build/html"


def mnist() -> ImageData:
    return load_images("mnist")


def site() -> Path:
    if not (SITE / "index.html").is_file():
        raise FileNotFoundError(f"{SITE} must be a built book: run make book first")
    return SITE


PARTS: dict[str, Callable[[], Iterator[Measurement]]] = {
    "training": lambda: training.rates(mnist()),
    "step": lambda: step.shares(mnist()),
    "quality": lambda: training.same_elbo(mnist()),
    "gpu": lambda: graphics.rates(mnist()),
    "figures": lambda: browsing.live_figures(site()),
    "pages": lambda: browsing.pages(site()),
    "each-page": lambda: browsing.each_page(site()),
    "building": building.builds,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all of them")
    wanted = parser.parse_args().parts or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    made = report.load()
    before = copy.deepcopy(made)
    for part in wanted:
        here = machine.describe() | {"day": date.today().isoformat(), "probe before, GFLOP/s": round(machine.probe())}
        measured = list(PARTS[part]())
        if not measured:
            print(f"\n{part}: there is nothing of the kind here")
            continue
        made.add(part, here | {"probe after, GFLOP/s": round(machine.probe())}, measured)
        print(f"\n{part}\n\n{report.table(measured)}", flush=True)
        made.save()
    fell = list(report.regressions(made, before))
    print("\n" + "\n".join(fell or ["nothing fell, and every goal is reached"]))


if __name__ == "__main__":
    main()
