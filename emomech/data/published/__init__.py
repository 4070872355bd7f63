"""Published data sets of emotion: their formats, and readers of their files."""
