"""The features that support each emotion, one by one: what they fire on, what they write, whose answer they carry.

Features are chosen among all of all hook points on the `discover` split (see `support`): the first few of each emotion,
and as many of those that write no label, since the first write the answer and say little of what it follows from. All
that is told of them is measured on `report`: the log-odds that each emotion's texts lose when the feature alone is
ablated to its mean at every token, beside what a matched feature costs; how well its highest activation on a text
tells one emotion's texts from all others; the texts on which it is highest, token by token. What it writes is told by
the direct path alone (`label_writing`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.ablation import Asked
from emomech.causal.cross_effects import fired, tokens
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import Chosen, asked
from emomech.causal.feature_stats import matched, references
from emomech.causal.logit_attribution import written_labels, written_words
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample, estimate
from emomech.core.hook_points import FeatureId
from emomech.stats.auroc import aurocs, members
from emomech.stats.estimates import Estimate, Floats, Ints
from emomech.stats.tables import DEPTH, INTERVAL, Schema, filled, frame
from emomech.stats.testing import false_discovery_rates
from emomech.study.study import Study

CAUSAL, MATCHED = "causal features", "matched features"
N_WORDS = 6
"""Words that are named of those that a feature promotes most, and lowers most."""
_FEATURE = {"hook_point": "where the SAE stands", "feature": "its number"}
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the texts that report",
        **INTERVAL,
        "n_features": "features of each emotion that are shown, and as many that write no label",
        "n": "texts of each emotion that report",
        "untested": "why nothing can be said; empty if something can",
    },
)
CARDS = Schema(
    keys=_FEATURE,
    values={
        "depth": DEPTH,
        "supports": "emotions among whose first features it is",
        "fires": "share of the tokens at which it fires, on the texts that choose",
        "peak": "highest activation there",
        "tells": "emotion whose texts its highest activation tells best from all others",
        "auroc": "how well, by AUROC",
        "writes": "label that it writes by the direct path; empty for none",
        "raises": "words that it promotes most, by the direct path",
        "lowers": "words that it lowers most",
        "page": "where Neuronpedia shows it; empty where it does not",
    },
)
EFFECTS = Schema(
    keys={
        **_FEATURE,
        "emotion": "whose texts",
        "condition": "a causal feature, or one that is matched to it in hook point, rate and strength",
    },
    values={
        "depth": DEPTH,
        "own": "whether the feature was chosen for this emotion, or matched to one that was",
        "loss": "log-odds of the emotion that ablating the feature alone costs, in nats",
        **INTERVAL,
        "q": "false discovery rate at which it would count, among all of this table",
        "n": "texts",
    },
)
TEXTS = Schema(
    keys={**_FEATURE, "rank": "place of the text among those on which the feature is highest"},
    values={
        "emotion": "of the text",
        "highest": "highest activation on it",
        "prompt": "the text as it is asked about",
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
    """Choose the first `n_features` of every emotion, and as many that write no label; tell of each what it does.

    It is told on at most `n_texts` texts of each emotion, of which `n_shown` are shown.
    """
    seed, labels = study.spec.seed, study.corpus.labels
    questions = asked(study, {"discover": n_texts, "report": n_texts})
    if isinstance(questions, str):
        return _untested(study, n_features, questions)
    sample = Sample.of(questions["report"], n_resamples, seed)
    if not sample.accuracy.low > 1 / len(labels):
        return _untested(study, n_features, f"the model is at chance: its balanced accuracy is {sample.accuracy}")
    discover = questions["discover"]
    dictionary = Dictionary(study.saes, references(discover, study.saes, seed=seed))
    first = [_first(study, discover, ranked, n_features) for ranked in Chosen.of(dictionary, discover).by_label()]
    features = list(dict.fromkeys(one for chosen in first for one in chosen))
    firing = Fired.of(sample, dictionary, features)
    return CausalFeatures(
        setting=frame(SETTING, [(study.lm.name, sample.accuracy, n_features, sample.n, "")]),
        cards=frame(CARDS, _cards(study, dictionary, first, features, firing)),
        effects=frame(EFFECTS, _effects(study, sample, dictionary, first, features)),
        texts=frame(TEXTS, _texts(study, firing, features, n_shown)),
    )


def _first(study: Study, questions: Questions, ranked: Sequence[FeatureId], n: int) -> list[FeatureId]:
    """Take the first of a ranking, and the first of those that write no label."""
    writes = written_labels(questions, study.saes, ranked)
    silent = [one for one, label in zip(ranked, writes, strict=True) if not label]
    return list(dict.fromkeys([*ranked[:n], *silent[:n]]))


def _untested(study: Study, n_features: int, reason: str) -> CausalFeatures:
    """Say why nothing can be said."""
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    return filled(CausalFeatures, setting=frame(SETTING, [(study.lm.name, nothing, n_features, 0, reason)]))


@dataclass(frozen=True, eq=False)
class Fired:
    """How strongly some features fire at every token of some texts."""

    sample: Sample = field(repr=False)
    text: Ints = field(repr=False)
    """Which text each read is of (read)."""
    token: Ints = field(repr=False)
    """Which token of it (read)."""
    value: Floats = field(repr=False)
    """(read, feature)"""
    highest: Floats = field(repr=False)
    """The highest of each text (text, feature)."""

    @classmethod
    def of(cls, sample: Sample, dictionary: Dictionary, features: Sequence[FeatureId]) -> "Fired":
        """Read every token but special ones."""
        text, token = tokens(sample.questions)
        value = fired(sample.questions, dictionary, features)
        highest = np.zeros((len(sample.questions), len(features)))
        np.maximum.at(highest, text, value)
        return cls(sample, text, token, value, highest)

    def heat(self, text: int, feature: int) -> str:
        """Write where in a text a feature fires, as `TEXTS` has it."""
        spans = self.sample.questions.texts[text].spans
        scale = max(float(self.highest[:, feature].max()), 1e-9)
        here = np.flatnonzero((self.text == text) & (self.value[:, feature] > 0))
        tokens = ((spans[self.token[read]], self.value[read, feature] / scale) for read in here)
        return " ".join(f"{start}:{end}:{value:.2f}" for (start, end), value in tokens)


def _cards(
    study: Study,
    dictionary: Dictionary,
    first: Sequence[Sequence[FeatureId]],
    features: Sequence[FeatureId],
    fired: Fired,
) -> Iterator[tuple[object, ...]]:
    questions = fired.sample.questions
    found = aurocs(fired.highest, members(questions.gold, len(questions.labels)))
    writes = written_labels(questions, study.saes, features)
    words = written_words(study.lm, study.saes, features, N_WORDS)
    for i, one in enumerate(features):
        usual = dictionary.usual[one.point]
        supports = [label for label, chosen in zip(questions.labels, first, strict=True) if one in chosen]
        best = int(found[:, i].argmax())
        raises, lowers = words[i]
        yield (
            *(str(one.point), one.index, one.point.depth(study.lm.n_layers), ", ".join(supports)),
            *(float(usual.fires[one.index]), float(usual.peak[one.index])),
            *(questions.labels[best], float(found[best, i]), writes[i], " ".join(raises), " ".join(lowers)),
            study.saes[one.point].link(one.index),
        )


def _effects(
    study: Study,
    sample: Sample,
    dictionary: Dictionary,
    first: Sequence[Sequence[FeatureId]],
    features: Sequence[FeatureId],
) -> Iterator[tuple[object, ...]]:
    """Ablate each causal feature on all texts, and each matched one on those of its emotion."""
    measured: list[tuple[tuple[object, ...], Floats]] = []
    losses = Asked(sample.questions, sample.logits).losses(dictionary.ablated([one]) for one in features)
    for one, loss in zip(features, losses, strict=True):
        for label, name in enumerate(sample.labels):
            rows = sample.rows(label)
            key = (*_place(study, one), name, CAUSAL, one in first[label])
            measured.append((key, sample.mean(loss[rows], rows)))
    for label, name in enumerate(sample.labels):
        rows = sample.rows(label)
        others = [o for o in matched(first[label], dictionary.usual, study.spec.seed) if o not in features]
        if others:
            asked_of = Asked(sample.questions.take(rows), sample.logits[rows])
            losses = asked_of.losses(dictionary.ablated([other]) for other in others)
            for other, loss in zip(others, losses, strict=True):
                measured.append(((*_place(study, other), name, MATCHED, True), sample.mean(loss, rows)))
    rates = false_discovery_rates([draws for _, draws in measured])
    for (key, draws), q in zip(measured, rates, strict=True):
        point, index, depth, name, condition, own = key
        yield point, index, name, condition, depth, own, estimate(draws, sample.n), q, sample.n


def _place(study: Study, one: FeatureId) -> tuple[str, int, float]:
    return str(one.point), one.index, one.point.depth(study.lm.n_layers)


def _texts(study: Study, fired: Fired, features: Sequence[FeatureId], n_shown: int) -> Iterator[tuple[object, ...]]:
    questions = fired.sample.questions
    prompts = {(e.text, e.person): prompt for e, prompt in zip(study.corpus.examples, study.prompts, strict=True)}
    for i, one in enumerate(features):
        highest = fired.highest[:, i]
        strongest = np.argsort(-highest, kind="stable")[:n_shown]
        for rank, text in enumerate(strongest[highest[strongest] > 0].tolist(), 1):
            example = questions.examples[text]
            prompt = prompts[example.text, example.person]
            yield str(one.point), one.index, rank, example.label, float(highest[text]), prompt, fired.heat(text, i)
