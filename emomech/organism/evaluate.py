"""Measures the embedded model on what it never saw: who feels what, recall of names, ordinary text, its SAEs.

All texts are drawn from bags of words that were kept from training, so nothing here was learned by heart; shifted texts
hold besides what no text for training holds. Ordinary text is measured against its own entropy, below which no
model can get.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import torch

from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.neutral_texts import ordinary
from emomech.data.grammar.vignettes import CONFLICT, PAIR, SHIFTS, STYLES, Vignette, stream
from emomech.models.language_model import LanguageModel
from emomech.models.scoring import label_log_probs
from emomech.models.tokens import batches, tokenize
from emomech.organism.curriculum import ORDINARY, lesson
from emomech.saes.compatibility import check_quality
from emomech.saes.quality import qualities
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Ints
from emomech.stats.tables import Schema
from emomech.study.study import Study

EVALUATION = Schema(
    keys={"measure": "what is measured", "group": "of which texts or SAE"},
    values={"value": "its value", "n": "texts, pairs, questions or tokens"},
)
Row = tuple[str, str, float, int]
GATED = Schema(
    keys=EVALUATION.keys,
    values={"value": "its value", "bound": "what it has to be", "met": "whether it is"},
)
_OTHER_TEXTS = 1_000_000
"""Added to a study's seed, so that a model is judged on other texts than its chapters read."""


@dataclass(frozen=True)
class Gate:
    """What a measure has to be for the model to be worth studying; for every group whose name begins with `group`."""

    measure: str
    group: str = ""
    least: float = 0.0
    most: float = 1.0

    def __str__(self) -> str:
        if self.least and self.most < 1:
            return f"{self.least:g}–{self.most:g}"
        return f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}"

    def met(self, value: float) -> bool:
        """Whether the measure is what it has to be."""
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
"""Fixed before training: binding, inference in every style, every emotion, room to improve, language, whole SAEs."""


def gated(measured: pd.DataFrame) -> pd.DataFrame:
    """Hold every measure that has a gate against it; a table as `GATED` says."""
    rows = [
        (gate.measure, row["group"], row["value"], str(gate), gate.met(row["value"]))
        for gate in GATES
        for row in measured[measured.measure == gate.measure].to_dict("records")
        if row["group"].startswith(gate.group)
    ]
    return GATED.check(pd.DataFrame(rows, columns=list(GATED.columns)), "gates")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    texts: int = 4000
    """In distribution."""
    shifted: int = 400
    """Of each shift."""
    drills: int = 400
    ordinary: int = 1000
    features: int = 3000
    """Texts in which a feature may fire that else counts as dead."""
    losses: int = 200
    """Texts over which SAEs' cross-entropy is recovered."""


def evaluate(study: Study, sizes: Sizes | None = None) -> pd.DataFrame:
    """Measure a study of the embedded grammar; a table as `EVALUATION` says. Chance is 1/7 for every accuracy."""
    sizes, lm, seed = sizes or Sizes(), study.lm, study.spec.seed + _OTHER_TEXTS
    plain = list(islice(stream(seed, split="study"), sizes.texts))
    shifted = [one for s in SHIFTS for one in islice(stream(seed, split="study", shift=s), sizes.shifted)]
    right = _Recognition.of(lm, plain)
    rows = [*right.rows(), *_Recognition.of(lm, shifted).shifted_rows(), *_bag_of_words(seed, plain)]
    rows += [*_drills(lm, seed, sizes.drills), *_ordinary(lm, seed, sizes.ordinary)]
    texts = [one.example.text for one in plain[: sizes.features]]
    measured = qualities(lm, study.saes, texts, n_loss=sizes.losses)
    check_quality(measured, study.saes)
    for quality in measured:
        for name in ("l0", "fvu", "dead", "loss_recovered"):
            rows.append((f"SAE {name.replace('_', ' ')}", str(quality.point), getattr(quality, name), len(texts)))
    return EVALUATION.check(pd.DataFrame(rows, columns=list(EVALUATION.columns)), "evaluation")


