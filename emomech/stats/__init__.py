"""From arrays to estimates with intervals, tests, and tables with a schema. Knows no model and no text."""
