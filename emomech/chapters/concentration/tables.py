"""Tables of the chapter on concentration: their columns, and what these mean."""

from emomech.stats.tables import DEPTH, INTERVAL, Schema

ABLATED, DOUBLED = "ablated", "doubled"
LOG_ODDS, RECALL = "log-odds", "recall"
_PART = "part of the claim: weaker, or more diffuse"
_CONDITION = "whose features: the emotion's, a control's, or those of other SAEs of the model"
_MEASURE = (
    "fall of the log-odds in nats if all features are ablated together, to their means or to zero; sum of what they "
    "lose one by one; effective number of features; number that reaches half, or nine tenths, of that sum"
)
SETTING = Schema(
    keys={"emotion": "the emotion that the claim is about"},
    values={
        "rival": "the emotion that overshadows it, according to the original study",
        "hook_point": "hook point that is shown in detail, chosen on other texts",
        "place": "the same hook point, as tables and figures name it",
        "depth": DEPTH,
        "accuracy": "balanced accuracy of the model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts of each emotion",
        "n_control": "texts of each emotion on which controls are measured",
        "n_top": "number of first features that are ablated or doubled to measure interference",
        "untested": "why these texts cannot test the claim; empty if they can",
    },
)
SPECIFICATIONS = Schema(
    keys={
        "part": _PART,
        "place": "hook point, or all of them together",
        "estimator": _MEASURE,
        "features": "all features that support an emotion, or those that write no label",
        "others": "the emotions it is compared with: all, or those of the same valence",
    },
    values={
        "contrast": "the emotion minus the mean of the others, as a share of that mean; see the text for its floor",
        **INTERVAL,
        "n": "texts of the emotion",
    },
)
MEDIANS = Schema(
    keys={
        "part": _PART,
        "what": "the specifications: all, those with features that write no label, or those with others of one valence",
        "versus": "the control whose median contrast is subtracted; empty for the median contrast itself",
        "member": "which of several shuffles, which other emotion, or which other SAEs of the model; empty for none",
    },
    values={
        "contrast": "median over the specifications; minus that of the control, if there is one",
        **INTERVAL,
        "specifications": "number of specifications",
        "n": "texts of the emotion",
    },
)
EMOTIONS = Schema(
    keys={"condition": _CONDITION, "part": _PART, "emotion": "emotion that is compared with the mean of the others"},
    values={
        "contrast": "median contrast over the specifications that the condition has, compared with all others",
        **INTERVAL,
        "n": "texts of the emotion",
    },
)
DEPTHS = Schema(
    keys={"place": "hook point, or all of them together", "emotion": "emotion of the texts", "measure": _MEASURE},
    values={"depth": DEPTH, "value": "the measure's value", **INTERVAL, "n": "texts"},
)
CURVES = Schema(
    keys={
        "condition": _CONDITION,
        "emotion": "emotion of the texts",
        "k": "number of first features ablated together",
    },
    values={"fall": "fall of the log-odds, in nats", **INTERVAL, "n": "texts"},
)
INTERFERENCE = Schema(
    keys={
        "acted_on": "emotion whose first features are edited",
        "edit": "ablated to their means, or doubled",
        "condition": "these features, or matched ones",
        "affected": "emotion of the texts",
        "measure": "log-odds of their emotion in nats, or its recall",
    },
    values={"change": "change of the measure by the edit", **INTERVAL, "n": "texts"},
)
CONFUSIONS = Schema(
    keys={"gold": "emotion of the text", "predicted": "emotion that the model answers"},
    values={"share": "share of the texts", **INTERVAL, "n": "texts"},
)
COACTIVATION = Schema(
    keys={"emotion": "emotion whose first features are compared", "other": "the other emotion"},
    values={
        "correlation": "correlation over all texts of the strength of the features that the two do not share",
        **INTERVAL,
        "shared": "number of features among the first of both emotions; they are left out",
        "n": "texts",
    },
)
