"""The API page: docstrings of the package, by Sphinx's own autodoc, without what says nothing."""

from sphinx.application import Sphinx

FIELD_OF_A_TUPLE = "Alias for field number"  # Python's own docstring of it


def skip_tuple_fields(
    _app: Sphinx, _what: str, _name: str, member: object, _skip: bool, _options: object
) -> bool | None:
    """Leave out the fields of named tuples, which their class describes."""
    return True if (getattr(member, "__doc__", None) or "").startswith(FIELD_OF_A_TUPLE) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("autodoc-skip-member", skip_tuple_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
