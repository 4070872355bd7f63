"""Measures the embedded model on what it never saw: who feels what, recall of names, ordinary text, its SAEs.

All texts are drawn from vocabularies that were kept from training, so nothing here was learned by heart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
import torch

from emomech.corpus import Example
from emomech.gate import qualities
from emomech.models import LanguageModel
from emomech.organism.curriculum import lesson, ordinary
from emomech.organism.lexicon import EMOTION_NOUNS
from emomech.readout import label_log_probs
from emomech.schema import Schema
from emomech.stats import Confusion, Ints
from emomech.study import Study
from emomech.tokens import batches, tokenize

EVALUATION = Schema(
    keys={"measure": "what is measured", "group": "of which texts or SAE"},
    values={"value": "its value", "n": "texts, pairs, questions or tokens"},
)
Row = tuple[str, str, float, int]

GATED = Schema(
    keys=EVALUATION.keys,
    values={"value": "its value", "bound": "what it has to be", "met": "whether it is"},
)


@dataclass(frozen=True)
class Gate:
    """What a measure has to be for the model to be worth studying; for every group whose name holds `group`."""

    measure: str
    group: str = ""
    least: float = 0.0
    most: float = 1.0

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}"


GATES = (
    Gate("drill, name", least=0.98),
    Gate("drill, name and verb", least=0.98),
    Gate("balanced accuracy", "two persons, conflict, story", least=0.9),
    Gate("balanced accuracy", "two persons, conflict, diary", least=0.8),
    Gate("balanced accuracy", "minimal pair", least=0.85),
    Gate("both of a minimal pair right", least=0.7),
    Gate("recall", least=0.6),
    Gate("SAE dead", most=0.1),
)
"""Fixed before training, from what the chapters need: binding, inference in every style, every emotion, whole SAEs."""


def gated(measured: pd.DataFrame) -> pd.DataFrame:
    """Hold every measure that has a gate against it; a table as `GATED` says."""
    rows = [
        (gate.measure, row["group"], row["value"], str(gate), bool(gate.least <= row["value"] <= gate.most))
        for gate in GATES
        for row in measured[measured.measure == gate.measure].to_dict("records")
        if gate.group in row["group"]
    ]
    return GATED.check(pd.DataFrame(rows, columns=list(GATED.columns)), "gates")


def evaluate(study: Study, *, n_drills: int = 200, n_ordinary: int = 400, n_gate: int = 300) -> pd.DataFrame:
    """Measure a study of the embedded grammar; a table as `EVALUATION` says. Chance is 1/7 for every accuracy."""
    rows = [*_recognition(study), *_drills(study, n_drills), _ordinary(study.lm, study.spec.seed, n_ordinary)]
    for quality in qualities(study.lm, study.saes, [one.text for one in study.corpus.examples[:n_gate]]):
        for name in ("l0", "fvu", "dead", "loss_recovered"):
            rows.append((f"SAE {name.replace('_', ' ')}", str(quality.point), getattr(quality, name), n_gate))
    return EVALUATION.check(pd.DataFrame(rows, columns=list(EVALUATION.columns)), "evaluation")


def _recognition(study: Study) -> Iterator[Row]:
    """Balanced accuracy per item type and style, recall per emotion, and minimal pairs of which both are right."""
    examples, labels = study.corpus.examples, study.corpus.labels
    chosen = label_log_probs(study.lm, study.prompts, study.answers).argmax(1)
    gold = np.array([labels.index(example.label) for example in examples])
    for group, texts in _groups(examples):
        scores = Confusion.of(gold[texts], chosen[texts], len(labels))
        yield "balanced accuracy", group, float(scores.balanced_accuracy()[0]), len(texts)
    for i, label in enumerate(labels):
        yield "recall", label, float((chosen[gold == i] == i).mean()), int((gold == i).sum())
    pairs: dict[str, list[bool]] = {}
    for example, right in zip(examples, chosen == gold, strict=True):
        if example.item_type == "minimal pair":
            pairs.setdefault(example.cluster, []).append(bool(right))
    both = [all(pair) for pair in pairs.values() if len(pair) == 2]
    yield "both of a minimal pair right", "all", float(np.mean(both)), len(both)


def _groups(examples: Sequence[Example]) -> Iterator[tuple[str, Ints]]:
    yield "all", np.arange(len(examples))
    of = [(example.item_type, example.style) for example in examples]
    for item_type, style in sorted(set(of)):
        yield f"{item_type}, {style}", np.array([i for i, one in enumerate(of) if one == (item_type, style)])


def _drills(study: Study, n: int) -> Iterator[Row]:
    """Recall of what a person did, asked for by the name alone, and by the name and the verb *felt*."""
    answers = [f" {noun}" for noun in EMOTION_NOUNS]
    for measure, verb in (("drill, name", ""), ("drill, name and verb", " felt")):
        prompts, gold = [], []
        for number in range(n):
            drill = lesson("binding", study.spec.seed + 1_000_000, number)
            start, end = drill.answers[0]
            prompts.append(drill.text[:start].rstrip() + verb)
            gold.append(EMOTION_NOUNS.index(drill.text[start:end]))
        chosen = label_log_probs(study.lm, prompts, answers).argmax(1)
        yield measure, "two to four persons", float((chosen == gold).mean()), n


@torch.inference_mode()
def _ordinary(lm: LanguageModel, seed: int, n: int) -> Row:
    """Cross-entropy of the next token of ordinary text, in nats."""
    total, told = 0.0, 0
    texts = list(islice(ordinary(seed + 1_000_000), n))
    for batch in batches(tokenize(lm, texts), pad_id=lm.pad_id, device=lm.device):
        logits = lm.module(**batch.forward_kwargs()).logits[:, :-1].float()
        mask = batch.content_mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[mask], batch.input_ids[:, 1:][mask], reduction="sum")
        total, told = total + float(loss), told + int(mask.sum())
    return "loss per token, nats", "ordinary text", total / told, told
