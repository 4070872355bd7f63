"""Sparse autoencoders: the SAE itself, its files and releases, edits of its features, quality, training."""
