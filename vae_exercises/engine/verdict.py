"""What a check says about an answer."""

from dataclasses import dataclass


class WrongAnswerError(Exception):
    """What a check raises as soon as it knows what is wrong; the message is for the student."""


@dataclass(frozen=True)
class Verdict:
    """The judgement of an answer; true if the answer is right.

    In a notebook the message is shown. As plain text a verdict is the number of points earned, which nbgrader reads
    from the last line of a graded cell.

    Attributes
    ----------
    earned, points
        The points that the answer earned, and the points that the exercise can bring.
    message
        What a tutor would say, in Markdown.
    """

    earned: float
    points: float
    message: str

    def __bool__(self) -> bool:
        """Whether the answer is right."""
        return self.earned == self.points

    def __str__(self) -> str:
        """Return the message as plain text."""
        return f"{'Right.' if self else 'Not yet.'} {self.message}".rstrip()

    def __repr__(self) -> str:
        """Return the points earned, for nbgrader."""
        return f"{self.earned:g}"

    def _repr_markdown_(self) -> str:
        mark = "✓ **Right.**" if self else "✗ **Not yet.**"
        return f"{mark} {self.message} ({self.earned:g} of {self.points:g} points)"
