"""What a check says of an answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """How an answer did. True if it is right.

    earned, points : its points, and those that there are to be had
    message : what a tutor would say, in Markdown

    In a notebook the message is shown. As plain text it is the number of points, which is what nbgrader reads
    from the last line of a graded cell.
    """

    earned: float
    points: float
    message: str

    def __bool__(self) -> bool:
        return self.earned == self.points

    def __str__(self) -> str:
        return f"{'Right.' if self else 'Not yet.'} {self.message}".rstrip()

    def __repr__(self) -> str:
        return f"{self.earned:g}"

    def _repr_markdown_(self) -> str:
        mark = "✓ **Right.**" if self else "✗ **Not yet.**"
        return f"{mark} {self.message} ({self.earned:g} of {self.points:g} points)"
