"""The same tasks in other libraries, each run in an environment of its own."""
