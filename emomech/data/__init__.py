"""Labelled texts: a user's table, published data sets, annotated treebanks, the embedded grammar."""
