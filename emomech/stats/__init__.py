"""From arrays to estimates with intervals, hypothesis tests and tables; independent of models and texts."""
