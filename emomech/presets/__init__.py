"""Named models, SAEs, corpora, emotion sets and prompts: TOML entries, their schema, and lookup by name."""
