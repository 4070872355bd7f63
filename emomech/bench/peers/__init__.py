"""The same tasks in other libraries, each run in its own environment."""
