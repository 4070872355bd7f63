"""A study: the model, SAEs and texts that a spec names; a run: the result of an analysis, kept with its provenance."""
