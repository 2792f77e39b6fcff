"""Changes to how nbgrader marks: a copied cell stops nothing, no answer marks itself, and a log costs nothing."""

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import DeduplicateIds, Execute
from nbgrader.utils import is_grade


class FirstOfCopies(DeduplicateIds):
    """Counts the first of several copies of a cell; the others become ordinary cells.

    nbgrader's own class counts the last one, leaves the copies with incomplete metadata, and then refuses them.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        """Remove nbgrader's metadata from all copies but the first."""
        seen = set()
        for cell in nb.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in seen:
                del cell.metadata["nbgrader"]
            elif grade_id:
                seen.add(grade_id)
        return nb, resources


class ExecuteWithOwnChecks(Execute):
    """Runs each check with the course's `check`, whatever the notebook defines under that name.

    What a check wrote to the error stream is dropped: nbgrader gives no points to a cell that wrote to it, and there
    an answer's log or progress bar would arrive. The verdict of a check is its value.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        """Run a cell; a check with an import in front that the marked notebook does not show, and without its log."""
        if not is_grade(cell):
            return super().preprocess_cell(cell, resources, index)
        written = cell.source
        cell.source = f"from vae_exercises import check\n{written}"
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        finally:
            cell.source = written
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        return cell, resources
