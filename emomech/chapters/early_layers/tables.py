"""Tables of the analysis: what each column means, and the result that holds them all."""

from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.chapters.stability import STABILITY
from emomech.stats.tables import INTERVAL, Schema

SKIPPING, AVERAGE = "skipping", "mean"
CHANGES = (0.1, 0.2, 0.4)
"""Relative sizes of the change at which thirds are compared."""
REFERENCE = 0.2
"""The change that the verdict is about."""
NEAR = 0.25
"""Largest relative deviation from the intended change; a method that deviates more is left out of the mean."""
MIN_TEXTS = 8
"""Fewest texts of a label on the report split."""
MOST_CONTROL = 30
"""Most texts of each label of a control task, which only describes."""
LOST, RISE = "accuracy lost", "rise of the next-token loss"
"""Names of two quantities in rule and table of stability; the contrasts have their own names."""
EARLY_LESS = {"early less middle": "middle", "early less late": "late"}
"""Contrast of two thirds -> the third that is subtracted."""
_THIRD = {"third": "third of the blocks that is edited"}
_TARGET = {"target": "intended relative change of the matrices; undefined for skipping"}
_EDIT = {
    **_THIRD,
    "method": "kind of edit; mean: average over the methods that came close to the intended change in every third",
    **_TARGET,
    "dose": "dose of the edit, or the methods that are averaged",
}
_CHANGE = {"change": "relative change of the matrices that was reached"}
_TASK = {"task": "task that the model is asked"}
_N = {"n": "number of texts"}
SETTING = Schema(
    keys=_TASK,
    values={
        "accuracy": "balanced accuracy of the unedited model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        **_N,
        "untested": "why the task cannot be tested; empty if it can",
    },
)
BLOCKS = Schema(
    keys={"third": "third of the blocks"},
    values={
        "blocks": "numbers of its blocks",
        "n_blocks": "number of blocks",
        "n_weights": "number of weights in their matrices",
    },
)
LOSSES = Schema(
    keys=_EDIT | _TASK,
    values=_CHANGE | {"loss": "balanced accuracy that the edit costs, on the same texts", **INTERVAL, **_N},
)
LANGUAGE = Schema(keys=_EDIT, values=_CHANGE | {"rise": "relative rise of the next-token loss", **INTERVAL, **_N})
CONTRASTS = Schema(
    keys={**_TARGET, "contrast": "two thirds: loss by editing the first minus loss by editing the second", **_TASK},
    values={"difference": "difference in accuracy lost, mean over the methods", **INTERVAL, **_N},
)
SPECIAL = Schema(
    keys={
        **_TARGET,
        "contrast": "loss by editing the early third, or that minus the loss by editing another third",
        "control": "control task",
    },
    values={
        "difference": "loss of the emotion task minus loss of the control task",
        **INTERVAL,
        "n": "number of texts of the emotion task",
    },
)


@dataclass(frozen=True)
class EarlyLayers:
    """Cost of editing each third of the blocks: for emotion, for other tasks and for language modelling."""

    setting: Annotated[pd.DataFrame, SETTING]
    blocks: Annotated[pd.DataFrame, BLOCKS]
    losses: Annotated[pd.DataFrame, LOSSES]
    language: Annotated[pd.DataFrame, LANGUAGE]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]
    special: Annotated[pd.DataFrame, SPECIAL]
    stability: Annotated[pd.DataFrame, STABILITY]
