"""The table of mistakes: for each exercise, what its check says of each usual mistake.

`python -m vae_exercises.mistakes` prints it for all exercises, and with names after it for those.
"""

import sys

from vae_exercises import CATALOGUE


def table(names: list[str]) -> list[tuple[str, str, str]]:
    """Return the exercise, the message that a mistake must get, and the one that it gets, for each mistake."""
    return [
        (name, message, CATALOGUE[name].judge(answer).message)
        for name in names
        for answer, message in CATALOGUE[name].catalogue()
    ]


def main(names: list[str]) -> int:
    """Print the table; return 1 if a mistake does not get its own message."""
    rows = table(names or list(CATALOGUE))
    for name, message, found in rows:
        print(f"{name}: {found}" + ("" if found == message else f"\n    *** and not: {message}"))
    wrong = sum(message != found for _, message, found in rows)
    print(f"{len(rows)} mistakes, {wrong} without their own message")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
