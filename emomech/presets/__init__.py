"""Named models, SAEs, corpora, emotion sets and prompts: TOML entries, their schema, lookup by name."""
