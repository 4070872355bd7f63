"""The embedded model: how it learned, and what it can do."""
