"""What the answer loses without the best unit of each emotion.

A unit may separate the texts of an emotion without being used by the model: directions that hardly left their random
start separate them as well as features that were learned (Korznikov et al., 2026, arXiv:2602.14111). So the best unit,
chosen by AUROC on some texts, is moved to its mean over those texts at the answer, and the log-odds of the label are
measured on other texts of the emotion. A dimension of the residual stream is moved to its mean too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Edits, Questions, log_odds
from emomech.causal.sample import Sample
from emomech.chapters.fidelity.readers import Reader, Readers, halves
from emomech.chapters.fidelity.units import EMOTION, Family
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.edits import MoveFeatures, encode_some
from emomech.stats.estimates import Floats
from emomech.study.study import Study

MOST = 60
"""Most texts of an emotion, on either split, on which units are ablated."""
Unit = tuple[Reader, HookPoint, int]
"""Reader, hook point and number of a unit."""


@dataclass(frozen=True)
class Losses:
    """Log-odds lost without a unit, text by text."""

    rows: Mapping[str, np.ndarray] = field(repr=False)
    """Emotion -> which texts of the family it is measured on, by number in the family."""
    loss: Mapping[tuple[str, Unit], Floats] = field(repr=False)
    """Emotion and unit -> log-odds of the emotion that each of these texts loses, in nats."""

    def elsewhere(self, family: Family, emotion: str, unit: Unit) -> Floats:
        """Losses on the texts that did not choose the unit, in this division of the texts."""
        return self.loss[emotion, unit][~family.chooses[self.rows[emotion]]]


def answers(study: Study, family: Family | None) -> tuple[Sample | None, str]:
    """Answers on the texts that do not choose, and why units cannot be ablated; empty text if they can."""
    if family is None:
        return None, "too few texts of each emotion"
    try:
        sample = Sample.of(Questions.of(study, family.text[~family.chooses]), 0, study.spec.seed)
    except UsageError as error:
        return None, str(error)
    return sample, "" if sample.above_chance else "the model does not recognise the emotions better than chance"


def emotion_family(families: Iterable[Family]) -> Family | None:
    """The label family of the answer, if enough of its labels have texts."""
    return next((family for family in families if family.name == EMOTION), None)


def losses(study: Study, family: Family, readers: Readers, units: Mapping[str, Sequence[Unit]]) -> Losses:
    """Ablate units (emotion -> units) one at a time on texts of their emotion, of both sides of the split."""
    rows, lost = {}, {}
    edits = {unit: _ablation(family, readers, unit) for of_emotion in units.values() for unit in of_emotion}
    for i, emotion in enumerate(family.values):
        of_emotion = np.flatnonzero(family.member[:, i])
        sides = [of_emotion[family.chooses[of_emotion] == side][:MOST] for side in (True, False)]
        rows[emotion] = np.sort(np.concatenate(sides))
        questions = Questions.of(study, family.text[rows[emotion]])
        chosen = list(dict.fromkeys(units[emotion]))
        logits = logits_of_each(questions, [{}, *(edits[unit] for unit in chosen)], "answer")
        before = log_odds(logits[0], questions.gold)
        for unit, after in zip(chosen, logits[1:], strict=True):
            lost[emotion, unit] = before - log_odds(after, questions.gold)
    return Losses(rows, lost)


def _ablation(family: Family, readers: Readers, unit: Unit) -> Edits:
    """Move a unit to its mean over the texts that choose on the page's own division."""
    reader, point, number = unit
    sae, x = readers[reader, point]
    index = torch.tensor(halves(sae, number))
    mean = encode_some(sae, x[torch.from_numpy(family.text[family.chooses])], index).mean(0)
    return {point: MoveFeatures(sae, index, offset=mean)}
