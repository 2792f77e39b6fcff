"""What moves, folds or is pressed on the site, as it stands on paper."""

from bs4 import Tag

from paper.links import written

# The first are the theme's own words for what is not for paper.
ON_SCREEN_ONLY = ".d-print-none, .noprint, .headerlink, .toctree-wrapper, script, noscript, button, .genindex-jumpbox"
STANDS_STILL = "It stands still here. On the course's pages it can be moved, and its numbers follow."
SHORT, LONG = 4, 12  # lines of code: up to SHORT it stays with its figure, from LONG on it may be on two pages


def hold_still(article: Tag) -> None:
    """Take off what is for a screen; unfold what is folded, and leave a picture of what moves."""
    for element in article.select(ON_SCREEN_ONLY):
        element.decompose()
    for figure in article.select("figure.live-figure figcaption"):
        figure.append(written("p", STANDS_STILL, "stands-still"))
    for picture_link in article.select("a.image-reference"):
        picture_link.unwrap()
    for folded in article.select("details"):
        unfold(folded)
    for code in article.select("pre"):
        lines = len(code.get_text().splitlines())
        code["class"] = "short" if lines <= SHORT else "long" if lines >= LONG else "middling"


def unfold(folded: Tag) -> None:
    folded.summary.decompose()
    folded.name = "div"
    folded["class"] = "unfolded"


def set_headings_below(article: Tag, levels: int) -> None:
    """Headings of a page become headings of the book."""
    for heading in article.select("h1, h2, h3, h4, h5, h6"):
        heading.name = f"h{min(int(heading.name[1]) + levels, 6)}"
