"""The features that carry the answers, one card for each."""
