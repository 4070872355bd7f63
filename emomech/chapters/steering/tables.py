"""What the tables of steering hold: one sentence for every column."""

from emomech.stats.tables import INTERVAL, Schema

_FLIPS = {
    "put_right": "texts that were wrong and become right",
    "put_wrong": "texts that were right and become wrong",
}
_DISPLACED = "distance that activations are moved, as a share of their norm: mean over tokens and hook points"
SETTING = Schema(
    keys={"part": "question that is asked of steering"},
    values={
        "texts": "texts that it is measured on",
        "balanced_accuracy": "balanced accuracy of the unedited model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts",
        "wrong": "texts that the unedited model gets wrong",
        "showable": "smallest rise that could be shown with a chance of 80 %, if no text were made wrong",
        "untested": "why it cannot be tested here; empty if it can",
    },
)
METHODS = Schema(
    keys={"method": "the method"},
    values={
        "operation": "what the method does",
        "positions": "tokens that it applies to",
        "dose": "dose that was chosen on the tune split",
        "displacement": _DISPLACED,
        "balanced_accuracy": "balanced accuracy with the method",
        **INTERVAL,
        "macro_f1": "macro-F1 with the method",
        "f1_low": "lower end of its 95 % interval",
        "f1_high": "upper end of its 95 % interval",
        **_FLIPS,
        "p": "p-value of the exact McNemar test that equally many texts become right and wrong",
        "n": "texts",
        "untested": "why it cannot be tested here; empty if it can",
    },
)
DIFFERENCES = Schema(
    keys={
        "method": "the method",
        "versus": "the method it is compared with",
        "measure": "balanced accuracy or macro-F1",
    },
    values={"difference": "difference of the gains, on the same texts", **INTERVAL, "n": "texts"},
)
LEADS = Schema(
    keys={"versus": "the method that the causal features are compared with"},
    values={
        "lead": "rise of balanced accuracy beyond it, mean over draws of the labelled texts",
        **INTERVAL,
        "draws": "draws of the labelled texts",
        "n": "texts",
    },
)
SHARES = Schema(
    keys={"quantity": "what is counted"},
    values={"share": "share less one half, with its exact interval", **INTERVAL, "n": "texts that count"},
)
TRENDS = Schema(
    keys={"side": "whether the features are turned down or up from no steering"},
    values={
        "trend": "slope of the log-odds of the own label per step of half the dose, in nats",
        **INTERVAL,
        "n": "texts",
    },
)
RESPONSE = Schema(
    keys={"dose": "dose in peaks; negative doses turn the features down"},
    values={
        "log_odds": "rise of the log-odds of the own label, in nats",
        **INTERVAL,
        "gain": "rise of accuracy",
        "n": "texts",
    },
)
STEERABILITY = Schema(
    keys={"text": "number of the reported text"},
    values={
        "slope": "slope of the log-odds of its own label over the doses, in nats per step",
        "right": "whether it is right without steering",
    },
)
EMOTIONS = Schema(
    keys={"method": "the method", "emotion": "gold emotion"},
    values={
        "recall": "recall of the unedited model",
        "change": "rise of recall",
        **INTERVAL,
        "said_before": "share of all texts that the unedited model gives this emotion",
        "said_after": "the same share with the method",
        "n": "texts",
    },
)
ITEMS = Schema(
    keys={
        "method": "the method",
        "breakdown": "property by which the texts are divided",
        "group": "value of this property",
    },
    values={
        "accuracy": "accuracy of the unedited model",
        "change": "rise of accuracy",
        **INTERVAL,
        **_FLIPS,
        "n": "texts",
    },
)
TRIALS = Schema(
    keys={"operation": "how the features are moved", "trial": "number of the trial"},
    values={
        "dose": "largest dose of any emotion's features, in peaks",
        "displacement": _DISPLACED,
        "tune_accuracy": "balanced accuracy on the texts that choose the dose; not a result",
        "chosen": "whether it is the best of its operation",
        "gain": "rise of balanced accuracy on the reported texts, of the chosen trials",
        **INTERVAL,
    },
)
FITS = Schema(
    keys={"operation": "how the features are moved"},
    values={
        "chosen": "whether it is the best of all operations on the tune texts",
        "positions": "tokens at which features are moved",
        "first": "depth from which features are moved, as a share of the blocks",
        "n_features": "features of each emotion that may be moved",
        "penalty": "nats of cross-entropy that one nat of divergence per neutral token costs in the fit",
        "dose": "largest dose of a feature, in peaks",
        "displacement": _DISPLACED,
        "tune_accuracy": "balanced accuracy on the texts that choose, each steered by doses fitted without it",
        "gain": "rise of balanced accuracy on the reported texts",
        "gain_low": "lower end of its 95 % interval",
        "gain_high": "upper end of its 95 % interval",
        "loss": "rise of the next-token loss on neutral text, relative, if features are moved at every token",
        **INTERVAL,
        "expected_kl": "divergence that the fit expects on other neutral texts, nats per token",
        "kl": "Kullback-Leibler divergence of the predictions from the unsteered model's, nats per token",
        "agreement": "share of tokens with the same likeliest next token",
    },
)
FITTED = Schema(
    keys={
        "operation": "how the features are moved",
        "emotion": "emotion that the feature supports",
        "rank": "place by its support",
    },
    values={
        "hook_point": "hook point of the SAE",
        "depth": "depth of the hook point, 0 at the embedding, 1 after the last block",
        "feature": "number of the feature",
        "dose": "fitted dose in peaks; 0 for one that is not moved",
    },
)
TURNED = Schema(
    keys={
        "method": "the method",
        "emotion": "gold emotion",
        "before": "answer of the unedited model",
        "after": "answer with the method",
    },
    values={"turn": "whether the answer becomes right, becomes wrong or stays wrong", "n": "texts"},
)
LANGUAGE = Schema(
    keys={"units": "the features that are moved", "dose": "dose in peaks of a feature"},
    values={
        "displacement": _DISPLACED,
        "loss": "rise of the next-token loss on neutral text, relative",
        **INTERVAL,
        "kl": "Kullback-Leibler divergence of the predictions from the unsteered model's, nats per token",
        "agreement": "share of tokens with the same likeliest next token",
        "gain": "rise of balanced accuracy on the reported texts",
        "gain_low": "lower end of its 95 % interval",
        "gain_high": "upper end of its 95 % interval",
        "chosen": "whether it is the dose that was chosen",
        "n": "neutral texts",
    },
)
CONTROL_TASKS = Schema(
    keys={"task": "control task", "dose": "dose in peaks of a feature"},
    values={
        "accuracy": "accuracy without steering",
        "lost": "balanced accuracy lost by steering",
        **INTERVAL,
        "chosen": "whether it is the dose that was chosen",
        "n": "texts of the task",
    },
)
EFFICIENCY = Schema(
    keys={"method": "the method", "n_labelled": "labelled texts of each emotion"},
    values={
        "dose": "dose that was chosen on the tune split",
        "gain": "rise of balanced accuracy",
        **INTERVAL,
        "n": "texts",
    },
)
CHOSEN = Schema(
    keys={"emotion": "emotion that the feature supports", "rank": "place by its support"},
    values={
        "hook_point": "hook point of the SAE",
        "feature": "number of the feature",
        "support": "estimated loss of log-odds without it, in nats",
        "peak": "largest value of the feature",
    },
)
