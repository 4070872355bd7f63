"""Do single SAE features stand for annotated properties of a text, and does the answer depend on them?

For every value of every label family, the best single feature of each hook point is the one whose activation best
separates texts with the value from the others (`units`). Feature, sign, threshold and hook point are chosen on the
`discover` split; AUROC and F1 are measured on `report`. The best feature of each emotion is then ablated on other texts
(`causal`). The same is done with units that need no SAE, or an SAE that hardly learned.

Everything is read at the answer, where the token is the same in every text and carries no information.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.causal.sample import Sample
from emomech.chapters import sae_quality
from emomech.chapters.fidelity.causal import Losses, Unit, answers, emotion_family, losses
from emomech.chapters.fidelity.intervals import auroc_lead
from emomech.chapters.fidelity.readers import ABLATED, DIMENSIONS, OWN, PROBE, RANDOM, Reader, readers_of, units_of
from emomech.chapters.fidelity.stability import Division, divisions, quantities
from emomech.chapters.fidelity.units import (
    EMOTION,
    BestUnit,
    Chosen,
    Family,
    best_hook_points,
    best_units,
    families_of,
    probe_scores,
)
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core.hook_points import HookPoint
from emomech.saes.compatibility import check_quality
from emomech.saes.quality import Quality, qualities
from emomech.stats.estimates import Floats, t_interval
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, frame
from emomech.study.study import Study

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
    keys={**_READER, "baseline": "kind of unit that it is compared with", **_VALUE},
    values={
        "difference": "AUROC of the best feature minus that of the baseline's best unit, on the same texts",
        **INTERVAL,
        "n": "number of texts with the value",
    },
)
BEST = Schema(
    keys={**_READER, **_VALUE},
    values={"hook_point": "place in the model at which the best unit was chosen", "depth": DEPTH, **_SCORES},
)
_EMOTION = {"emotion": "emotion of the texts, and of the unit"}
ABLATION = Schema(
    keys={**_READER, **_EMOTION},
    values={
        "loss": "log-odds of the emotion lost when the best unit is moved to its mean at the answer, in nats",
        **INTERVAL,
        "hook_point": "place in the model at which the best unit was chosen",
        "n": "number of texts, which did not choose the unit",
    },
)
DEPENDENCE = Schema(
    keys={**_READER, "baseline": "kind of unit that it is compared with", **_EMOTION},
    values={
        "difference": "log-odds lost without the best feature, minus those lost without the baseline's, text by text",
        **INTERVAL,
        "n": "number of texts",
    },
)
SETTING = Schema(
    keys={"model": "model that is asked"},
    values={
        "accuracy": "balanced accuracy on the texts that do not choose",
        **INTERVAL,
        "untested": "why units cannot be ablated; empty if they can",
    },
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
    ablation: Annotated[pd.DataFrame, ABLATION]
    dependence: Annotated[pd.DataFrame, DEPENDENCE]
    quality: Annotated[pd.DataFrame, QUALITY]
    setting: Annotated[pd.DataFrame, SETTING]
    stability: Annotated[pd.DataFrame, STABILITY]


def fidelity(study: Study, *, n_draws: int = 5) -> Fidelity:
    """Choose and score the best unit of each kind, at each hook point, for every value of every label family.

    `n_draws` divisions of the texts, with the page's own, say whether a lead holds on other texts. Raises UsageError
    for an SAE that does not fit the model on these texts, and if no family has two values with 20 texts or more on
    both splits.
    """
    lm, seed = study.lm, study.spec.seed
    families = families_of(study.corpus, seed)
    texts = [example.text for example in study.corpus.examples[:N_GATE_TEXTS]]
    quality = qualities(lm, study.saes, texts)
    check_quality(quality, study.saes, override=study.settings.force)
    readers = readers_of(study, {measured.point: measured.l0 for measured in quality})
    read = {key: units_of(*reader) for key, reader in readers.items()}
    units = {key: list(best_units(families, [x] * len(families))) for key, x in read.items()}
    for point in study.saes:
        scores = probe_scores(readers[DIMENSIONS, point][1], families)
        units[PROBE, point] = list(best_units(families, scores))
    chosen = best_hook_points(units)
    again = divisions(families, read, n_draws - 1, seed)
    emotions = emotion_family(families)
    sample, reason = answers(study, emotions)
    lost = None if reason or not emotions else losses(study, emotions, readers, _ablated(emotions, chosen, again))
    random = {point: sae for (reader, point), (sae, _) in readers.items() if reader == RANDOM}
    depth = {point: point.depth(lm.n_layers) for point in study.saes}
    of_texts = text_losses(emotions, chosen, lost) if lost and emotions else {}
    return Fidelity(
        best=_best(chosen, depth),
        advantage=frame(ADVANTAGE, advantage_rows({key: unit for key, (_, unit) in chosen.items()})),
        detection=_detection(units, depth),
        ablation=frame(ABLATION, ablation_rows(of_texts, {key: str(point) for key, (point, _) in chosen.items()})),
        dependence=frame(DEPENDENCE, dependence_rows(of_texts)),
        quality=_quality(quality, qualities(lm, random, texts), lm.n_layers),
        setting=frame(SETTING, [setting_row(lm.name, sample, reason)]),
        stability=frame(STABILITY, stability_rows(quantities(again, read, lost))),
    )


def setting_row(model: str, sample: Sample | None, reason: str) -> Row:
    """The row of `SETTING`."""
    row: dict[str, object] = {"model": model, "untested": reason}
    return row | ({"accuracy": sample.balanced_accuracy} if sample else {})


def _ablated(emotions: Family, chosen: Chosen[Reader], again: Iterable[Division]) -> dict[str, list[Unit]]:
    """Units to ablate for each emotion: those that are chosen on any division of the texts."""
    units: dict[str, list[Unit]] = {emotion: [] for emotion in emotions.values}
    for (reader, family, value), (point, best) in chosen.items():
        if family == EMOTION and reader in (*OWN, *ABLATED):
            units[value].append((reader, point, best.unit))
    for division in again:
        for emotion, unit in division.units():
            units[emotion].append(unit)
    return units


TextLosses = Mapping[tuple[Reader, str], Floats]
"""Reader and emotion -> log-odds that each text of the emotion loses without the reader's best unit (text)."""


