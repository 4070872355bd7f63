"""Published data sets of emotion: how their files are read, and what form each has."""
