"""Models in GGUF files: what a file says about itself, its tokenizer, and its conversion into a model folder."""
