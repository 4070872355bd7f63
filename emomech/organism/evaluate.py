"""Measure the embedded model on new texts: emotion recognition, recall of names, neutral text, and its SAEs.

All texts come from bags of words that never occur in training, so nothing here was memorised; shifted texts also
contain words or forms that never occur in training. The loss on neutral text is compared with the entropy of that text,
which is the lowest loss that any model can reach.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import torch

from emomech.core.hook_points import HookPoint
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.neutral_texts import neutral_texts
from emomech.data.grammar.vignettes import CONFLICT, PAIR, SHIFTS, STYLES, Shift, Vignette, stream
from emomech.models.language_model import LanguageModel
from emomech.models.scoring import label_log_probs
from emomech.models.tokens import batches, tokenize
from emomech.organism.curriculum import ORDINARY, lesson
from emomech.saes.compatibility import check_quality
from emomech.saes.quality import Quality, qualities
from emomech.saes.sae import Sae
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Ints
from emomech.stats.tables import Schema, frame
from emomech.study.study import Study

EVALUATION = Schema(
    keys={"measure": "what is measured", "group": "group of texts, or SAE"},
    values={"value": "value of the measure", "n": "number of texts, pairs, questions or tokens"},
)
_Row = dict[str, object]
"""A row of `EVALUATION`."""
GATED = Schema(
    keys=EVALUATION.keys,
    values={
        "value": "value of the measure",
        "bound": "values that meet the gate",
        "met": "whether the gate is met",
    },
)
_OTHER_TEXTS = 1_000_000
"""Added to a study's seed, so that a model is measured on other texts than the chapters read."""


@dataclass(frozen=True)
class Gate:
    """Required values of a measure, for every group whose name begins with `group`."""

    measure: str
    group: str = ""
    least: float = 0.0
    most: float = 1.0

    def __str__(self) -> str:
        if self.least and self.most < 1:
            return f"{self.least:g}–{self.most:g}"
        return f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}"

    def met(self, value: float) -> bool:
        """Whether a value lies within the bounds."""
        return self.least <= value <= self.most


ACCURACY, RIGHT, BOTH, BAG, EXCESS = (
    "balanced accuracy",
    "share right",
    "both of a minimal pair right",
    "bag of words between the two emotions",
    "loss beyond entropy",
)
GATES = (
    Gate("drill, name", least=0.98),
    Gate("drill, name and verb", least=0.98),
    Gate(ACCURACY, f"{CONFLICT}, story", least=0.9),
    Gate(ACCURACY, f"{CONFLICT}, diary", least=0.8),
    Gate(ACCURACY, f"{CONFLICT}, dialogue", least=0.8),
    Gate(ACCURACY, PAIR, least=0.85),
    Gate(BOTH, least=0.7),
    Gate(BAG, CONFLICT, least=0.45, most=0.55),
    Gate("recall", least=0.6),
    Gate(ACCURACY, "shifted", least=0.55, most=0.9),
    Gate(EXCESS, most=0.1),
    Gate("SAE dead", most=0.1),
)
"""Fixed before training: recall of names, inference in every style and for every emotion, shift, language, SAEs."""


def gated(measured: pd.DataFrame) -> pd.DataFrame:
    """Table `GATED`: every measure that has a gate, and whether it meets the gate."""
    rows = [
        {
            "measure": gate.measure,
            "group": row["group"],
            "value": row["value"],
            "bound": str(gate),
            "met": gate.met(row["value"]),
        }
        for gate in GATES
        for row in measured[measured.measure == gate.measure].to_dict("records")
        if row["group"].startswith(gate.group)
    ]
    return GATED.check(frame(GATED, rows).astype({"met": bool}), "gates")


@dataclass(frozen=True)
class EvaluationSizes:
    """Number of texts for each measurement."""

    texts: int = 4000
    """Texts without a shift."""
    shifted: int = 400
    """Texts of each shift."""
    drills: int = 400
    ordinary: int = 1000
    features: int = 3000
    """Texts on which a feature counts as dead if it never fires."""
    losses: int = 200
    """Texts on which the recovered cross-entropy of the SAEs is measured."""