def text_losses(emotions: Family, chosen: Chosen[Reader], lost: Losses) -> dict[tuple[Reader, str], Floats]:
    """Losses on texts that did not choose; all readers have the same texts of an emotion."""
    return {
        (reader, value): lost.elsewhere(emotions, value, (reader, point, best.unit))
        for (reader, family, value), (point, best) in chosen.items()
        if family == EMOTION and reader in (*OWN, *ABLATED)
    }


def ablation_rows(of_texts: TextLosses, places: Mapping[tuple[Reader, str, str], str]) -> Iterator[Row]:
    """Rows of `ABLATION`."""
    for (reader, emotion), loss in of_texts.items():
        place = places[reader, EMOTION, emotion]
        estimate = t_interval(loss)
        yield {"reader": reader, "emotion": emotion, "loss": estimate, "hook_point": place, "n": estimate.n}


def dependence_rows(of_texts: TextLosses) -> Iterator[Row]:
    """Rows of `DEPENDENCE`: the model's SAEs, and second SAEs, against each baseline on the same texts."""
    for own in OWN:
        for (baseline, emotion), loss in of_texts.items():
            if baseline in ABLATED and (own, emotion) in of_texts:
                lead = t_interval(of_texts[own, emotion] - loss)
                yield {"reader": own, "baseline": baseline, "emotion": emotion, "difference": lead, "n": lead.n}


def advantage_rows(chosen: Mapping[tuple[Reader, str, str], BestUnit]) -> Iterator[Row]:
    """Rows of `ADVANTAGE`: the model's SAEs, and second SAEs, against each other reader on the same texts."""
    for own in OWN:
        for (baseline, family, value), other in chosen.items():
            if baseline not in OWN and (own, family, value) in chosen:
                feature = chosen[own, family, value]
                lead = auroc_lead(feature.score, other.score, feature.member)
                keys = {"reader": own, "baseline": baseline, "family": family, "value": value}
                yield {**keys, "difference": lead, "n": lead.n}


def _detection(
    units: Mapping[tuple[Reader, HookPoint], Sequence[BestUnit]], depth: Mapping[HookPoint, float]
) -> pd.DataFrame:
    rows = [
        {"reader": reader, "hook_point": str(point), "depth": depth[point], **unit.columns}
        for (reader, point), best in units.items()
        for unit in best
    ]
    return frame(DETECTION, rows)


def _best(chosen: Chosen[Reader], depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = [
        {"reader": reader, "hook_point": str(point), "depth": depth[point], **unit.columns}
        for (reader, _, _), (point, unit) in chosen.items()
    ]
    return frame(BEST, rows)


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
