"""Buttons that open a lesson where nothing need be installed, once the course has a public address.

The theme would put its buttons on every executed page, the first one too. Here only lessons have them: the exercises
in the repository contain their solutions. For that reason a book that is built without solutions has no button.
"""

import os
from pathlib import Path
from typing import Any

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.config import Config

from course.content.address import repository

BRANCH = "main"
PLACES = [  # name, picture from the theme, address of a notebook there
    ("Colab", "logo_colab.png", "https://colab.research.google.com/github/{name}/blob/{branch}/{notebook}"),
    ("Binder", "logo_binder.svg", "https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/{notebook}"),
]
AFTER_THE_THEME = 502  # which makes the list of buttons


def note_address(app: Sphinx, config: Config) -> None:
    """Put the address into the configuration, so that a change of it writes the pages again."""
    solutions = os.environ.get("SOLUTIONS", "1") != "0"
    config.repository = repository(Path(app.srcdir)) if solutions else ""


def add_buttons(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: document | None) -> None:
    """Add the group to a lesson, before the theme's buttons."""
    if app.config.repository and context.get("page_source_suffix") == ".ipynb":
        context["header_buttons"].insert(0, launch_buttons(app.config.repository, f"{page}.ipynb"))


def launch_buttons(address: str, notebook: str) -> dict[str, Any]:
    """Describe the group of links as the theme's templates expect it."""
    name = address.removeprefix("https://github.com/")
    links = [
        {
            "type": "link",
            "text": place,
            "tooltip": f"Open this lesson in {place}",
            "icon": f"_static/images/{picture}",
            "url": url.format(name=name, branch=BRANCH, notebook=notebook),
        }
        for place, picture, url in PLACES
    ]
    title = "Run this lesson in the browser"
    return {"type": "group", "tooltip": title, "icon": "fas fa-rocket", "buttons": links, "label": "launch-buttons"}


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.add_config_value("repository", "", "html", [str])
    app.connect("config-inited", note_address)
    app.connect("html-page-context", add_buttons, AFTER_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
