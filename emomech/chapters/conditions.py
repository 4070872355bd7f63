"""Conditions under which a chapter repeats a measurement: the trained model, and controls with nothing to find."""

from typing import Literal

Condition = Literal["trained", "shuffled labels", "random dictionary", "random weights"]
"""The trained model with its SAEs; the same with shuffled labels; the trained model with random directions in place of
the SAEs; the same network with random weights, again with random directions in place of the SAEs."""
TRAINED: Condition = "trained"
SHUFFLED_LABELS: Condition = "shuffled labels"
RANDOM_DICTIONARY: Condition = "random dictionary"
RANDOM_WEIGHTS: Condition = "random weights"
CONDITIONS: tuple[Condition, ...] = (TRAINED, SHUFFLED_LABELS, RANDOM_DICTIONARY, RANDOM_WEIGHTS)
"""All conditions, in the order of the tables."""
