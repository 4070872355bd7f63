"""An edition of the book: execute, build, check, compare, export."""
