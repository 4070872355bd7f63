"""Claim C1: does a text turn into syntax, then semantics, then emotion, layer by layer?

On the same number of reads, and on the same texts wherever these have labels of all kinds, each layer's features are
tested for every label family; the share of its active features that are selective, above a permutation null, is the
family's profile in depth. A stage is the mean of its families. Three things decide: the order of the stages' depth
centres of gravity; how many phases of layers best predict the profile of held-out texts, one to five, against a
straight ramp; and whether controls in which nothing was learned show the same.

Nothing is fitted to these texts and nothing chosen on them, so all splits are used.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd

from emomech.chapters.flow.profiles import Profiles, Reads, Resamples, measure, with_labels_shuffled
from emomech.chapters.flow.reads import STAGES, Reading, Untested, readings, stage_of
from emomech.chapters.flow.texts import LabelledTexts
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.compatibility import check_quality
from emomech.saes.controls import random_sae
from emomech.saes.quality import Quality, qualities
from emomech.saes.sae import Sae
from emomech.stats.depth_profiles import ramp_error, segment, step_error
from emomech.stats.estimates import Floats, standard_interval
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.study.study import Study

Condition = Literal["trained", "shuffled labels", "random dictionary", "random weights"]
"""The model and its SAEs; the same with labels exchanged among like words; random directions in place of the
SAEs; random directions in the same network with its weights drawn again."""
CONTRASTS: Mapping[str, tuple[str, str]] = {
    "semantics − syntax": ("semantics", "syntax"),
    "emotion − semantics": ("emotion", "semantics"),
    "emotion − syntax": ("emotion", "syntax"),
}
MAX_PHASES = 5
RAMP = "ramp"
N_GATE_TEXTS = 200
_PLACE = {
    "condition": "the trained model with its SAEs, or a control",
    "where": "read at the words that carry a family's tags, or at the answer",
}
PROFILE = Schema(
    keys=_PLACE | {"hook_point": "where in the model", "family": "label family"},
    values={
        "stage": "stage that the family stands for",
        "depth": DEPTH,
        "n_selective": "features selective above the null; by chance one cell in twenty shows one or more",
        "n_active": "features that fire on any read",
        "share": "selective among active",
        **INTERVAL,
    },
)
STAGE_PROFILE = Schema(
    keys=_PLACE | {"stage": "mean of its families", "depth": DEPTH},
    values={"share": "selective among active features", **INTERVAL},
)
CENTRES = Schema(
    keys=_PLACE | {"stage": "mean of its families"},
    values={
        "centre": "depth centre of gravity of its profile; undefined where it shows no more features than chance",
        **INTERVAL,
        "n": "reads per family",
    },
)
DIFFERENCES = Schema(
    keys=_PLACE | {"contrast": "which stage lies deeper than which"},
    values={"difference": "difference of the centres, in model depths", **INTERVAL, "n": "reads per family"},
)
PHASES = Schema(
    keys=_PLACE | {"form": "constant runs of layers, or a straight line in depth"},
    values={
        "error": "squared error on the other half of the texts, relative to one constant run",
        "starts": "depth at which each run begins, on all texts",
    },
)
FAMILIES = Schema(
    keys={"where": _PLACE["where"], "family": "label family"},
    values={
        "stage": "stage that it stands for",
        "n": "reads, one per text",
        "classes": "classes compared",
        "untested": "why these texts cannot speak about it; empty if they can",
    },
)
TEXTS = Schema(
    keys={"stage": "stage of the claim, or the baseline"},
    values={
        "families": "label families that stand for it",
        "texts": "whose texts they are read on",
        "labels": "who labelled these texts' words",
        "n_texts": "such texts",
        "n_tested": "families that they can speak about, at the words or at the answer",
    },
)
QUALITY = Schema(
    keys={"hook_point": "where the SAE stands"},
    values={
        "depth": DEPTH,
        "l0": "active features per token",
        "fvu": "fraction of variance unexplained",
        "dead": "share of features that never fire here",
        "loss_recovered": "1: its reconstruction costs no cross-entropy; 0: as bad as the mean activation",
    },
)


@dataclass(frozen=True)
class Flow:
    """At which depth each stage's features are, in the model and in controls."""

    profile: Annotated[pd.DataFrame, PROFILE]
    stages: Annotated[pd.DataFrame, STAGE_PROFILE]
    centres: Annotated[pd.DataFrame, CENTRES]
    differences: Annotated[pd.DataFrame, DIFFERENCES]
    phases: Annotated[pd.DataFrame, PHASES]
    families: Annotated[pd.DataFrame, FAMILIES]
    texts: Annotated[pd.DataFrame, TEXTS]
    quality: Annotated[pd.DataFrame, QUALITY]


