"""Linguistic annotation of texts: dependencies, coreference, semantic roles, and gold labels made of them."""