@dataclass(frozen=True)
class _Recognition:
    """What each text's person feels, and what the model says."""

    drawn: Sequence[Vignette]
    gold: Ints
    chosen: Ints

    @classmethod
    def of(cls, lm: LanguageModel, drawn: Sequence[Vignette]) -> "_Recognition":
        prompts = [f"{one.example.text} {one.example.person} felt" for one in drawn]
        chosen = label_log_probs(lm, prompts, [f" {noun}" for noun in EMOTION_NOUNS]).argmax(1)
        return cls(drawn, np.array([EMOTION_NOUNS.index(one.example.label) for one in drawn]), chosen)

    def rows(self) -> Iterator[Row]:
        """Balanced accuracy per item type and style, recall per emotion, and pairs of which both are right."""
        yield self._accuracy("all", [True] * len(self.drawn))
        for item_type, style in sorted({(one.example.item_type, one.example.style) for one in self.drawn}):
            here = [(one.example.item_type, one.example.style) == (item_type, style) for one in self.drawn]
            yield self._accuracy(f"{item_type}, {style}", here)
        for i, label in enumerate(EMOTION_NOUNS):
            yield "recall", label, float((self.chosen[self.gold == i] == i).mean()), int((self.gold == i).sum())
        for mention, by_pronoun in (("name", False), ("pronoun", True)):
            right = [self._right(i) for i, one in enumerate(self.drawn) if _parted(one, by_pronoun)]
            yield RIGHT, f"one of two in a story, by {mention}", float(np.mean(right)) if right else np.nan, len(right)
        for style in STYLES:
            both = self._pairs(style)
            yield BOTH, style, float(np.mean(both)) if both else float("nan"), len(both)

    def shifted_rows(self) -> Iterator[Row]:
        """Balanced accuracy per shift, and per style over all shifts."""
        for shift in SHIFTS:
            yield self._accuracy(shift, [one.example.shift == shift for one in self.drawn])
        for style in STYLES:
            yield self._accuracy(f"shifted, {style}", [one.example.style == style for one in self.drawn])

    def _accuracy(self, group: str, here: Sequence[bool]) -> Row:
        texts = np.flatnonzero(here)
        scores = Confusion.of(self.gold[texts], self.chosen[texts], len(EMOTION_NOUNS))
        return ACCURACY, group, float(scores.balanced_accuracy()[0]), len(texts)

    def _right(self, text: int) -> bool:
        return bool(self.chosen[text] == self.gold[text])

    def _pairs(self, style: str) -> list[bool]:
        pairs: dict[str, list[bool]] = {}
        for one, right in zip(self.drawn, self.chosen == self.gold):
            if (one.example.item_type, one.example.style) == (PAIR, style):
                pairs.setdefault(one.example.cluster, []).append(bool(right))
        return [all(pair) for pair in pairs.values() if len(pair) == 2]


def _parted(one: Vignette, by_pronoun: bool) -> bool:
    """Whether it is a story of two persons who feel differently, meant by pronouns or by names."""
    events = one.events
    parted = len(events) == 2 and events[0].emotion != events[1].emotion and one.example.style == "story"
    return parted and events[0].pronoun == by_pronoun


def _bag_of_words(seed: int, drawn: Sequence[Vignette], n: int = 6000) -> Iterator[Row]:
    """How often word counts prefer, of the two emotions in a conflict, the one that is asked for; 0.5 is chance."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    learned = [one.example for one in islice(stream(seed, split="train"), n)]
    reader = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression(max_iter=2000))
    reader.fit([f"{one.text} {one.person}" for one in learned], [one.label for one in learned])
    labels = list(reader.classes_)
    for item_type in (CONFLICT, PAIR):
        here = [one for one in drawn if one.example.item_type == item_type]
        scores = reader.predict_log_proba([f"{one.example.text} {one.example.person}" for one in here])
        other = [next(e.emotion for e in one.events if e.person != one.example.person) for one in here]
        gain = [row[labels.index(one.example.label)] - row[labels.index(o)] for row, one, o in zip(scores, here, other)]
        yield BAG, item_type, float(np.mean(np.array(gain) > 0)), len(here)


def _drills(lm: LanguageModel, seed: int, n: int) -> Iterator[Row]:
    """Recall of what a person did, asked for by the name alone, and by the name and the verb *felt*."""
    answers = [f" {noun}" for noun in EMOTION_NOUNS]
    for measure, verb in (("drill, name", ""), ("drill, name and verb", " felt")):
        prompts, gold = [], []
        for number in range(n):
            drill = lesson("binding", seed, number)
            start, end, _ = drill.answers[0]
            prompts.append(drill.text[:start].rstrip() + verb)
            gold.append(EMOTION_NOUNS.index(drill.text[start:end]))
        chosen = label_log_probs(lm, prompts, answers).argmax(1)
        yield measure, "two to four persons", float((chosen == gold).mean()), n


@torch.inference_mode()
def _ordinary(lm: LanguageModel, seed: int, n: int) -> Iterator[Row]:
    """Cross-entropy of ordinary text beside its entropy, both in nats per token; and the first over the second, less 1.

    The entropy includes that a text is an ordinary one, which the model has to find out as well.
    """
    told = list(islice(ordinary(seed), n))
    total, n_tokens = 0.0, 0
    for batch in batches(tokenize(lm, [one.text for one in told]), pad_id=lm.pad_id, device=lm.device):
        logits = lm.module(**batch.forward_kwargs()).logits[:, :-1].float()
        mask = batch.content_mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[mask], batch.input_ids[:, 1:][mask], reduction="sum")
        total, n_tokens = total + float(loss), n_tokens + int(mask.sum())
    entropy = sum(one.surprisal for one in told) - n * float(np.log(ORDINARY))
    yield "loss per token, nats", "ordinary text", total / n_tokens, n_tokens
    yield "entropy per token, nats", "ordinary text", entropy / n_tokens, n_tokens
    yield EXCESS, "ordinary text", total / entropy - 1, n_tokens
