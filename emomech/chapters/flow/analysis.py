"""Claim C1: is a text processed as syntax, then semantics, then emotion, layer by layer?

At each hook point the SAE features are related to every label family, on the same number of reads and, where the texts
are annotated for all families, on the same texts. The share of the features' variance that a family explains, estimated
so that it does not depend on the number of texts (`stats.explained`), is the family's profile in depth. The profile of
a stage is the mean of its families. The verdict rests on the order of the stages' depth centres of gravity, and on how
much of it controls show in which nothing was learned. The number of phases of the profile is described only.

No parameter is fitted to these texts and nothing is selected on them, so all splits are used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.chapters import sae_quality
from emomech.chapters.conditions import (
    BARELY_TRAINED,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SECOND_SAES,
    SHUFFLED_LABELS,
    TRAINED,
)
from emomech.chapters.flow.order import estimate
from emomech.chapters.flow.profiles import (
    Labelled,
    PlaceProfiles,
    ReadActivations,
    Resamples,
    measure,
    with_labels_permuted_in_strata,
)
from emomech.chapters.flow.reads import STAGES, FamilyReads, UntestedFamily, choose_reads, stage_of
from emomech.chapters.flow.rows import (
    AMOUNTS,
    BEYOND,
    CENTRES,
    DIFFERENCES,
    EXPLAINED,
    PHASES,
    PLACE,
    SIZES,
    STAGE_PROFILE,
)
from emomech.chapters.flow.tables import order_tables
from emomech.chapters.flow.texts import LabelledTexts
from emomech.chapters.stability import STABILITY
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.compatibility import check_quality
from emomech.saes.controls import random_like
from emomech.saes.quality import Quality, qualities
from emomech.saes.sae import Sae
from emomech.stats.tables import DEPTH, Schema, frame
from emomech.study.study import Study

N_GATE_TEXTS = 200
"""Texts of each kind on which the quality of the SAEs is measured."""
PROFILE = Schema(
    keys=PLACE | {"hook_point": "place in the model", "family": "label family"},
    values={"stage": "stage that the family stands for", "depth": DEPTH, **EXPLAINED},
)
FAMILIES = Schema(
    keys={"where": PLACE["where"], "family": "label family"},
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
    amounts: Annotated[pd.DataFrame, AMOUNTS]
    centres: Annotated[pd.DataFrame, CENTRES]
    differences: Annotated[pd.DataFrame, DIFFERENCES]
    beyond: Annotated[pd.DataFrame, BEYOND]
    sizes: Annotated[pd.DataFrame, SIZES]
    stability: Annotated[pd.DataFrame, STABILITY]
    phases: Annotated[pd.DataFrame, PHASES]
    families: Annotated[pd.DataFrame, FAMILIES]
    texts: Annotated[pd.DataFrame, TEXTS]
    quality: Annotated[pd.DataFrame, QUALITY]


def flow(study: Study, *, n_permutations: int = 200, n_resamples: int = 200, n_draws: int = 5) -> Flow:
    """Profile the trained model, with SAEs of another seed if there are any, and its controls in depth.

    Intervals have `n_resamples` bootstrap draws of whole clusters, each with the noise of one of `n_permutations`
    permutations of the labels. The order is also measured on `n_draws` − 1 random halves of the texts. Raises
    UsageError for an SAE that does not fit the model on these texts.
    """
    lm, saes, seed = study.lm, study.saes, study.spec.seed
    texts = LabelledTexts.of(study)
    quality = qualities(lm, saes, texts.first(N_GATE_TEXTS))
    check_quality(quality, saes, override=study.settings.force)
    tested, untested = choose_reads(texts.examples, texts.questions, seed, texts.numbers, texts.missing)
    clusters = [example.cluster for example in texts.examples]
    resamples = Resamples.of(clusters, n_resamples, max(1, n_draws - 1), seed)
    shuffled = [with_labels_permuted_in_strata(family, seed) for family in tested]
    labelled = {
        name: [Labelled.of(family, resamples, n_permutations, seed) for family in families]
        for name, families in ((TRAINED, tested), (SHUFFLED_LABELS, shuffled))
    }
    l0 = {measured.point: max(1, round(measured.l0)) for measured in quality}
    measured: dict[str, list[PlaceProfiles]] = {}
    for model in (lm, randomised(lm, seed)) if tested else ():
        reads = ReadActivations.of(model, list(saes), texts.questions, tested)
        random = {p: random_like(sae, reads.activations[p], seed, l0=l0[p]) for p, sae in saes.items()}
        dictionaries = {RANDOM_WEIGHTS: random} if model is not lm else _dictionaries(study, random)
        for condition, dictionary in dictionaries.items():
            measured[condition] = measure(reads, dictionary, labelled.get(condition, labelled[TRAINED]))
    return Flow(
        profile=_profile(measured, resamples, list(saes)),
        **order_tables(measured, resamples, n_draws),
        families=_families(tested, untested),
        texts=_texts(texts, tested),
        quality=_quality(quality, lm),
    )


def _dictionaries(study: Study, random: Mapping[HookPoint, Sae]) -> dict[str, Mapping[HookPoint, Sae]]:
    """Dictionaries with which the trained model is read, by condition, in the order of the tables."""
    read = {TRAINED: study.saes, SHUFFLED_LABELS: study.saes, RANDOM_DICTIONARY: random}
    read |= {control: study.control_saes[control] for control in BARELY_TRAINED if control in study.control_saes}
    return read | ({SECOND_SAES: study.other_saes} if study.other_saes else {})


def _profile(
    measured: Mapping[str, Sequence[PlaceProfiles]], resamples: Resamples, points: Sequence[HookPoint]
) -> pd.DataFrame:
    rows = [
        {
            "condition": condition,
            "where": place.where,
            "hook_point": str(point),
            "family": _words(f.family),
            "stage": stage_of(f.family),
            "depth": place.depth[layer],
            "explained": estimate(resamples.with_draws(f.explained)[:, layer], place.n_reads),
        }
        for condition, places in measured.items()
        for place in places
        for f in place.families
        for layer, point in enumerate(points)
    ]
    return frame(PROFILE, rows)


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
