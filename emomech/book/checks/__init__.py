"""Checks of a book that is built: its HTML and its prose."""
