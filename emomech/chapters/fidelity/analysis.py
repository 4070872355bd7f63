"""Do single features stand for what is known of a text? The measure of the instrument, before it is used.

Texts whose annotation is known say, for every value of every label family, how well the best single feature of each
layer tells it from the others. Feature, sign, threshold and layer are chosen on the `discover` split; AUROC and F1
are of the `report` split. The same is done with random directions in place of the SAE, in the model and in a network
with random weights; with the dimensions of the residual stream; and with a linear probe, which may use them all.

All is read at the answer, where the token is the same in every text and tells nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Corpus
from emomech.models.activations import collect
from emomech.models.language_model import randomised
from emomech.saes.compatibility import check_quality
from emomech.saes.controls import random_sae
from emomech.saes.quality import Quality, qualities
from emomech.stats.auroc import Bools, Detector, auroc, auroc_difference, members
from emomech.stats.estimates import Estimate, Floats
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.study.study import Study

Reader = Literal["SAE features", "random directions", "residual dimensions", "linear probe", "random weights"]
"""What is read: the SAE's features; as many random directions, as sparse; the stream's dimensions; a
logistic regression on them; random directions in the same network with its weights drawn again."""
FEATURES: Reader = "SAE features"
MIN_VALUE = 20
"""A value with fewer texts in either split is left out."""
N_GATE_TEXTS = 100
_LATENT = {"family": "label family", "value": "which of its values is told from the others"}
_SCORES = {
    "auroc": "area under the ROC curve, other texts than it was chosen on",
    **INTERVAL,
    "f1": "F1 at the threshold that was best where it was chosen",
    "n": "texts of the value",
}
DETECTION = Schema(
    keys={"reader": "what is read", "hook_point": "where in the model", **_LATENT},
    values={"depth": DEPTH, **_SCORES},
)
ADVANTAGE = Schema(
    keys={"baseline": "what the SAE features are compared with", **_LATENT},
    values={"difference": "the best feature's AUROC less the baseline's best, same texts", **INTERVAL, "n": "texts"},
)
BEST = Schema(
    keys={"reader": "what is read", **_LATENT},
    values={"hook_point": "where it reads best, as chosen", "depth": DEPTH, **_SCORES},
)
QUALITY = Schema(
    keys={"dictionary": "the SAE, or random directions in its place", "hook_point": "where it stands"},
    values={
        "depth": DEPTH,
        "l0": "active features per token",
        "fvu": "fraction of variance unexplained",
        "dead": "share of features that never fire here",
        "loss_recovered": "1: its reconstruction costs no cross-entropy; 0: as bad as the mean activation",
    },
)


@dataclass(frozen=True)
class Fidelity:
    """How well single units stand for what is known of the texts, and how well each SAE reads the model."""

    best: Annotated[pd.DataFrame, BEST]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    detection: Annotated[pd.DataFrame, DETECTION]
    quality: Annotated[pd.DataFrame, QUALITY]


@dataclass(frozen=True)
class _Latent:
    """A label family on the texts that carry it: class numbers (text), and those for choice and for scores."""

    family: str
    values: tuple[str, ...]
    text: np.ndarray
    member: Bools
    chooses: Bools
    """(text); the others score."""

    @property
    def told(self) -> list[int]:
        """Which values are told from the others: all, or the rarer of two, which says all of the other."""
        return list(range(len(self.values))) if len(self.values) > 2 else [int(self.member.sum(0).argmin())]


@dataclass(frozen=True)
class _Found:
    """How well the best unit of one kind at one hook point tells one value."""

    family: str
    value: str
    auroc: Estimate
    f1: float
    chosen_auroc: float
    """AUROC on the texts that it was chosen on."""
    told: Floats
    """Its score of each text that scores it (text)."""
    member: Bools
    """Which of them have the value (text)."""

    @property
    def latent(self) -> tuple[str, str]:
        """Name it as the page shows it: (family, value)."""
        return self.family.replace("_", " "), self.value

    @property
    def scores(self) -> tuple[float, float, float, float, int]:
        """Give what the tables hold of it, as `_SCORES` lists it."""
        return self.auroc.value, self.auroc.low, self.auroc.high, self.f1, self.auroc.n


_Places: TypeAlias = Mapping[tuple[str, HookPoint], Sequence[_Found]]
"""What was found, by reader and hook point."""


def fidelity(study: Study, *, n_resamples: int = 400) -> Fidelity:
    """Find for every value of every family the best unit of each kind at each hook point.

    Differences between readers have intervals from `n_resamples` bootstrap draws of the texts that score.
    Raises UsageError for an SAE that does not fit the model on these texts, and where no family has two values of
    20 texts or more on both sides of the split.
    """
    lm, saes, seed = study.lm, study.saes, study.spec.seed
    latents = _latents(study.corpus, seed)
    questions = study.tokens
    ends = [[len(question.ids) - 1] for question in questions]
    activations = collect(lm, list(saes), questions, ends)
    untrained = collect(randomised(lm, seed), list(saes), questions, ends)
    texts = [example.text for example in study.corpus.examples[:N_GATE_TEXTS]]
    quality = qualities(lm, saes, texts)
    check_quality(quality, saes)
    found: dict[tuple[str, HookPoint], list[_Found]] = {}
    random = {}
    for measured in quality:
        point, sae, l0 = measured.point, saes[measured.point], measured.l0
        random[point] = random_sae(point, activations[point], sae.d_sae, l0, seed)
        units: dict[Reader, torch.Tensor] = {
            "SAE features": sae.encode(activations[point]),
            "random directions": random[point].encode(activations[point]),
            "residual dimensions": activations[point],
            "random weights": random_sae(point, untrained[point], sae.d_sae, l0, seed).encode(untrained[point]),
        }
        for reader in get_args(Reader):
            read = _probe_scores(activations[point], latents) if reader == "linear probe" else None
            rows = _detected(latents, read or [units[reader].numpy()] * len(latents))
            found[reader, point] = list(rows)
    depth = {point: point.depth(lm.n_layers) for point in saes}
    chosen = _chosen(found)
    return Fidelity(
        best=_best(chosen, depth),
        advantage=_advantage(chosen, n_resamples, seed),
        detection=_detection(found, depth),
        quality=_quality(quality, qualities(lm, random, texts), depth),
    )


def _latents(corpus: Corpus, seed: int) -> list[_Latent]:
    """Gather what is known of each text's answer: the emotion and the gold tags, one text per cluster."""
    order = np.random.default_rng(seed).permutation(len(corpus.examples))
    texts = np.array(sorted({corpus.examples[i].cluster: int(i) for i in order}.values()))
    split = np.array([corpus.split(corpus.examples[i], seed) for i in texts])
    told = [{**corpus.examples[i].answer_tags, "emotion": corpus.examples[i].label} for i in texts]
    found = []
    for family in dict.fromkeys(name for tags in told for name in tags):
        value = np.array([tags.get(family, "") for tags in told])
        sides = [value[split == side] for side in ("discover", "report")]
        names = [v for v in np.unique(value) if v and min((side == v).sum() for side in sides) >= MIN_VALUE]
        used = np.isin(value, names) & (split != "tune")
        if len(names) > 1:
            member = members(np.searchsorted(names, value[used]), len(names))
            found.append(_Latent(family, tuple(map(str, names)), texts[used], member, split[used] == "discover"))
    if not found:
        raise UsageError(
            f"corpus {corpus.name!r}: of none of its label families do two values have {MIN_VALUE} texts on both "
            "sides of the split. Take more texts."
        )
    return found


