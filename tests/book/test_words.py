"""A lesson has a length that can be read in one sitting."""

import pytest
from course.content.words import count_words, misfits, words_of_lessons

PAGE = "<nav>Not this</nav><article class='bd-article'>{}</article>"


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<h1>A title<a class='headerlink'>#</a></h1><p>Two of them, and <em>it's</em> 3.5 nats.</p>", 9),
        ("<p>The code <span class='math'>\\(z = 1\\)</span> is one word.</p>", 6),
        ("<div class='math'>\\[ x = y \\]</div><figcaption>A caption</figcaption>", 2),
        ("<div class='cell_input'>x = 1</div><div class='highlight'>printed text</div><p>Read.</p>", 1),
        ("<p>Read.</p><div class='admonition dropdown'><p>Not yet.</p></div>", 1),
        ("<p>β-VAE – a first-class word</p>", 4),
    ],
)
def test_what_a_reader_reads_is_counted(html, words):
    assert count_words(PAGE.format(html)) == words


def test_what_is_too_short_or_too_long_is_named():
    assert misfits({"01-a": 1800, "02-b": 2600}) == []
    assert misfits({"01-a": 1799, "02-b": 2601}) == [
        "01-a has 1,799 words, not 1,800 to 2,600",
        "02-b has 2,601 words, not 1,800 to 2,600",
    ]
    assert misfits({f"{i:02}-x": 2500 for i in range(1, 13)}) == ["Part I has 22,500 words, not at most 22,000"]


def test_lessons_can_be_read_in_one_sitting(site):
    assert misfits(words_of_lessons(site)) == []
