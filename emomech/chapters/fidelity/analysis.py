"""Do single SAE features stand for annotated properties of a text? A test of the instrument before it is used.

For every value of every label family, the best single feature of each hook point is the one whose activation best
separates texts with the value from the others. Feature, sign, threshold and hook point are chosen on the `discover`
split; AUROC and F1 are measured on `report`. The same is done with four comparisons: random directions in place of the
SAE, random directions in a network with random weights, the dimensions of the residual stream, and a linear probe,
which may combine all dimensions.

Everything is read at the answer, where the token is the same in every text and carries no information.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
import torch

from emomech.chapters import sae_quality
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Corpus
from emomech.models.activations import collect
from emomech.models.language_model import randomised
from emomech.saes.compatibility import check_quality
from emomech.saes.controls import random_like
from emomech.saes.quality import Quality, qualities
from emomech.stats.auroc import Bools, Detector, auroc, auroc_difference, members
from emomech.stats.estimates import Estimate, Floats
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.study.study import Study

Reader = Literal["SAE features", "random directions", "residual dimensions", "linear probe", "random weights"]
"""The units that are read: features of the SAE; the same number of random directions, equally sparse; dimensions of the
residual stream; a logistic regression on all dimensions; random directions in the same network with random weights."""
FEATURES: Reader = "SAE features"
MIN_VALUE = 20
"""Fewest texts of a value on each of the two splits; rarer values are left out."""
N_GATE_TEXTS = 100
"""Texts on which the quality of the SAEs is measured."""
_VALUE = {"family": "label family", "value": "value of the family that is separated from the others"}
_SCORES = {
    "auroc": "area under the ROC curve, on texts that were not used to choose the unit",
    **INTERVAL,
    "f1": "F1 at the threshold that was best on the texts used to choose it",
    "n": "number of texts with the value",
}
_READER = {"reader": "kind of unit that is read"}
DETECTION = Schema(
    keys={**_READER, "hook_point": "place in the model", **_VALUE},
    values={"depth": DEPTH, **_SCORES},
)
ADVANTAGE = Schema(
    keys={"baseline": "kind of unit that the SAE features are compared with", **_VALUE},
    values={
        "difference": "AUROC of the best SAE feature minus that of the baseline's best unit, on the same texts",
        **INTERVAL,
        "n": "number of texts with the value",
    },
)
BEST = Schema(
    keys={**_READER, **_VALUE},
    values={"hook_point": "place in the model at which the best unit was chosen", "depth": DEPTH, **_SCORES},
)
QUALITY = Schema(
    keys={"dictionary": "the SAE, or random directions in its place", "hook_point": "place in the model"},
    values=sae_quality.COLUMNS,
)


@dataclass(frozen=True)
class Fidelity:
    """How well single units stand for annotated properties of the texts, and how well each SAE reads the model."""

    best: Annotated[pd.DataFrame, BEST]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    detection: Annotated[pd.DataFrame, DETECTION]
    quality: Annotated[pd.DataFrame, QUALITY]


@dataclass(frozen=True)
class _Family:
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


@dataclass(frozen=True)
class _BestUnit:
    """The best unit of one kind at one hook point for one value."""

    family: str
    value: str
    auroc: Estimate
    f1: float
    chosen_auroc: float
    """AUROC on the texts that the unit was chosen on."""
    score: Floats
    """Score of each `report` text (text)."""
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


_BestUnits: TypeAlias = Mapping[tuple[Reader, HookPoint], Sequence[_BestUnit]]
"""The best unit for every value, by reader and hook point."""


def fidelity(study: Study, *, n_resamples: int = 400) -> Fidelity:
    """Choose and score the best unit of each kind, at each hook point, for every value of every label family.

    Differences between kinds of units have intervals from `n_resamples` bootstrap draws of the `report` texts.
    Raises UsageError for an SAE that does not fit the model on these texts, and if no family has two values with
    20 texts or more on both splits.
    """
    lm, saes, seed = study.lm, study.saes, study.spec.seed
    families = _families(study.corpus, seed)
    questions = study.tokens
    ends = [[len(question.ids) - 1] for question in questions]
    activations = collect(lm, list(saes), questions, ends)
    untrained = collect(randomised(lm, seed), list(saes), questions, ends)
    texts = [example.text for example in study.corpus.examples[:N_GATE_TEXTS]]
    quality = qualities(lm, saes, texts)
    check_quality(quality, saes, override=study.settings.force)
    units: dict[tuple[Reader, HookPoint], list[_BestUnit]] = {}
    random = {}
    for measured in quality:
        point, sae, l0 = measured.point, saes[measured.point], measured.l0
        x = activations[point]
        random[point] = random_like(sae, x, seed, l0=l0)
        readers: dict[Reader, torch.Tensor] = {
            "SAE features": sae.encode(x),
            "random directions": random[point].encode(x),
            "residual dimensions": x,
            "random weights": random_like(sae, untrained[point], seed, l0=l0).encode(untrained[point]),
        }
        for reader in get_args(Reader):
            probe = _probe_scores(x, families) if reader == "linear probe" else None
            units[reader, point] = list(_best_units(families, probe or [readers[reader].numpy()] * len(families)))
    depth = {point: point.depth(lm.n_layers) for point in saes}
    chosen = _best_hook_points(units)
    return Fidelity(
        best=_best(chosen, depth),
        advantage=_advantage(chosen, n_resamples, seed),
        detection=_detection(units, depth),
        quality=_quality(quality, qualities(lm, random, texts), lm.n_layers),
    )


def _families(corpus: Corpus, seed: int) -> list[_Family]:
    """Label families of the answer, the emotion and the gold tags, on one text per cluster."""
    order = np.random.default_rng(seed).permutation(len(corpus.examples))
    texts = np.array(sorted({corpus.examples[i].cluster: int(i) for i in order}.values()))
    split = np.array([corpus.split(corpus.examples[i], seed) for i in texts])
    tags = [{**corpus.examples[i].answer_tags, "emotion": corpus.examples[i].label} for i in texts]
    families = []
    for name in dict.fromkeys(name for text in tags for name in text):
        value = np.array([text.get(name, "") for text in tags])
        sides = [value[split == side] for side in ("discover", "report")]
        values = [v for v in np.unique(value) if v and min((side == v).sum() for side in sides) >= MIN_VALUE]
        used = np.isin(value, values) & (split != "tune")
        if len(values) > 1:
            member = members(np.searchsorted(values, value[used]), len(values))
            families.append(_Family(name, tuple(map(str, values)), texts[used], member, split[used] == "discover"))
    if not families:
        raise UsageError(
            f"corpus {corpus.name!r}: no label family has two values with {MIN_VALUE} texts or more on both the "
            "discover and the report split. Take more texts."
        )
    return families


def _probe_scores(activations: torch.Tensor, families: Sequence[_Family]) -> list[Floats]:
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


def _best_units(families: Sequence[_Family], units: Sequence[Floats]) -> Iterator[_BestUnit]:
    """Choose and score the best unit for each value; `units` holds activations (text, unit) for each family."""
    for family, all_activations in zip(families, units, strict=True):
        activations, chooses = all_activations[family.text], family.chooses
        detectors = Detector.find(activations[chooses], family.member[chooses])
        for i in family.separated:
            detector, member = detectors[i], family.member[:, i]
            chosen_auroc = auroc(detector.scores(activations[chooses]), member[chooses]).value
            score, right = detector.scores(activations[~chooses]), member[~chooses]
            f1 = detector.f1(activations[~chooses], right)
            yield _BestUnit(family.name, family.values[i], auroc(score, right), f1, chosen_auroc, score, right)


def _detection(units: _BestUnits, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [
        {"reader": reader, "hook_point": str(point), "depth": depth[point], **unit.columns}
        for (reader, point), best in units.items()
        for unit in best
    ]
    return frame(DETECTION, rows)


_Chosen: TypeAlias = Mapping[tuple[str, str, str], tuple[HookPoint, _BestUnit]]
"""The best hook point and the best unit there, by reader, family and value."""


def _best_hook_points(units: _BestUnits) -> _Chosen:
    """For each reader and value, choose the hook point with the highest AUROC on the texts that units are chosen on."""
    chosen: dict[tuple[str, str, str], tuple[HookPoint, _BestUnit]] = {}
    for (reader, point), best in units.items():
        for unit in best:
            key = (reader, *unit.key)
            if key not in chosen or unit.chosen_auroc > chosen[key][1].chosen_auroc:
                chosen[key] = (point, unit)
    return chosen


def _best(chosen: _Chosen, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [
        {"reader": reader, "hook_point": str(point), "depth": depth[point], **unit.columns}
        for (reader, _, _), (point, unit) in chosen.items()
    ]
    return frame(BEST, rows)


def _advantage(chosen: _Chosen, n_resamples: int, seed: int) -> pd.DataFrame:
    rows = []
    for (reader, family, value), (_, other) in chosen.items():
        if reader != FEATURES:
            feature = chosen[FEATURES, family, value][1]
            gain = auroc_difference(feature.score, other.score, feature.member, n_resamples, seed)
            rows.append({"baseline": reader, "family": family, "value": value, "difference": gain, "n": gain.n})
    return frame(ADVANTAGE, rows)


def _quality(saes: Sequence[Quality], random: Sequence[Quality], n_layers: int) -> pd.DataFrame:
    rows = [
        {
            "dictionary": name,
            "hook_point": str(quality.point),
            **sae_quality.cells(quality, n_layers),
        }
        for name, measured in (("SAE", saes), ("random directions", random))
        for quality in measured
    ]
    return frame(QUALITY, rows)
