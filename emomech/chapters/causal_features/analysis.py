"""The features that support each emotion, one by one: what they fire on, what they write, which answers need them.

Features of all hook points are selected on the `discover` split (`causal.feature_selection`): the first few of each
emotion, and the same number of those that write no label. The first features often write the answer itself, which says
little about how the model reaches it. Everything else is measured on `report`: the log-odds that each
emotion's texts lose when only the feature is ablated to its mean at every token, compared with a matched feature; how
well its highest activation on a text separates one emotion's texts from all others; and the texts on which it is
highest, token by token. What it writes is computed for the direct path only (`causal.logit_attribution`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.cross_effects import feature_values, tokens
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import FeatureScreen, draw_questions
from emomech.causal.feature_stats import matched
from emomech.causal.logit_attribution import written_labels, written_words
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId
from emomech.stats.auroc import aurocs, members
from emomech.stats.estimates import Floats, Ints, from_draws
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, filled, frame
from emomech.stats.testing import false_discovery_rates
from emomech.study.study import Study
from emomech.study.unshown import may_be_shown, stand_in

CAUSAL, MATCHED = "causal features", "matched features"
N_WORDS = 6
"""Words that a card names: of those that a feature promotes most, and of those that it lowers most."""
_FEATURE = {"hook_point": "hook point of the SAE", "feature": "number of the feature"}
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the report texts",
        **INTERVAL,
        "n_features": "features of each emotion that are shown; the same number that write no label is shown as well",
        "n": "report texts of each emotion",
        "untested": "why these texts cannot be analysed; empty if they can",
    },
)
CARDS = Schema(
    keys=_FEATURE,
    values={
        "depth": DEPTH,
        "supports": "emotions that have it among their first features",
        "fires": "share of the tokens at which it fires, on the discover texts",
        "peak": "highest activation on these texts",
        "tells": "emotion whose texts its highest activation separates best from all others",
        "auroc": "AUROC of this separation",
        "writes": "label that it writes by the direct path; empty for none",
        "raises": "words that it promotes most, by the direct path",
        "lowers": "words that it lowers most",
        "page": "its page on Neuronpedia; empty if there is none",
    },
)
EFFECTS = Schema(
    keys={
        **_FEATURE,
        "emotion": "emotion of the texts",
        "condition": "a causal feature, or one that is matched to it in hook point, rate and strength",
    },
    values={
        "depth": DEPTH,
        "own": "whether the feature was chosen for this emotion, or matched to one that was",
        "loss": "log-odds of the emotion lost by ablating only this feature, in nats",
        **INTERVAL,
        "q": "smallest false discovery rate at which the effect is significant, among all rows of this table",
        "n": "texts",
    },
)
TEXTS = Schema(
    keys={**_FEATURE, "rank": "place of the text among those on which the feature is highest"},
    values={
        "emotion": "emotion of the text",
        "highest": "highest activation on it",
        "prompt": "the text with its question, or the number of a text that may not be shown",
        "heat": "start:end:activation of each token at which it fires, as a share of the highest on any text",
    },
)


@dataclass(frozen=True)
class CausalFeatures:
    """A card for each feature: facts, effects on every emotion, and texts."""

    setting: Annotated[pd.DataFrame, SETTING]
    cards: Annotated[pd.DataFrame, CARDS]
    effects: Annotated[pd.DataFrame, EFFECTS]
    texts: Annotated[pd.DataFrame, TEXTS]


def causal_features(
    study: Study, *, n_features: int = 2, n_texts: int = 40, n_shown: int = 4, n_resamples: int = 400
) -> CausalFeatures:
    """Describe the first `n_features` of every emotion, and the same number of those that write no label.

    They are measured on at most `n_texts` texts of each emotion; `n_shown` texts of the highest activation are shown.
    """
    seed = study.spec.seed
    questions = draw_questions(study, {"discover": n_texts, "report": n_texts})
    if isinstance(questions, str):
        return _untested(study, n_features, questions)
    sample = Sample.of(questions["report"], n_resamples, seed)
    accuracy = sample.balanced_accuracy
    if not sample.above_chance:
        return _untested(study, n_features, f"the model is at chance: its balanced accuracy is {accuracy}")
    discover = questions["discover"]
    dictionary = Dictionary.of(discover, study.saes, seed)
    rankings = FeatureScreen.of(dictionary, discover).by_label()
    first = [_first(study, discover, ranked, n_features) for ranked in rankings]
    features = list(dict.fromkeys(feature for of_label in first for feature in of_label))
    fired = Fired.of(sample, dictionary, features)
    setting: Row = {"model": study.lm.name, "accuracy": accuracy, "n_features": n_features, "n": sample.n}
    return CausalFeatures(
        setting=frame(SETTING, [{**setting, "untested": ""}]),
        cards=frame(CARDS, _cards(study, dictionary, first, fired)),
        effects=frame(EFFECTS, _effects(study, sample, dictionary, first)),
        texts=frame(TEXTS, _texts(study, fired, n_shown)),
    )


def _first(study: Study, questions: Questions, ranked: Sequence[FeatureId], n: int) -> list[FeatureId]:
    """Take the first n of a ranking, and the first n of those that write no label."""
    writes = written_labels(questions, study.saes, ranked)
    silent = [feature for feature, label in zip(ranked, writes, strict=True) if not label]
    return list(dict.fromkeys([*ranked[:n], *silent[:n]]))


def _untested(study: Study, n_features: int, reason: str) -> CausalFeatures:
    """Make empty tables, with the reason in `setting`."""
    setting: Row = {"model": study.lm.name, "n_features": n_features, "n": 0, "untested": reason}
    return filled(CausalFeatures, setting=frame(SETTING, [setting]))


@dataclass(frozen=True, eq=False)
class Fired:
    """Activations of some features at every token of some texts."""

    sample: Sample = field(repr=False)
    features: Sequence[FeatureId]
    text: Ints = field(repr=False)
    """Text of each activation (read)."""
    token: Ints = field(repr=False)
    """Token of each activation (read)."""
    value: Floats = field(repr=False)
    """Activations (read, feature)."""
    highest: Floats = field(repr=False)
    """Highest activation on each text (text, feature)."""

    @classmethod
    def of(cls, sample: Sample, dictionary: Dictionary, features: Sequence[FeatureId]) -> "Fired":
        """Read every token except special ones."""
        text, token = tokens(sample.questions)
        value = feature_values(sample.questions, dictionary, features)
        highest = np.zeros((len(sample), len(features)))
        np.maximum.at(highest, text, value)
        return cls(sample, features, text, token, value, highest)

    def heat(self, text: int, column: int) -> str:
        """Write where in a text a feature fires, in the format of the column `heat` of `TEXTS`."""
        spans = self.sample.questions.texts[text].spans
        scale = max(float(self.highest[:, column].max()), 1e-9)
        reads = np.flatnonzero((self.text == text) & (self.value[:, column] > 0))
        shares = ((spans[self.token[read]], self.value[read, column] / scale) for read in reads)
        return " ".join(f"{start}:{end}:{share:.2f}" for (start, end), share in shares)


def _cards(study: Study, dictionary: Dictionary, first: Sequence[Sequence[FeatureId]], fired: Fired) -> Iterator[Row]:
    questions = fired.sample.questions
    auroc = aurocs(fired.highest, members(questions.gold, len(questions.labels)))
    writes = written_labels(questions, study.saes, fired.features)
    words = written_words(study.lm, study.saes, fired.features, N_WORDS)
    for i, feature in enumerate(fired.features):
        stats, (raises, lowers) = dictionary.stats[feature.point], words[i]
        supports = [label for label, of_label in zip(questions.labels, first, strict=True) if feature in of_label]
        best = int(auroc[:, i].argmax())
        yield {
            **_place(study, feature),
            "supports": ", ".join(supports),
            "fires": float(stats.fires[feature.index]),
            "peak": float(stats.peak[feature.index]),
            "tells": questions.labels[best],
            "auroc": float(auroc[best, i]),
            "writes": writes[i],
            "raises": " ".join(raises),
            "lowers": " ".join(lowers),
            "page": study.saes[feature.point].link(feature.index),
        }


def _effects(
    study: Study, sample: Sample, dictionary: Dictionary, first: Sequence[Sequence[FeatureId]]
) -> Iterator[Row]:
    """Ablate each causal feature on all texts, and each matched one on those of its emotion."""
    features = list(dict.fromkeys(feature for of_label in first for feature in of_label))
    measured: list[tuple[Row, Floats]] = []
    losses = sample.losses(dictionary.ablate([feature]) for feature in features)
    for feature, loss in zip(features, losses, strict=True):
        for label, emotion in enumerate(sample.labels):
            rows = sample.rows(label)
            keys = {**_place(study, feature), "emotion": emotion, "condition": CAUSAL, "own": feature in first[label]}
            measured.append((keys, sample.mean_draws(loss[rows], rows)))
    for label, emotion in enumerate(sample.labels):
        rows = sample.rows(label)
        matches = [f for f in matched(first[label], dictionary.stats, study.spec.seed) if f not in features]
        losses = sample.take(rows).losses(dictionary.ablate([match]) for match in matches)
        for match, loss in zip(matches, losses, strict=True):
            keys = {**_place(study, match), "emotion": emotion, "condition": MATCHED, "own": True}
            measured.append((keys, sample.mean_draws(loss, rows)))
    rates = false_discovery_rates([draws for _, draws in measured])
    for (keys, draws), q in zip(measured, rates, strict=True):
        yield {**keys, "loss": from_draws(draws, sample.n, "posterior"), "q": q, "n": sample.n}


def _place(study: Study, feature: FeatureId) -> Row:
    depth = feature.point.depth(study.lm.n_layers)
    return {"hook_point": str(feature.point), "feature": feature.index, "depth": depth}


def _texts(study: Study, fired: Fired, n_shown: int) -> Iterator[Row]:
    questions = fired.sample.questions
    shown = may_be_shown(study.spec)
    prompts = {
        (example.text, example.person): prompt if shown else stand_in(number)
        for number, (example, prompt) in enumerate(zip(study.corpus.examples, study.prompts, strict=True), 1)
    }
    for i, feature in enumerate(fired.features):
        highest = fired.highest[:, i]
        strongest = np.argsort(-highest, kind="stable")[:n_shown]
        for rank, text in enumerate(strongest[highest[strongest] > 0].tolist(), 1):
            example = questions.examples[text]
            yield {
                "hook_point": str(feature.point),
                "feature": feature.index,
                "rank": rank,
                "emotion": example.label,
                "highest": float(highest[text]),
                "prompt": prompts[example.text, example.person],
                "heat": fired.heat(text, i) if shown else "",
            }
