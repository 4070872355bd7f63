"""How fast the package is, beside the libraries that people would take instead."""
