"""How fast the package is beside what would be taken instead, measured in one run."""
