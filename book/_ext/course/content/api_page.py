"""The API page: docstrings of the package, by Sphinx's own autodoc, without what says nothing."""

from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

PAGE = "book/api"
BEFORE_ENTRIES_ARE_COLLECTED = 840  # Sphinx does at 850
FIELD_OF_A_TUPLE = "Alias for field number"  # Python's own docstring of it


def skip_tuple_fields(
    _app: Sphinx, _what: str, _name: str, member: object, _skip: bool, _options: object
) -> bool | None:
    """Leave out the fields of named tuples, which their class describes."""
    return True if (getattr(member, "__doc__", None) or "").startswith(FIELD_OF_A_TUPLE) else None


class LeaveNamesOutOfIndex(SphinxTransform):
    """The transform that keeps the index of terms free of the package's names, which search finds."""

    default_priority = BEFORE_ENTRIES_ARE_COLLECTED

    def apply(self, **_options: object) -> None:
        """Remove the entries of the API page."""
        if self.env.docname == PAGE:
            for node in list(self.document.findall(addnodes.index)):
                node.parent.remove(node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.add_transform(LeaveNamesOutOfIndex)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
