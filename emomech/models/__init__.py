"""The language model: loading, tokens, hooks, activations, replay from a layer, scores of answers."""
