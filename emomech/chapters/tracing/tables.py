"""Tables of the analysis: what each column means, and the result that holds them all."""

from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.chapters.stability import STABILITY
from emomech.stats.tables import DEPTH, INTERVAL, Schema

EVERYWHERE = "all hook points"
MIN_TEXTS = 5
"""Texts of each label that each side of the split needs at least."""
FEW = 0.25
"""Share of the dimensions of the residual stream up to which a number of features counts as few; see `rule`."""
MOST_LISTED = 200
"""Features of the ranking that are listed at most."""
_DEPTH = {"depth": DEPTH}
_LOST = {"loss": "log-odds of the own label that are lost, in nats, mean over the texts", **INTERVAL, "n": "texts"}
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the report texts",
        **INTERVAL,
        "chance": "accuracy of guessing",
        "log_odds": "mean log-odds of the own label, in nats, unedited",
        "above_guess": "the same above the log-odds of a guess among all labels: what there is to lose",
        "all_ablated": "log-odds lost when all features are ablated, in nats, which is no upper limit",
        "n_alive": "features that fire on the discover texts",
        "n_active": "features that fire at a token, of all hook points together, mean",
        "d_model": "dimensions of the residual stream",
        "n_discover": "discover texts",
        "n": "report texts",
        "untested": "why these texts cannot be analysed; empty if they can",
    },
)
_PART = {"part": "necessity: ablated at all hook points; sufficiency: kept alone at one hook point, at the answer"}
CURVES = Schema(
    keys={
        "condition": "which parts: features as ranked, or what they are compared with",
        "edit": "how the first k are ablated, or kept while all others are ablated",
        "k": "number of parts, of all hook points together",
    },
    values={"value": "log-odds lost if the parts are ablated, kept if only they are kept", **INTERVAL, "n": "texts"},
)
KEPT = Schema(
    keys={
        "ranking": "the ranking that chose the hook point",
        "condition": "which parts are kept: features as ranked, or what they are compared with",
        "measure": "accuracy, or mean log-odds of the own label in nats",
        "k": "number of parts that are kept, of one hook point",
    },
    values={"hook_point": "the hook point", "value": "value of the measure", **INTERVAL, "n": "texts"},
)
SIZES = Schema(
    keys={
        "texts": "all report texts, or those that the unedited model gets right",
        **_PART,
        "condition": "the ranking: all features, or those that write no label",
        "measure": "how many features have 80 % of the whole, the share at the k of the comparison, or the whole",
    },
    values={"hook_point": "hook point of sufficiency", "value": "value of the measure", **INTERVAL, "n": "texts"},
)
LEADS = Schema(
    keys={
        "texts": SIZES.keys["texts"],
        **_PART,
        "condition": SIZES.keys["condition"],
        "baseline": "what the features are compared with",
    },
    values={
        "k": "number of each; chosen on the discover texts",
        "features": "log-odds lost without the features, in nats; or accuracy with them alone",
        "other": "the same for the baseline's parts",
        "difference": "features minus the baseline's parts, on the same texts, as a share of the whole",
        **INTERVAL,
        "n": "texts",
    },
)
OTHER_EDITS = Schema(
    keys={"edit": "how features are ablated instead of to their means", "measure": SIZES.keys["measure"]},
    values={"value": "value of the measure", **INTERVAL, "n": "texts"},
)
DOSE_STEPS = Schema(
    keys={"step": "from which to which multiple of their value the first k features are changed"},
    values={"difference": "log-odds lost by the step, as a share of the whole", **INTERVAL, "n": "texts"},
)
SINGLES = Schema(
    keys={"hook_point": "hook point of the SAE", "feature": "its number"},
    values={
        **_DEPTH,
        "kind": "among the first of its hook point by the screen, or drawn from the others",
        "rank": "place in the ranking of all features",
        "estimate": "loss that the screen estimates on the discover texts, in nats",
        **_LOST,
        "q": "p-value, corrected for all features in this table (false discovery rate)",
        "zero": "loss when it is ablated to zero instead of its mean; only for screened features",
        "resample": "loss when it takes its value at a random token; only for screened features",
    },
)
LAYERS = Schema(
    keys={"hook_point": "hook point of the SAE", "kind": "screened, or drawn from the others"},
    values={
        **_DEPTH,
        "n": "features ablated one by one",
        "n_nominal": "features with p < 0.05",
        "expected": "how many would have p < 0.05 if none had an effect",
        "n_found": "features with an effect at a false discovery rate of 5 %",
        "n_needed": "features among these whose ablation costs log-odds",
        "agreement": "rank correlation of screen and exact loss, screened and audited together",
        "same_sign": "share of the features with an effect for which screen and exact loss have the same sign",
        "zero": "rank correlation of the losses by mean and by zero ablation",
        "resample": "rank correlation of the losses by mean and by resample ablation",
    },
)
NODES_LOST = Schema(
    keys={"hook_point": "hook point, or all of them", "node": "what is moved to its mean"}, values={**_DEPTH, **_LOST}
)
FIRST = Schema(
    keys={"rank": "place in the ranking"},
    values={
        "hook_point": "hook point of the SAE",
        "feature": "its number",
        **_DEPTH,
        "estimate": "loss that the screen estimates, in nats",
        "rank_shuffled": "mean of its places in the rankings for permuted labels",
        "expected": "its expected place there, if the labels do not matter: the middle",
        "writes": "label that it writes; empty for none",
    },
)


@dataclass(frozen=True)
class Tracing:
    """How few features carry the prediction, and whether anything else carries it as well."""

    setting: Annotated[pd.DataFrame, SETTING]
    sizes: Annotated[pd.DataFrame, SIZES]
    leads: Annotated[pd.DataFrame, LEADS]
    other_edits: Annotated[pd.DataFrame, OTHER_EDITS]
    dose_steps: Annotated[pd.DataFrame, DOSE_STEPS]
    stability: Annotated[pd.DataFrame, STABILITY]
    curves: Annotated[pd.DataFrame, CURVES]
    kept: Annotated[pd.DataFrame, KEPT]
    singles: Annotated[pd.DataFrame, SINGLES]
    layers: Annotated[pd.DataFrame, LAYERS]
    nodes: Annotated[pd.DataFrame, NODES_LOST]
    first: Annotated[pd.DataFrame, FIRST]