def evaluate(study: Study, sizes: EvaluationSizes | None = None) -> pd.DataFrame:
    """Table `EVALUATION` for a study of the embedded grammar; chance is 1/7 for every accuracy."""
    sizes, lm, seed = sizes or EvaluationSizes(), study.lm, study.spec.seed + _OTHER_TEXTS
    plain = _drawn(seed, sizes.texts)
    shifted = [vignette for shift in SHIFTS for vignette in _drawn(seed, sizes.shifted, shift)]
    right = _Recognition.of(lm, plain)
    rows = [*right.rows(), *_Recognition.of(lm, shifted).shifted_rows(), *_bag_of_words(seed, plain)]
    rows += [*_drills(lm, seed, sizes.drills), *_neutral(lm, seed, sizes.ordinary)]
    measured, n = measure_saes(study, study.saes, sizes)
    check_quality(measured, study.saes, override=study.settings.force)
    for quality in measured:
        point, measures = str(quality.point), measures_of(quality)
        rows += [_row(f"SAE {name.replace('_', ' ')}", point, value, n) for name, value in measures.items()]
    return EVALUATION.check(frame(EVALUATION, rows), "evaluation")


def measure_saes(
    study: Study, saes: Mapping[HookPoint, Sae], sizes: EvaluationSizes | None = None
) -> tuple[list[Quality], int]:
    """Measure SAEs on texts that occur in no training, all sets of a study on the same; return the number of texts."""
    sizes = sizes or EvaluationSizes()
    drawn = _drawn(study.spec.seed + _OTHER_TEXTS, sizes.texts)[: sizes.features]
    return qualities(study.lm, saes, [vignette.example.text for vignette in drawn], n_loss=sizes.losses), len(drawn)


def measures_of(quality: Quality) -> dict[str, float]:
    """Return the measures of an SAE by name: `l0`, `fvu`, `dead` and `loss_recovered`."""
    return {name: value for name, value in asdict(quality).items() if name != "point"}


def _row(measure: str, group: str, value: float, n: int) -> _Row:
    return {"measure": measure, "group": group, "value": value, "n": n}


@cache
def _drawn(seed: int, n: int, shift: Shift = "") -> tuple[Vignette, ...]:
    """Draw the first n texts of a study, cached because every model is measured on the same texts."""
    return tuple(islice(stream(seed, split="study", shift=shift), n))


@dataclass(frozen=True)
class _Recognition:
    """The right emotion of each text, and the emotion that the model chooses."""

    drawn: Sequence[Vignette]
    gold: Ints
    """Number of the right emotion (text)."""
    chosen: Ints
    """Number of the chosen emotion (text)."""

    @classmethod
    def of(cls, lm: LanguageModel, drawn: Sequence[Vignette]) -> "_Recognition":
        examples = [vignette.example for vignette in drawn]
        prompts = [f"{example.text} {example.person} felt" for example in examples]
        chosen = label_log_probs(lm, prompts, [f" {noun}" for noun in EMOTION_NOUNS]).argmax(1)
        return cls(drawn, np.array([EMOTION_NOUNS.index(example.label) for example in examples]), chosen)

    def rows(self) -> Iterator[_Row]:
        """Balanced accuracy by item type and style, recall by emotion, and share of pairs with two right answers."""
        yield self._accuracy("all", [True] * len(self.drawn))
        types = [(vignette.example.item_type, vignette.example.style) for vignette in self.drawn]
        for item_type, style in sorted(set(types)):
            yield self._accuracy(f"{item_type}, {style}", [pair == (item_type, style) for pair in types])
        for i, label in enumerate(EMOTION_NOUNS):
            recalled = self.chosen[self.gold == i] == i
            yield _row("recall", label, float(recalled.mean()), len(recalled))
        for mention, by_pronoun in (("name", False), ("pronoun", True)):
            right = [self._right(i) for i, vignette in enumerate(self.drawn) if _in_conflict(vignette, by_pronoun)]
            yield _row(RIGHT, f"one of two in a story, by {mention}", _mean(right), len(right))
        for style in STYLES:
            both = self._pairs(style)
            yield _row(BOTH, style, _mean(both), len(both))

    def shifted_rows(self) -> Iterator[_Row]:
        """Balanced accuracy by shift, and by style over all shifts."""
        for shift in SHIFTS:
            yield self._accuracy(shift, [vignette.example.shift == shift for vignette in self.drawn])
        for style in STYLES:
            yield self._accuracy(f"shifted, {style}", [vignette.example.style == style for vignette in self.drawn])

    def _accuracy(self, group: str, mask: Sequence[bool]) -> _Row:
        texts = np.flatnonzero(mask)
        scores = Confusion.of(self.gold[texts], self.chosen[texts], len(EMOTION_NOUNS))
        return _row(ACCURACY, group, float(scores.balanced_accuracy()[0]), len(texts))

    def _right(self, text: int) -> bool:
        return bool(self.chosen[text] == self.gold[text])

    def _pairs(self, style: str) -> list[bool]:
        pairs: dict[str, list[bool]] = {}
        for vignette, right in zip(self.drawn, self.chosen == self.gold):
            if (vignette.example.item_type, vignette.example.style) == (PAIR, style):
                pairs.setdefault(vignette.example.cluster, []).append(bool(right))
        return [all(pair) for pair in pairs.values() if len(pair) == 2]


