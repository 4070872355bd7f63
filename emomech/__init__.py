"""How language models infer emotion: the package behind the pages of the book. ARCHITECTURE.md draws its parts."""
