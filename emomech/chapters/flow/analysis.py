"""Claim C1: is a text processed as syntax, then semantics, then emotion, layer by layer?

At each hook point the SAE features are tested for every label family, on the same number of reads and, where the texts
are annotated for all families, on the same texts. The share of active features that are selective, beyond a permutation
null, is the family's profile in depth. The profile of a stage is the mean of its families. The verdict rests on three
things: the order of the stages' depth centres of gravity; the number of phases of layers, one to five, that best
predicts the profile of held-out texts, in comparison with a straight ramp; and the same measures in controls in which
nothing was learned.

No parameter is fitted to these texts and nothing is selected on them, so all splits are used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import pandas as pd

from emomech.chapters import sae_quality
from emomech.chapters.conditions import (
    CONDITIONS,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SHUFFLED_LABELS,
    TRAINED,
    Condition,
)
from emomech.chapters.flow.profiles import (
    PlaceProfiles,
    ReadActivations,
    Resamples,
    held_out_errors,
    measure,
    with_labels_permuted_in_strata,
)
from emomech.chapters.flow.reads import STAGES, FamilyReads, UntestedFamily, choose_reads, stage_of
from emomech.chapters.flow.texts import LabelledTexts
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.compatibility import check_quality
from emomech.saes.controls import random_like
from emomech.saes.quality import Quality, qualities
from emomech.stats.estimates import Floats, standard_interval
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.study.study import Study

CONTRASTS: Mapping[str, tuple[str, str]] = {
    "semantics − syntax": ("semantics", "syntax"),
    "emotion − semantics": ("emotion", "semantics"),
    "emotion − syntax": ("emotion", "syntax"),
}
N_GATE_TEXTS = 200
"""Texts of each kind on which the quality of the SAEs is measured."""
_PLACE = {
    "condition": "the trained model with its SAEs, or a control",
    "where": "place that is read: the words that carry a family's tags, or the answer",
}
_STAGE = {"stage": "stage, the mean of its label families"}
_N_READS = {"n": "number of reads of each family"}
PROFILE = Schema(
    keys=_PLACE | {"hook_point": "place in the model", "family": "label family"},
    values={
        "stage": "stage that the family stands for",
        "depth": DEPTH,
        "n_selective": "number of features selective beyond the null; by chance, one cell in twenty has at least one",
        "n_active": "features that fire on at least one read",
        "share": "share of active features that are selective",
        **INTERVAL,
    },
)
STAGE_PROFILE = Schema(
    keys=_PLACE | _STAGE | {"depth": DEPTH},
    values={"share": "share of active features that are selective", **INTERVAL},
)
CENTRES = Schema(
    keys=_PLACE | _STAGE,
    values={
        "centre": "depth centre of gravity of the profile; undefined if no more features are selective than by chance",
        **INTERVAL,
        **_N_READS,
    },
)
DIFFERENCES = Schema(
    keys=_PLACE | {"contrast": "the two stages whose centres are subtracted"},
    values={"difference": "difference between the two centres, in units of model depth", **INTERVAL, **_N_READS},
)
PHASES = Schema(
    keys=_PLACE | {"form": "shape of the profile: K constant phases of layers, or a straight line in depth"},
    values={
        "error": "squared error on the other half of the texts, relative to that of one constant phase",
        "starts": "depth at which each phase begins, fitted on all texts",
    },
)
FAMILIES = Schema(
    keys={"where": _PLACE["where"], "family": "label family"},
    values={
        "stage": "stage that the family stands for",
        "n": "number of reads, one per text",
        "classes": "classes that are compared",
        "untested": "why the family cannot be tested on these texts; empty if it can",
    },
)
TEXTS = Schema(
    keys={"stage": "stage of the claim, or its baseline"},
    values={
        "families": "label families that stand for the stage",
        "texts": "source of the texts on which the families are read",
        "labels": "source of the labels of these texts' words",
        "n_texts": "number of these texts",
        "n_tested": "number of families that can be tested, at the words or at the answer",
    },
)
QUALITY = Schema(
    keys={"hook_point": "place of the SAE in the model"},
    values=sae_quality.COLUMNS,
)


@dataclass(frozen=True)
class Flow:
    """Depth profile of each stage, in the trained model and in the controls."""

    profile: Annotated[pd.DataFrame, PROFILE]
    stages: Annotated[pd.DataFrame, STAGE_PROFILE]
    centres: Annotated[pd.DataFrame, CENTRES]
    differences: Annotated[pd.DataFrame, DIFFERENCES]
    phases: Annotated[pd.DataFrame, PHASES]
    families: Annotated[pd.DataFrame, FAMILIES]
    texts: Annotated[pd.DataFrame, TEXTS]
    quality: Annotated[pd.DataFrame, QUALITY]


_Profiles: TypeAlias = Mapping[Condition, Sequence[PlaceProfiles]]


def flow(study: Study, *, n_permutations: int = 200, n_resamples: int = 200) -> Flow:
    """Profile the trained model and three controls in depth.

    The null has `n_permutations` permutations of the labels; intervals have `n_resamples` bootstrap draws of whole
    clusters. Raises UsageError for an SAE that does not fit the model on these texts.
    """
    lm, saes, seed = study.lm, study.saes, study.spec.seed
    texts = LabelledTexts.of(study)
    quality = qualities(lm, saes, texts.first(N_GATE_TEXTS))
    check_quality(quality, saes, override=study.settings.force)
    tested, untested = choose_reads(texts.examples, texts.questions, seed, texts.numbers)
    resamples = Resamples.of([example.cluster for example in texts.examples], n_resamples, seed)
    l0 = {measured.point: max(1, round(measured.l0)) for measured in quality}

    def profile(condition: Condition) -> list[PlaceProfiles]:
        model = randomised(lm, seed) if condition == RANDOM_WEIGHTS else lm
        reads = ReadActivations.of(model, list(saes), texts.questions, tested)
        dictionaries = saes
        if condition in (RANDOM_DICTIONARY, RANDOM_WEIGHTS):
            dictionaries = {p: random_like(sae, reads.activations[p], seed, l0=l0[p]) for p, sae in saes.items()}
        labelled = tested
        if condition == SHUFFLED_LABELS:
            labelled = [with_labels_permuted_in_strata(family, seed) for family in tested]
        return list(measure(reads, dictionaries, labelled, resamples, n_permutations, seed))

    profiles: _Profiles = {condition: profile(condition) for condition in CONDITIONS} if tested else {}
    return Flow(
        profile=_profile(profiles, list(saes)),
        stages=_stages(profiles),
        centres=_centres(profiles),
        differences=_differences(profiles),
        phases=_phases(profiles),
        families=_families(tested, untested),
        texts=_texts(texts, tested),
        quality=_quality(quality, lm),
    )


def _places(profiles: _Profiles) -> Iterator[tuple[dict[str, object], PlaceProfiles]]:
    """Every condition and place: the first two columns of a row, and the profiles there."""
    for condition, places in profiles.items():
        for place in places:
            yield {"condition": condition, "where": place.where}, place


def _estimate(column: str, values: Floats, least: float = 0) -> dict[str, object]:
    """Columns for a value and its 95 % interval, cut to [`least`, 1].

    `values` (row) are those of the full sample and of the resamples, as in `Resamples`.
    """
    estimate = standard_interval(values[0], Resamples.draws(values), 0, (least, 1))
    return {column: estimate.value, "low": estimate.low, "high": estimate.high}


def _profile(profiles: _Profiles, points: Sequence[HookPoint]) -> pd.DataFrame:
    rows = [
        {
            **keys,
            "hook_point": str(point),
            "family": _words(f.family),
            "stage": stage_of(f.family),
            "depth": place.depth[layer],
            "n_selective": int(f.n_selective[0, layer]),
            "n_active": int(f.n_active[layer]),
            **_estimate("share", f.share[:, layer]),
        }
        for keys, place in _places(profiles)
        for f in place.families
        for layer, point in enumerate(points)
    ]
    return frame(PROFILE, rows)


def _stages(profiles: _Profiles) -> pd.DataFrame:
    rows = [
        {**keys, "stage": stage, "depth": depth, **_estimate("share", shares[:, layer])}
        for keys, place in _places(profiles)
        for stage, shares in place.stages().items()
        for layer, depth in enumerate(place.depth)
    ]
    return frame(STAGE_PROFILE, rows)


def _centres(profiles: _Profiles) -> pd.DataFrame:
    rows = [
        {**keys, "stage": stage, **_estimate("centre", centres), "n": place.n_reads}
        for keys, place in _places(profiles)
        for stage, centres in place.centres().items()
    ]
    return frame(CENTRES, rows)


def _differences(profiles: _Profiles) -> pd.DataFrame:
    rows = []
    for keys, place in _places(profiles):
        centres = place.centres()
        for contrast, (later, earlier) in CONTRASTS.items():
            if later in centres and earlier in centres:
                difference = _estimate("difference", centres[later] - centres[earlier], least=-1)
                rows.append({**keys, "contrast": contrast, **difference, "n": place.n_reads})
    return frame(DIFFERENCES, rows)


def _phases(profiles: _Profiles) -> pd.DataFrame:
    rows = [
        {**keys, "form": form, "error": error, "starts": starts}
        for keys, place in _places(profiles)
        for form, error, starts in held_out_errors(place)
    ]
    return frame(PHASES, rows)


def phase_starts(phases: pd.DataFrame, n_phases: int = 3, where: str = "answer") -> list[float]:
    """Depths at which `n_phases` phases of the trained model begin, from the table `Flow.phases`; empty without a row.

    Example:
        >>> from emomech.chapters.flow.analysis import PHASES, phase_starts
        >>> from emomech.stats.tables import frame
        >>> keys = {"condition": "trained", "where": "answer", "form": "K=3"}
        >>> phase_starts(frame(PHASES, [keys | {"error": 0.2, "starts": "0.00 0.40 0.75"}]))
        [0.0, 0.4, 0.75]
    """
    of_form = (phases.condition == TRAINED) & (phases["where"] == where) & (phases.form == f"K={n_phases}")
    rows = phases[of_form]
    return [float(start) for start in rows.starts.iloc[0].split()] if len(rows) else []


def _families(tested: Sequence[FamilyReads], untested: Sequence[UntestedFamily]) -> pd.DataFrame:
    rows = [{**_family(f), "n": len(f.text), "classes": _words(", ".join(f.classes)), "untested": ""} for f in tested]
    rows += [{**_family(f), "n": 0, "classes": "", "untested": f.reason} for f in untested]
    return frame(FAMILIES, rows)


def _family(family: FamilyReads | UntestedFamily) -> dict[str, object]:
    return {"where": family.where, "family": _words(family.family), "stage": stage_of(family.family)}


def _texts(texts: LabelledTexts, tested: Sequence[FamilyReads]) -> pd.DataFrame:
    testable = {family.family for family in tested}
    rows = []
    for stage, families in STAGES.items():
        kind = texts.kind_of[families[0]]
        rows.append(
            {
                "stage": stage,
                "families": _words(", ".join(families)),
                "texts": kind.texts,
                "labels": kind.labels,
                "n_texts": len(kind.numbers),
                "n_tested": len(testable & set(families)),
            }
        )
    return frame(TEXTS, rows)


def _words(name: str) -> str:
    """Names of the annotation as the page shows them: "pos" is "part of speech", underscores are spaces."""
    return re.sub(r"\bpos\b", "part of speech", name.replace("_", " "))


def _quality(measured: Sequence[Quality], lm: LanguageModel) -> pd.DataFrame:
    rows = [{"hook_point": str(quality.point), **sae_quality.cells(quality, lm.n_layers)} for quality in measured]
    return frame(QUALITY, rows)
