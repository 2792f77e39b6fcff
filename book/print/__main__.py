"""Print the book that the builder has made: `python -m book.print PAGE.html FILE.pdf`."""

import sys
from pathlib import Path

from benchmarks.browsing import chromium
from book.print.printing import print_book

USAGE = "usage: python -m book.print PAGE.html FILE.pdf"


def main(arguments: list[str]) -> None:
    """Print a page to a file, or exit with what to do."""
    if len(arguments) != 2:
        sys.exit(USAGE)
    page, target = map(Path, arguments)
    if not page.is_file():
        sys.exit(f"{page} is not the page of the whole book; `make pdf` builds it")
    try:
        with chromium() as browser:
            print_book(browser, page.resolve(), target)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