def _probe_scores(activations: torch.Tensor, latents: Sequence[_Latent]) -> list[Floats]:
    """Fit a logistic regression per family; its score of each value (text, value), for all texts."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = []
    for latent in latents:
        inputs = activations[torch.from_numpy(latent.text)].numpy()
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        probe.fit(inputs[latent.chooses], latent.member[latent.chooses].argmax(1))
        scores = np.zeros((int(latent.text.max()) + 1, len(latent.values)))
        scores[latent.text] = probe.predict_log_proba(inputs)
        found.append(scores)
    return found


def _detected(latents: Sequence[_Latent], units: Sequence[Floats]) -> Iterator[_Found]:
    """Choose and score a detector of each value."""
    for latent, read in zip(latents, units, strict=True):
        here, chooses = read[latent.text], latent.chooses
        detectors = Detector.find(here[chooses], latent.member[chooses])
        for i in latent.told:
            value, detector = latent.values[i], detectors[i]
            member = latent.member[:, i]
            chosen = auroc(detector.scores(here[chooses]), member[chooses]).value
            told, right = detector.scores(here[~chooses]), member[~chooses]
            f1 = detector.f1(here[~chooses], right)
            yield _Found(latent.family, value, auroc(told, right), f1, chosen, told, right)


def _detection(found: _Places, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [
        (reader, str(point), *one.latent, depth[point], *one.scores)
        for (reader, point), here in found.items()
        for one in here
    ]
    return frame(DETECTION, rows)


_Chosen: TypeAlias = Mapping[tuple[str, str, str], tuple[HookPoint, _Found]]
"""The best hook point and what was found there, by reader, family and value."""


def _chosen(found: _Places) -> _Chosen:
    """Keep of each reader and value the hook point at which it was best where it was chosen."""
    kept: dict[tuple[str, str, str], tuple[HookPoint, _Found]] = {}
    for (reader, point), here in found.items():
        for one in here:
            key = (reader, *one.latent)
            if key not in kept or one.chosen_auroc > kept[key][1].chosen_auroc:
                kept[key] = (point, one)
    return kept


def _best(chosen: _Chosen, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [(*key, str(point), depth[point], *one.scores) for key, (point, one) in chosen.items()]
    return frame(BEST, rows)


def _advantage(chosen: _Chosen, n_resamples: int, seed: int) -> pd.DataFrame:
    rows = []
    for (reader, *latent), (_, other) in chosen.items():
        if reader != FEATURES:
            one = chosen[FEATURES, latent[0], latent[1]][1]
            gain = auroc_difference(one.told, other.told, one.member, n_resamples, seed)
            rows.append((reader, *latent, gain, gain.n))
    return frame(ADVANTAGE, rows)


def _quality(saes: Sequence[Quality], random: Sequence[Quality], depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [
        (name, str(q.point), depth[q.point], q.l0, q.fvu, q.dead, q.loss_recovered)
        for name, found in (("SAE", saes), ("random directions", random))
        for q in found
    ]
    return frame(QUALITY, rows)
