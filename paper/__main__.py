"""Print the built book: `python -m paper SITE TARGET`."""

import sys
from pathlib import Path

from benchmarks.browsing import chromium
from paper.printing import print_book

USAGE = "usage: python -m paper FOLDER-OF-THE-SITE FILE.pdf"


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        sys.exit(USAGE)
    site, target = map(Path, arguments)
    if not (site / "index.html").is_file():
        sys.exit(f"{site} is not the folder of a built site; `make book` builds it")
    try:
        with chromium() as browser:
            print_book(browser, site.resolve(), target)
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        sys.exit(str(error))
    print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
