"""What features do: questions put to a model, edits of its features, and the effects of both."""
