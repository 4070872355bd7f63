"""A study: a model, its SAEs and its texts from a spec of names; and a run of an analysis, kept with its provenance."""
