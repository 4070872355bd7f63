"""Conditions under which a chapter repeats a measurement: the trained model, and controls with nothing to find."""

from typing import Literal

from emomech.saes.beside import FROZEN, SOFT_FROZEN

Condition = Literal[
    "trained",
    "shuffled labels",
    "random dictionary",
    "random weights",
    "frozen decoder",
    "soft-frozen decoder",
    "second SAEs",
]
"""The trained model with its SAEs; the same with shuffled labels; the trained model with random directions in place of
the SAEs; the same network with random weights, again with random directions in place of the SAEs; the trained model
with SAEs whose decoder stays at its random start; with SAEs whose decoder stays near it; with SAEs of another seed."""
TRAINED: Condition = "trained"
SHUFFLED_LABELS: Condition = "shuffled labels"
RANDOM_DICTIONARY: Condition = "random dictionary"
RANDOM_WEIGHTS: Condition = "random weights"
SECOND_SAES: Condition = "second SAEs"
"""Not a control: the same claim with other SAEs of the same model."""
CONDITIONS: tuple[Condition, ...] = (TRAINED, SHUFFLED_LABELS, RANDOM_DICTIONARY, RANDOM_WEIGHTS)
"""The conditions that every model has, in the order of the tables."""
BARELY_TRAINED: tuple[Condition, ...] = (SOFT_FROZEN, FROZEN)
"""Controls with SAEs that hardly learn (Korznikov et al., 2026, arXiv:2602.14111); not every model has them."""
