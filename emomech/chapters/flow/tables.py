"""The tables on the order of the stages, from the profiles of the places in every condition."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from emomech.chapters.conditions import TRAINED
from emomech.chapters.flow.order import CONTRASTS, STEPS, StageProfiles
from emomech.chapters.flow.profiles import PlaceProfiles, Resamples
from emomech.chapters.flow.rows import (
    AMOUNTS,
    BEYOND,
    CENTRES,
    DIFFERENCES,
    PHASES,
    SIZES,
    STAGE_PROFILE,
    Profiles,
    amount_rows,
    beyond_rows,
    centre_rows,
    difference_rows,
    estimate,
    phase_rows,
)
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.stats.estimates import Floats
from emomech.stats.tables import Row, frame
from emomech.stats.testing import LEVEL

if TYPE_CHECKING:
    import pandas as pd

_Measured = Mapping[str, Sequence[PlaceProfiles]]


def order_tables(measured: _Measured, resamples: Resamples, n_draws: int) -> "dict[str, pd.DataFrame]":
    """Tables by the names of the fields of `analysis.Flow`, from the profiles of each condition."""
    profiles = {c: {place.where: place.stages(resamples) for place in places} for c, places in measured.items()}
    trained = measured.get(TRAINED, ())
    halves = {place.where: place.halves(resamples) for place in trained}
    return {
        "stages": frame(STAGE_PROFILE, _stage_rows(measured, profiles)),
        "amounts": frame(AMOUNTS, amount_rows(profiles)),
        "centres": frame(CENTRES, centre_rows(profiles)),
        "differences": frame(DIFFERENCES, difference_rows(profiles)),
        "beyond": frame(BEYOND, beyond_rows(profiles)),
        "sizes": frame(SIZES, _size_rows(profiles.get(TRAINED, {}), halves)),
        "stability": frame(STABILITY, stability_rows(steps_on_draws(profiles.get(TRAINED, {}), halves, n_draws))),
        "phases": frame(PHASES, _phases(measured, profiles, resamples)),
    }


def _stage_rows(measured: _Measured, profiles: Profiles) -> Iterator[Row]:
    for condition, places in measured.items():
        for place in places:
            chance, of_place = place.by_chance(), profiles[condition][place.where]
            for stage, draws in of_place.explained.items():
                highest = np.quantile(chance[stage], 1 - LEVEL, axis=0)
                for layer, depth in enumerate(place.depth):
                    keys = {"condition": condition, "where": place.where, "stage": stage, "depth": depth}
                    explained = estimate(draws[:, layer], place.n_reads)
                    yield {**keys, "explained": explained, "chance": float(highest[layer])}


def _on_halves(whole: StageProfiles, halves: Mapping[str, Floats]) -> StageProfiles:
    """Profiles on all texts, then on both halves of each division, as if they were draws."""
    n_layers = len(whole.depth)
    draws = {s: np.concatenate([p[:1], halves[s].reshape(-1, n_layers)]) for s, p in whole.explained.items()}
    return StageProfiles(whole.depth, draws, whole.n_reads)


def steps_on_draws(
    trained: Mapping[str, StageProfiles], halves: Mapping[str, Mapping[str, Floats]], n_draws: int
) -> dict[str, list[float]]:
    """Each step at each place on the page's own texts, and on one half of each of `n_draws` − 1 divisions of them.

    `halves` are profiles of the stages by place (division, half, layer). Keys are those of the rule's criteria.
    """
    values: dict[str, list[float]] = {}
    for where, whole in trained.items():
        differences = _on_halves(whole, halves[where]).differences_unchecked()
        for step in [step for step in STEPS if step in differences]:
            values[f"{step}, {where}"] = [float(differences[step][0]), *differences[step][1::2][: n_draws - 1]]
    return values


def _size_rows(trained: Mapping[str, StageProfiles], halves: Mapping[str, Mapping[str, Floats]]) -> Iterator[Row]:
    for where, whole in trained.items():
        both, present = _on_halves(whole, halves[where]), whole.present()
        measured = {f"variance explained by {stage}": amount for stage, amount in both.amounts().items()}
        for contrast, draws in both.differences_unchecked().items():
            if set(CONTRASTS[contrast]) <= present:
                measured[contrast] = draws
        for quantity, draws in measured.items():
            values = {"all_texts": float(draws[0]), "half_of_the_texts": float(np.mean(draws[1:]))}
            yield {"where": where, "quantity": quantity, **values}


def _phases(measured: _Measured, profiles: Profiles, resamples: Resamples) -> Iterator[Row]:
    for condition, places in measured.items():
        for place in places:
            pairs = [halves for stage, halves in place.halves(resamples).items() if stage != "lexical"]
            if pairs:
                whole = profiles[condition][place.where]
                yield from phase_rows(condition, place.where, whole, np.stack(pairs, -1))
