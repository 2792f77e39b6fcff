"""The book on paper: the pages of the built site, in the order of its contents, as one PDF."""
