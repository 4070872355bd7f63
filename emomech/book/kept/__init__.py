"""Kept editions: a model and a corpus through the chapters, computed once and shown without the model."""
