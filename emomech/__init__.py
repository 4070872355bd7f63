"""How language models infer emotion: the package behind the pages of the book.

Which module may import which is written down, and tested, in `tests/test_architecture.py`.
"""
