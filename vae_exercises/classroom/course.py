"""A course folder for nbgrader."""

import os
import sys
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import DeduplicateIds, Execute
from traitlets.config import Config

from vae_exercises.classroom.notebooks import STUB, assignment, exercise_notebooks, without_markers, write_notebook
from vae_exercises.classroom.preprocessors import ExecuteWithOwnChecks, FirstOfCopies

SECONDS_A_CELL = 120
CONFIG = '''"""nbgrader's settings for this course; made by `make classroom`."""

from vae_exercises.classroom.course import settings

c = get_config()  # noqa: F821
c.merge(settings())
'''


def make_classroom(folder: Path) -> None:
    """Write a course folder for nbgrader: `source`, `release`, `solutions`, and its settings.

    Submissions and the grade book stay.

    Raises
    ------
    RuntimeError
        If nbgrader refuses a notebook, in nbgrader's words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    api = nbgrader_of(folder)
    for path in exercise_notebooks():
        notebook = assignment(path)
        write_notebook(notebook, folder / "source" / path.stem / path.name)
        write_notebook(without_markers(notebook), folder / "solutions" / path.name)
        result = api.generate_assignment(path.stem)
        if not result["success"]:
            raise RuntimeError(f"nbgrader refuses {path.name}: {result.get('error') or result['log']}")


def settings(seconds: int = SECONDS_A_CELL) -> Config:
    """Return nbgrader's settings for this course; `seconds` is how long a cell may run."""
    config = Config()
    config.CourseDirectory.course_id = "vae-lessons"
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ExecutePreprocessor.timeout = seconds
    config.ExecutePreprocessor.interrupt_on_timeout = True
    replaced = {DeduplicateIds: FirstOfCopies, Execute: ExecuteWithOwnChecks}
    for stage in ("sanitize_preprocessors", "autograde_preprocessors"):
        usual = Autograde.class_traits()[stage].default()
        config.Autograde[stage] = [replaced.get(preprocessor, preprocessor) for preprocessor in usual]
    return config


def nbgrader_of(folder: Path, seconds: int = SECONDS_A_CELL) -> NbGraderAPI:
    """Return nbgrader's interface to a course folder; `seconds` is how long a cell may run."""
    own_commands = str(Path(sys.executable).parent)  # nbgrader calls alembic by name, even if no environment is active
    if own_commands not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own_commands, os.environ["PATH"]])
    config = settings(seconds)
    config.CourseDirectory.root = str(folder.resolve())
    return NbGraderAPI(CourseDirectory(config=config), config=config)