def flow(study: Study, *, n_permutations: int = 200, n_resamples: int = 200) -> Flow:
    """Profile the model and three controls in depth.

    The null has `n_permutations` shuffles of the labels, the intervals `n_resamples` bootstrap draws of
    whole clusters. Raises UsageError for an SAE that does not fit the model on these texts.
    """
    lm, saes, seed = study.lm, study.saes, study.spec.seed
    texts = LabelledTexts.of(study)
    quality = qualities(lm, saes, texts.first(N_GATE_TEXTS))
    check_quality(quality, saes)
    tested, untested = readings(texts.examples, texts.questions, seed, texts.numbers)
    resamples = Resamples.of([example.cluster for example in texts.examples], n_resamples, seed)
    l0 = {found.point: max(1, round(found.l0)) for found in quality}

    def profiles(condition: Condition) -> list[Profiles]:
        model = randomised(lm, seed) if condition == "random weights" else lm
        reads = Reads.of(model, list(saes), texts.questions, tested)
        dictionaries = saes
        if condition.startswith("random"):
            dictionaries = {point: _random(reads, sae, l0[point], seed) for point, sae in saes.items()}
        shown = tested if condition != "shuffled labels" else [with_labels_shuffled(r, seed) for r in tested]
        return list(measure(reads, dictionaries, shown, resamples, n_permutations, seed))

    found = {condition: profiles(condition) for condition in get_args(Condition)} if tested else {}
    return Flow(
        profile=_profile(found, list(saes)),
        stages=_stages(found),
        centres=_centres(found),
        differences=_differences(found),
        phases=_phases(found),
        families=_families(tested, untested),
        texts=_texts(texts, tested),
        quality=_quality(quality, lm),
    )


def _random(reads: Reads, sae: Sae, k: int, seed: int) -> Sae:
    """Draw a dictionary of the SAE's size and sparsity."""
    return random_sae(sae.point, reads.activations[sae.point], sae.d_sae, k, seed)


def _ends(values: Floats, least: float = 0) -> tuple[float, float, float]:
    """Value in all texts, and its interval from `least` to 1 over the bootstrap draws, of values by resample (row)."""
    found = standard_interval(values[0], Resamples.draws(values), 0, (least, 1))
    return found.value, found.low, found.high


def _profile(found: Mapping[Condition, Sequence[Profiles]], points: Sequence[HookPoint]) -> pd.DataFrame:
    rows = []
    for condition, places in found.items():
        for at in places:
            for f in at.families:
                for layer, point in enumerate(points):
                    counts = (int(f.n_selective[0, layer]), int(f.n_active[layer]))
                    place = (condition, at.where, str(point), _words(f.family), stage_of(f.family), at.depth[layer])
                    rows.append((*place, *counts, *_ends(f.share[:, layer])))
    return frame(PROFILE, rows)


def _stages(found: Mapping[Condition, Sequence[Profiles]]) -> pd.DataFrame:
    rows = []
    for condition, places in found.items():
        for at in places:
            for stage, shares in at.stages().items():
                for layer, depth in enumerate(at.depth):
                    rows.append((condition, at.where, stage, depth, *_ends(shares[:, layer])))
    return frame(STAGE_PROFILE, rows)


