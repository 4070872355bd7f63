"""Slopes are measured for what every draw may move, and neutral texts are of another split than the reported ones."""

import noisy
import numpy as np
import pytest

from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.fits import narrow, neutral_texts
from emomech.causal.steering.recognition import Texts


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    study = noisy.study(320)
    return Experiment(study, Texts.of(study, 5, 6, 7, 20), n_labelled=3, n_features=2, n_draws=3)


def test_every_draw_can_be_fitted_and_so_can_what_it_is_compared_with(experiment: Experiment) -> None:
    fits = experiment.fits
    assert len(fits.draws) == 3 and fits.widest == 4
    assert fits.draws[0].labels.selects.tolist() == experiment.labels.selects.tolist()
    for draw in fits.draws:
        for units in (draw.units, draw.matched):
            known = set(fits.fitting(units, draw.labels).slopes.features)
            assert set(units.all) <= known
    raw = experiment._raw
    assert set(raw.all) <= set(fits.fitting(raw, experiment.labels).slopes.features)


def test_matched_features_are_none_of_the_features(experiment: Experiment) -> None:
    for draw in experiment.fits.draws:
        assert not set(draw.units.all) & set(draw.matched.all)


def test_narrow_units_are_the_first(experiment: Experiment) -> None:
    wide = experiment.fits.draws[0].units
    assert [list(of_label) for of_label in narrow(wide, 1).by_label] == [
        list(of_label[:1]) for of_label in wide.by_label
    ]
    assert experiment.units.by_label == narrow(wide, 2).by_label


def test_neutral_texts_of_two_splits_share_none(experiment: Experiment) -> None:
    study = experiment.study
    fitted, reported = (neutral_texts(study, split, 1000) for split in ("discover", "report"))
    assert not set(fitted) & {study.prompts[i] for i in experiment.texts.report_rows}
    assert len(neutral_texts(study, "report", 5)) == 5 and reported[:5] == neutral_texts(study, "report", 5)
    assert np.isin(reported, study.prompts).all()
