"""Sphinx extensions of the book: figures, links between them, buttons, the live demo."""