def _centres(found: Mapping[Condition, Sequence[Profiles]]) -> pd.DataFrame:
    rows = []
    for condition, places in found.items():
        for at in places:
            rows += [(condition, at.where, stage, *_ends(c), at.n_reads) for stage, c in at.centres().items()]
    return frame(CENTRES, rows)


def _differences(found: Mapping[Condition, Sequence[Profiles]]) -> pd.DataFrame:
    rows = []
    for condition, places in found.items():
        for at in places:
            centres = at.centres()
            for contrast, (later, earlier) in CONTRASTS.items():
                if later in centres and earlier in centres:
                    values = _ends(centres[later] - centres[earlier], least=-1)
                    rows.append((condition, at.where, contrast, *values, at.n_reads))
    return frame(DIFFERENCES, rows)


def _phases(found: Mapping[Condition, Sequence[Profiles]]) -> pd.DataFrame:
    rows = []
    for condition, places in found.items():
        for at in places:
            for form, error, starts in _forms(at):
                rows.append((condition, at.where, form, error, starts))
    return frame(PHASES, rows)


def _forms(at: Profiles) -> list[tuple[str, float, str]]:
    """Held-out error of one to five phases and of a ramp, and where the phases begin: (form, error, starts).

    Each stage of the claim that is present is divided by its own largest share, so that all count alike.
    """
    present = at.present() - {"lexical"}
    claimed = [shares / shares[0].max() for stage, shares in at.stages().items() if stage in present]
    if not claimed:
        return []
    profile = np.stack(claimed, -1)
    pairs = [pair for first, second in Resamples.halves(profile) for pair in ((first, second), (second, first))]
    n_phases = range(1, min(MAX_PHASES, len(at.depth)) + 1)
    errors = {f"K={k}": np.mean([step_error(*pair, k) for pair in pairs]) for k in n_phases}
    starts = {f"K={k}": " ".join(f"{at.depth[i]:.2f}" for i in segment(profile[0], k)) for k in n_phases}
    errors[RAMP] = np.mean([ramp_error(*pair, at.depth) for pair in pairs])
    constant = max(errors["K=1"], 1e-12)
    return [(form, float(error / constant), starts.get(form, "")) for form, error in errors.items()]


def phase_starts(phases: pd.DataFrame, n_phases: int = 3, where: str = "answer") -> list[float]:
    """Read from the table of phases where those of the trained model begin; nothing where they were not counted."""
    here = (phases.condition == "trained") & (phases["where"] == where) & (phases.form == f"K={n_phases}")
    rows = phases[here]
    return [float(start) for start in rows.starts.iloc[0].split()] if len(rows) else []


def _families(tested: Sequence[Reading], untested: Sequence[Untested]) -> pd.DataFrame:
    rows = [
        (r.where, _words(r.family), stage_of(r.family), len(r.text), _words(", ".join(r.classes)), "") for r in tested
    ]
    rows += [(u.where, _words(u.family), stage_of(u.family), 0, "", u.reason) for u in untested]
    return frame(FAMILIES, rows)


def _texts(texts: LabelledTexts, tested: Sequence[Reading]) -> pd.DataFrame:
    spoken = {reading.family for reading in tested}
    rows = []
    for stage, families in STAGES.items():
        kind = texts.kind_of[families[0]]
        counts = len(kind.numbers), len(spoken & set(families))
        rows.append((stage, _words(", ".join(families)), kind.texts, kind.labels, *counts))
    return frame(TEXTS, rows)


def _words(name: str) -> str:
    """Write names of the annotation as the page shows them."""
    return re.sub(r"\bpos\b", "part of speech", name.replace("_", " "))


def _quality(found: Sequence[Quality], lm: LanguageModel) -> pd.DataFrame:
    rows = [(str(q.point), q.point.depth(lm.n_layers), q.l0, q.fvu, q.dead, q.loss_recovered) for q in found]
    return frame(QUALITY, rows)
