"""What nbgrader does in another way here when it marks: a copied cell stops nothing, and no answer marks itself."""

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import DeduplicateIds, Execute
from nbgrader.utils import is_grade


class FirstOfCopies(DeduplicateIds):
    """A cell that was copied counts where it stands first; its copies are cells like any other.

    nbgrader's own counts the last, leaves copies without a version of their metadata, and then refuses them.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        seen = set()
        for cell in nb.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in seen:
                del cell.metadata["nbgrader"]
            elif grade_id:
                seen.add(grade_id)
        return nb, resources


class ExecuteWithOwnChecks(Execute):
    """Each check runs with the course's `check`, whatever the notebook has under that name; its text stays."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: ResourcesDict, index: int
    ) -> tuple[NotebookNode, ResourcesDict]:
        if not is_grade(cell):
            return super().preprocess_cell(cell, resources, index)
        written = cell.source
        cell.source = f"from vae_exercises import check\n{written}"
        try:
            return super().preprocess_cell(cell, resources, index)
        finally:
            cell.source = written
