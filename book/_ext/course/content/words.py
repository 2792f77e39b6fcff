"""How long the lessons of the built book are, in words that a reader reads: `make words`.

Text, captions and findings count. Not counted are code and what it prints, displayed formulas, and what is folded until
a reader opens it, such as the answer to a quick question. A formula in a line counts as one word.
"""

import re
import sys
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[4]
A_LESSON = (1_800, 2_600)  # words
PART_I = 22_000  # words at most, of lessons 1 to 9
WORD = re.compile(r"[^\W_][\w'\u2019.,-]*")
NOT_READ = ".cell_input, .highlight, .live-figure, .headerlink, .eqno, .dropdown, div.math, script, style, summary"


def count_words(html: str) -> int:
    """Count the words of a built page's article."""
    article = BeautifulSoup(html, "html.parser").select_one("article.bd-article")
    for element in article.select(NOT_READ):
        element.decompose()
    for formula in article.select("span.math"):
        formula.string = "x"
    return len(WORD.findall(article.get_text(" ")))


def words_of_lessons(site: Path) -> dict[str, int]:
    """Count the words of each lesson of a built site, by the notebook's name, in order."""
    pages = sorted((site / "notebooks").glob("*.html"))
    return {page.stem: count_words(page.read_text(encoding="utf-8")) for page in pages}


def misfits(lessons: dict[str, int]) -> list[str]:
    """Name the lessons that are too short or too long, and Part I if it is too long."""
    low, high = A_LESSON
    found = [f"{name} has {n:,} words, not {low:,} to {high:,}" for name, n in lessons.items() if not low <= n <= high]
    total = sum(n for name, n in lessons.items() if int(name[:2]) <= 9)
    return found + [f"Part I has {total:,} words, not at most {PART_I:,}"] * (total > PART_I)


if __name__ == "__main__":
    of_lessons = words_of_lessons(ROOT / "book/_build/html")
    for lesson, words in of_lessons.items():
        print(f"{words:7,} {lesson}")
    print(f"{sum(of_lessons.values()):7,} words")
    sys.exit("\n".join(misfits(of_lessons)))
