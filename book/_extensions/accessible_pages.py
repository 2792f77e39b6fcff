"""What assistive technology needs, where Sphinx and the theme do not write it."""

import re

LOGO = re.compile(r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand logo")')
EMPTY_HEAD = re.compile(r'<th( class="[^"]*")?>(?:<p></p>)?</th>')  # the corner of a table
BRANCH = re.compile(r'(<a class="[^"]*\breference internal\b[^"]*"[^>]*>(.*?)</a><details[^>]*>)<summary>')
TAG = re.compile(r"<[^>]*>")


def accessible(page: str) -> str:
    """The page with names for its buttons, a landmark around its logo, and roles that are still in use."""
    page = page.replace(' role="doc-biblioentry"', ' role="listitem"')
    page = LOGO.sub('<div class="sidebar-primary-item" role="banner">', page)
    page = EMPTY_HEAD.sub(r"<td\1></td>", page)
    return BRANCH.sub(lambda branch: f'{branch[1]}<summary aria-label="Below {TAG.sub("", branch[2])}">', page)
