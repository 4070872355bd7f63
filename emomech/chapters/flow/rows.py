"""Rows of the tables on the order of the stages, from their profiles; the simulation makes its tables with them too."""

from collections.abc import Iterator, Mapping

import numpy as np

from emomech.chapters.conditions import TRAINED
from emomech.chapters.flow.order import StageProfiles, estimate
from emomech.stats.depth_profiles import ramp_error, segment, step_error
from emomech.stats.estimates import Floats
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema

MAX_PHASES = 5
RAMP = "ramp"
PLACE = {
    "condition": "the trained model with its SAEs, or a control",
    "where": "place that is read: the words that carry a family's tags, or the answer",
}
STAGE = {"stage": "stage, the mean of its label families"}
EXPLAINED = {
    "explained": "share of the variance of the features' ranks that the labels explain, from two halves of the texts; "
    "around 0 where they explain nothing, so also below it",
    **INTERVAL,
}
_N_READS = {"n": "number of reads of each family"}
_CONTRAST = {"contrast": "the two stages whose centres are subtracted"}
STAGE_PROFILE = Schema(
    keys=PLACE | STAGE | {"depth": DEPTH},
    values=EXPLAINED | {"chance": "what permuted labels exceed in one of twenty permutations"},
)
AMOUNTS = Schema(keys=PLACE | STAGE, values=EXPLAINED | _N_READS)
CENTRES = Schema(
    keys=PLACE | STAGE,
    values={
        "centre": "depth centre of gravity of the profile; undefined if the stage does not explain clearly more than "
        "0.2 % of the variance, the mean over all layers",
        **INTERVAL,
        **_N_READS,
    },
)
DIFFERENCES = Schema(
    keys=PLACE | _CONTRAST,
    values={"difference": "difference between the two centres, in units of model depth", **INTERVAL, **_N_READS},
)
BEYOND = Schema(
    keys={"control": "the control", "where": PLACE["where"], **_CONTRAST},
    values={
        "difference": "difference between the two centres in the trained model, less the control's, on the same texts; "
        "a control with less than a quarter of the trained model's profile counts in proportion",
        **INTERVAL,
        **_N_READS,
    },
)
PHASES = Schema(
    keys=PLACE | {"form": "shape of the profile: K constant phases of layers, or a straight line in depth"},
    values={
        "error": "squared error on the other half of the texts, relative to that of one constant phase",
        "starts": "depth at which each phase begins, fitted on all texts",
    },
)
SIZES = Schema(
    keys={"where": PLACE["where"], "quantity": "what is measured in the trained model"},
    values={"all_texts": "its value on all texts", "half_of_the_texts": "its mean over halves of the texts"},
)
Profiles = Mapping[str, Mapping[str, StageProfiles]]
"""Condition -> place -> profiles of the stages."""


def _each(profiles: Profiles) -> Iterator[tuple[dict[str, object], StageProfiles]]:
    """Every condition and place: the first two columns of a row, and the profiles there."""
    for condition, places in profiles.items():
        for where, place in places.items():
            yield {"condition": condition, "where": where}, place


def amount_rows(profiles: Profiles) -> Iterator[Row]:
    """Rows of `AMOUNTS`."""
    for keys, place in _each(profiles):
        for stage, amounts in place.amounts().items():
            yield {**keys, "stage": stage, "explained": estimate(amounts, place.n_reads), "n": place.n_reads}


def centre_rows(profiles: Profiles) -> Iterator[Row]:
    """Rows of `CENTRES`."""
    for keys, place in _each(profiles):
        for stage, centres in place.centres().items():
            yield {**keys, "stage": stage, "centre": estimate(centres, place.n_reads, 0), "n": place.n_reads}


def difference_rows(profiles: Profiles) -> Iterator[Row]:
    """Rows of `DIFFERENCES`."""
    for keys, place in _each(profiles):
        for contrast, draws in place.differences().items():
            difference = estimate(draws, place.n_reads)
            yield {**keys, "contrast": contrast, "difference": difference, "n": place.n_reads}


def beyond_rows(profiles: Profiles) -> Iterator[Row]:
    """Rows of `BEYOND`: the trained model against every other condition."""
    for control in [condition for condition in profiles if condition != TRAINED]:
        for where, place in profiles[TRAINED].items():
            for contrast, draws in place.beyond(profiles[control][where]).items():
                difference = estimate(draws, place.n_reads)
                yield {
                    "control": control,
                    "where": where,
                    "contrast": contrast,
                    "difference": difference,
                    "n": place.n_reads,
                }


def phase_rows(condition: str, where: str, whole: StageProfiles, pairs: Floats) -> Iterator[Row]:
    """Rows of `PHASES`: each stage that is present is divided by its largest share, so that all have equal weight.

    `pairs` are profiles of pairs of halves of the texts (division, half, layer, stage); the stages are those of the
    claim, in the order of `whole`. The halves are known only with noise, so a smooth curve that is known precisely is
    best described by many phases: the number of phases says more about the noise than about the model.
    """
    stages = [stage for stage in whole.explained if stage != "lexical"]
    present = [i for i, stage in enumerate(stages) if stage in whole.present()]
    if not present:
        return
    profile = np.stack([whole.explained[stages[i]][0] for i in present], -1)
    largest, depth = profile.max(0), whole.depth
    halves = [pair for first, second in pairs[..., present] / largest for pair in ((first, second), (second, first))]
    n_phases = range(1, min(MAX_PHASES, len(depth)) + 1)
    errors = {f"K={k}": np.mean([step_error(*pair, k) for pair in halves]) for k in n_phases}
    starts = {f"K={k}": " ".join(f"{depth[i]:.2f}" for i in segment(profile / largest, k)) for k in n_phases}
    errors[RAMP] = np.mean([ramp_error(*pair, depth) for pair in halves])
    constant = max(errors["K=1"], 1e-12)
    for form, error in errors.items():
        keys = {"condition": condition, "where": where, "form": form}
        yield {**keys, "error": float(error / constant), "starts": starts.get(form, "")}