def _mean(right: Sequence[bool]) -> float:
    """Share of right answers; NaN without an answer."""
    return float(np.mean(right)) if right else float("nan")


def _in_conflict(vignette: Vignette, by_pronoun: bool) -> bool:
    """Whether this is a story of two persons who feel differently, referred to by pronouns or by names."""
    events = vignette.events
    differ = len(events) == 2 and events[0].emotion != events[1].emotion and vignette.example.style == "story"
    return differ and events[0].pronoun == by_pronoun


def _bag_of_words(seed: int, drawn: Sequence[Vignette]) -> Iterator[_Row]:
    """How often word counts prefer the right one of the two emotions in a conflict; 0.5 is chance."""
    classifier = _word_counter(seed)
    labels = list(classifier.classes_)
    for item_type in (CONFLICT, PAIR):
        of_type = [vignette for vignette in drawn if vignette.example.item_type == item_type]
        examples = [vignette.example for vignette in of_type]
        scores = classifier.predict_log_proba([f"{example.text} {example.person}" for example in examples])
        others = [next(e.emotion for e in v.events if e.person != v.example.person) for v in of_type]
        gain = [
            score[labels.index(example.label)] - score[labels.index(other)]
            for score, example, other in zip(scores, examples, others)
        ]
        yield _row(BAG, item_type, float(np.mean(np.array(gain) > 0)), len(of_type))


@cache
def _word_counter(seed: int, n: int = 6000) -> Any:
    """Logistic regression from word counts to emotions, fitted on training texts; cached."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    examples = [vignette.example for vignette in islice(stream(seed, split="train"), n)]
    classifier = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression(max_iter=2000))
    texts = [f"{example.text} {example.person}" for example in examples]
    return classifier.fit(texts, [example.label for example in examples])


def _drills(lm: LanguageModel, seed: int, n: int) -> Iterator[_Row]:
    """Recall of what a person did, after the name only and after the name and the verb *felt*."""
    answers = [f" {noun}" for noun in EMOTION_NOUNS]
    for measure, verb in (("drill, name", ""), ("drill, name and verb", " felt")):
        prompts, gold = [], []
        for number in range(n):
            drill = lesson("binding", seed, number)
            start, end, _ = drill.answers[0]
            prompts.append(drill.text[:start].rstrip() + verb)
            gold.append(EMOTION_NOUNS.index(drill.text[start:end]))
        chosen = label_log_probs(lm, prompts, answers).argmax(1)
        yield _row(measure, "two to four persons", float((chosen == gold).mean()), n)


@torch.inference_mode()
def _neutral(lm: LanguageModel, seed: int, n: int) -> Iterator[_Row]:
    """Cross-entropy on neutral text and its entropy, in nats per token, and their ratio minus 1.

    The entropy includes the information that a text is a neutral one, which the model has to infer as well.
    """
    texts = list(islice(neutral_texts(seed), n))
    total, n_tokens = 0.0, 0
    for batch in batches(tokenize(lm, [text.text for text in texts]), pad_id=lm.pad_id, device=lm.device):
        logits = lm.module(**batch.forward_kwargs()).logits[:, :-1].float()
        mask = batch.content_mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[mask], batch.input_ids[:, 1:][mask], reduction="sum")
        total, n_tokens = total + float(loss), n_tokens + int(mask.sum())
    entropy = sum(text.surprisal for text in texts) - n * float(np.log(ORDINARY))
    yield _row("loss per token, nats", "ordinary text", total / n_tokens, n_tokens)
    yield _row("entropy per token, nats", "ordinary text", entropy / n_tokens, n_tokens)
    yield _row(EXCESS, "ordinary text", total / entropy - 1, n_tokens)
