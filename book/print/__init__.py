"""The book on paper: the pages of the site, in the order of its contents, as one PDF."""
