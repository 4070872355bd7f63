"""Labelled texts: a table of your own, published data sets, annotated texts, the embedded grammar."""
