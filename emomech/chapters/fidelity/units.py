"""The best unit of each kind for every value of every label family.

A unit is chosen on some texts and scored on others. Feature, sign, threshold and hook point are all chosen on the same
texts, so a score is free of the luck of the choice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
import scipy.sparse as sp
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Corpus
from emomech.stats.auroc import Bools, Detector, auroc, aurocs, members
from emomech.stats.estimates import Estimate, Floats
from emomech.stats.ranks import Ranks

MIN_VALUE = 20
"""Fewest texts of a value on each of the two splits; rarer values are left out."""
EMOTION = "emotion"
"""Name of the label family of the answer."""


@dataclass(frozen=True)
class Family:
    """A label family on the texts that carry it."""

    name: str
    values: tuple[str, ...]
    text: np.ndarray
    """Number of each text in the corpus (text)."""
    member: Bools
    """Which texts have which value (text, value)."""
    chooses: Bools
    """Texts that units are chosen on; the others are scored (text)."""

    @property
    def separated(self) -> list[int]:
        """Values to separate from the others: all of them, or the rarer of two, since the other is its complement."""
        return list(range(len(self.values))) if len(self.values) > 2 else [int(self.member.sum(0).argmin())]

    def divided_again(self, seed: int) -> "Family":
        """Divide the texts of each value anew at random, with as many on each side as before."""
        rng = np.random.default_rng(seed)
        chooses = self.chooses.copy()
        for of_value in self.member.T:
            chooses[of_value] = rng.permutation(self.chooses[of_value])
        return replace(self, chooses=chooses)


@dataclass(frozen=True)
class BestUnit:
    """The best unit of one kind at one hook point for one value."""

    family: str
    value: str
    unit: int
    """Number of the feature, direction or dimension."""
    auroc: Estimate
    f1: float
    chosen_auroc: float
    """AUROC on the texts that the unit was chosen on."""
    score: Floats
    """Score of each text that did not choose (text)."""
    member: Bools
    """Which of these texts have the value (text)."""

    @property
    def key(self) -> tuple[str, str]:
        """Label family and value, as the page shows them."""
        return self.family.replace("_", " "), self.value

    @property
    def columns(self) -> dict[str, object]:
        """Family, value and scores: columns that several tables share."""
        family, value = self.key
        ends = {"low": self.auroc.low, "high": self.auroc.high}
        scores = {"auroc": self.auroc.value, **ends, "f1": self.f1, "n": self.auroc.n}
        return {"family": family, "value": value, **scores}


R = TypeVar("R", bound=str)
Units: TypeAlias = sp.csr_array | Floats
"""Activations (text, unit); sparse ones are never negative."""
Chosen: TypeAlias = dict[tuple[R, str, str], tuple[HookPoint, BestUnit]]
"""The best hook point and the best unit there, by reader, family and value."""


def families_of(corpus: Corpus, seed: int) -> list[Family]:
    """Label families of the answer, the emotion and the gold tags, on one text per cluster.

    Raises UsageError if no family has two values with `MIN_VALUE` texts or more on both splits.
    """
    order = np.random.default_rng(seed).permutation(len(corpus.examples))
    texts = np.array(sorted({corpus.examples[i].cluster: int(i) for i in order}.values()))
    split = np.array([corpus.split(corpus.examples[i], seed) for i in texts])
    tags = [{**corpus.examples[i].answer_tags, EMOTION: corpus.examples[i].label} for i in texts]
    families = []
    for name in dict.fromkeys(name for text in tags for name in text):
        value = np.array([text.get(name, "") for text in tags])
        sides = [value[split == side] for side in ("discover", "report")]
        values = [v for v in np.unique(value) if v and min((side == v).sum() for side in sides) >= MIN_VALUE]
        used = np.isin(value, values) & (split != "tune")
        if len(values) > 1:
            member = members(np.searchsorted(values, value[used]), len(values))
            families.append(Family(name, tuple(map(str, values)), texts[used], member, split[used] == "discover"))
    if not families:
        raise UsageError(
            f"corpus {corpus.name!r}: no label family has two values with {MIN_VALUE} texts or more on both the "
            "discover and the report split. Take more texts."
        )
    return families


def best_units(families: Sequence[Family], units: Sequence[Units]) -> Iterator[BestUnit]:
    """Choose and score the best unit for each value; `units` holds activations (text, unit) for each family."""
    for family, every, choices in zip(families, units, choices_of(families, units), strict=True):
        chooses, x = family.chooses, every[family.text]
        for i, choice in choices.items():
            column, member = _column(x, choice.unit), family.member[:, i]
            (detector,) = Detector.find(column[chooses], member[chooses, None])
            score, right = detector.scores(column[~chooses]), member[~chooses]
            f1, measured = detector.f1(column[~chooses], right), auroc(score, right)
            yield BestUnit(family.name, family.values[i], choice.unit, measured, f1, choice.auroc, score, right)


@dataclass(frozen=True)
class Choice:
    """The unit that separates a value best on the texts that choose."""

    unit: int
    sign: int
    """1 if the unit is higher on texts of the value, -1 if it is lower."""
    auroc: float
    """On the texts that choose."""

    def auroc_elsewhere(self, family: Family, value: int, every: Units) -> float:
        """AUROC on the texts that did not choose, from activations (text, unit)."""
        scored = ~family.chooses
        column = self.sign * _column(every[family.text[scored]], self.unit)
        return float(aurocs(column, family.member[scored][:, [value]])[0, 0])


def choices_of(families: Sequence[Family], units: Sequence[Units]) -> Iterator[dict[int, Choice]]:
    """Choose the best unit for each value of each family; the units are (text, unit) for each family."""
    found: dict[bytes, Ranks] = {}
    for family, every in zip(families, units, strict=True):
        index, quality = _qualities(every[family.text[family.chooses]], family, found)
        best = np.abs(quality - 0.5).argmax(1) if len(index) else np.zeros(len(quality), dtype=int)
        choices = {}
        for i in family.separated:
            at = quality[i, best[i]] if len(index) else 0.5
            choices[i] = Choice(int(index[best[i]]) if len(index) else 0, 1 if at >= 0.5 else -1, max(at, 1 - at))
        yield choices


def _qualities(x: Units, family: Family, found: dict[bytes, Ranks]) -> tuple[np.ndarray, Floats]:
    """Numbers of the units (unit) and their AUROC for every value (value, unit), on the texts that choose.

    `found` keeps the ranks of texts that several families share.
    """
    member = family.member[family.chooses]
    if not isinstance(x, sp.csr_array):
        return np.arange(x.shape[1]), aurocs(x, member)
    key = family.text[family.chooses].tobytes()
    if key not in found:
        found[key] = Ranks.of(x)
    return found[key].feature, found[key].aurocs(member)


def _column(x: Units, unit: int) -> Floats:
    """Activations of one unit (text, 1)."""
    return x[:, [unit]].toarray() if isinstance(x, sp.csr_array) else x[:, [unit]]


def probe_scores(activations: torch.Tensor, families: Sequence[Family]) -> list[Floats]:
    """Fit a logistic regression per family; its log-probability of each value for all texts (text, value)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = []
    for family in families:
        x = activations[torch.from_numpy(family.text)].numpy()
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        probe.fit(x[family.chooses], family.member[family.chooses].argmax(1))
        log_probs = np.zeros((int(family.text.max()) + 1, len(family.values)))
        log_probs[family.text] = probe.predict_log_proba(x)
        scores.append(log_probs)
    return scores


def best_hook_points(units: Mapping[tuple[R, HookPoint], Iterable[BestUnit]]) -> Chosen[R]:
    """For each reader and value, choose the hook point with the highest AUROC on the texts that units are chosen on."""
    chosen: Chosen[R] = {}
    for (reader, point), best in units.items():
        for unit in best:
            key = (reader, *unit.key)
            if key not in chosen or unit.chosen_auroc > chosen[key][1].chosen_auroc:
                chosen[key] = (point, unit)
    return chosen
