"""The embedded model: a grammar that knows who feels what and why, and a small model trained on its texts."""
