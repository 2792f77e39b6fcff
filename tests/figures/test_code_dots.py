"""Where the numerals of classes go among dots."""

from pathlib import Path

from vae_lessons.figures import runtime
from vae_lessons.figures.runtime.modules import join_modules


def test_in_a_crowd_a_numeral_goes_where_there_is_room(open_page):
    page, _ = open_page()
    found = page.evaluate(
        """async ([module, points, taken]) => {
            const { amid } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
            return [amid(points, []), amid(points, taken), amid(points, [[50, 0]])];
        }""",
        [
            join_modules(Path(runtime.__file__).parent / "code_dots.js"),
            [[0, 0], [4, 0], [8, 0], [9, 0]],
            [[3, 0], [-2, 0]],
        ],
    )
    assert found == [[8, 0], [9, 0], [8, 0]]
